package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	embedded "github.com/fergusstrange/embedded-postgres"

	"tenure/local/internal/proc"
)

// pinnedPostgres is what is downloaded. The sums are those of the archives for
// each system, by the name that embedded-postgres gives them.
const pinnedPostgres = embedded.V17

func postgresSums() map[string]string {
	name := func(system string) string {
		return "embedded-postgres-binaries-" + system + "-" + string(pinnedPostgres) + ".txz"
	}
	return map[string]string{
		name("linux-amd64"):        "8f438e206259d3ec5be6fb8ee6180f5d46234156659ed1238f6ab4806cfccf0f",
		name("linux-amd64-alpine"): "9bbbdc4a892b02911c3825ee6e29ffc2cc73df40acfcebf41a1ca3c5f804edb3",
		name("linux-arm64v8"):      "b931564ba20d4009d70c37ceb27109213f696cfd507c4ecb769c6d6762454a1c",
		name("darwin-amd64"):       "9418e2e93bf4a767dcd56b417c0b823ab237f935ad2460df1ce43ed65ea017c3",
		name("darwin-arm64v8"):     "746918d0d88eb766e51b43d93ac0d4dbcd6730ff0ac61399a4fcfd626d6ea287",
	}
}

// download brings Postgres, once, into a directory its account can reach.
func (p *postgres) download(ctx context.Context) (string, error) {
	if len(p.Machine.Fetch) == 0 {
		return "", errors.New("and nothing may be downloaded")
	}
	bin, err := p.within(p.account, p.Bin)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(bin, "postgres-"+string(pinnedPostgres))
	err = downloads(ctx, bin, func() error {
		if _, err := p.Machine.asks(ctx, filepath.Join(dir, "bin", "postgres"), p.account.credential()); err == nil {
			return nil // brought before
		}
		return p.fetch(ctx, bin, dir)
	})
	return filepath.Join(dir, "bin"), err
}

// fetch runs FetchPostgres in a process of its own, which can be ended when we
// are, and which leaves its temporary files where they are thrown away.
func (p *postgres) fetch(ctx context.Context, bin, dir string) error {
	p.Say("downloading PostgreSQL %s from Maven Central into %s", pinnedPostgres, dir)
	temp, err := os.MkdirTemp(bin, "postgres-new-")
	if err != nil {
		return fmt.Errorf("store: download: %w", err)
	}
	p.Guard.Remove(temp)
	defer os.RemoveAll(temp)
	args := append(p.Machine.Fetch[1:len(p.Machine.Fetch):len(p.Machine.Fetch)], temp)
	err = p.once(ctx, proc.Spec{
		Name: "fetch-postgres", Path: p.Machine.Fetch[0], Args: args, Dir: temp,
		Env: append(p.Machine.Env[:len(p.Machine.Env):len(p.Machine.Env)], "TMPDIR="+temp),
	})
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil { // one that did not run
		return fmt.Errorf("store: download: %w", err)
	}
	if err := os.Rename(filepath.Join(temp, "postgres"), dir); err != nil {
		return fmt.Errorf("store: download: %w", err)
	}
	return nil
}

// FetchPostgres has embedded-postgres bring its programs to dir/postgres and
// checks the archive's sum. From names another Maven repository; "" is Central.
//
// The library would go on and run a server, as whoever we are and before we
// have looked at the sum. It is given a runtime directory that cannot be made,
// below a link to nowhere, which it notices after unpacking and before running.
func FetchPostgres(ctx context.Context, dir, from string) error {
	nowhere := filepath.Join(dir, "nowhere")
	if err := os.Symlink(filepath.Join(dir, "missing", "too"), nowhere); err != nil {
		return fmt.Errorf("store: download: %w", err)
	}
	into := filepath.Join(dir, "postgres")
	ports, err := LoadPorts("")
	if err != nil {
		return err
	}
	port, err := ports.Pick(ctx, "postgres") // it wants a free one, to no purpose
	if err != nil {
		return err
	}
	config := embedded.DefaultConfig().Version(pinnedPostgres).Port(uint32(port)).Logger(io.Discard).
		CachePath(filepath.Join(dir, "cache")).BinariesPath(into).RuntimePath(filepath.Join(nowhere, "run"))
	if from != "" {
		config = config.BinaryRepositoryURL(from)
	}
	stopped := embedded.NewDatabase(config).Start()
	archives, err := filepath.Glob(filepath.Join(dir, "cache", "*.txz"))
	if err != nil || len(archives) != 1 {
		return fmt.Errorf("store: download: %w", errors.Join(stopped, err))
	}
	want, ok := postgresSums()[filepath.Base(archives[0])]
	if !ok {
		return fmt.Errorf("store: download: no sum is known for %s", filepath.Base(archives[0]))
	}
	if err := verify(archives[0], want); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(into, "bin", "postgres")); err != nil {
		return fmt.Errorf("store: download: %w", errors.Join(stopped, err))
	}
	return readable(into)
}

// readable lets everyone run what was brought, whatever the umask is: it is
// run by another user when we are root.
func readable(dir string) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if d.IsDir() || mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode)
	})
	if err != nil {
		return fmt.Errorf("store: download: %w", err)
	}
	return nil
}
