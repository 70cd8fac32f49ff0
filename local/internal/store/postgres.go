package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"tenure/local/internal/proc"
)

// database is what `make run` keeps its events in. Tests make their own.
const database = "tenure"

// openPostgres runs Postgres with its data in s.Data.
func openPostgres(ctx context.Context, s Setup, url string) (*Server, error) {
	if url != "" {
		return named("postgres", url), nil
	}
	p, err := s.postgres(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.create(ctx); err != nil {
		return nil, err
	}
	kept, port, err := s.start(ctx, launch{name: "postgres", spec: p.server, ready: p.ready})
	if err != nil {
		return nil, err
	}
	name := database
	if s.Scratch {
		name = "postgres"
	}
	return &Server{
		Name: "postgres", From: p.version + " from " + p.from, kept: kept,
		URL: fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", port, name),
	}, nil
}

// postgres is one installation of Postgres with one directory of data.
type postgres struct {
	Setup
	program          // its path is that of the directory of programs
	account *Account // whom it runs as
	home    string   // holds the data and is HOME
}

func (s Setup) postgres(ctx context.Context) (*postgres, error) {
	who, err := postgresAccount()
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	base, err := s.within(who, s.Data)
	if err != nil {
		return nil, err
	}
	p := &postgres{Setup: s, home: filepath.Join(base, "postgres")}
	if p.account, err = who.owning(p.data()); err != nil {
		return nil, err
	}
	p.program, err = p.find(ctx)
	return p, err
}

func (p *postgres) data() string { return filepath.Join(p.home, "data") }

// create makes the data directory, once.
func (p *postgres) create(ctx context.Context) error {
	if _, err := os.Stat(p.data()); err == nil {
		return nil
	}
	if err := p.makeHome(); err != nil {
		return err
	}
	// The data is made under another name and renamed when it is whole. What a
	// crash in between left there is thrown away: nobody can have used it.
	fresh := p.data() + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("store: postgres: %w", err)
	}
	args := []string{"-D", fresh, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"}
	if p.Scratch {
		args = append(args, "--no-sync")
	}
	if err := p.once(ctx, p.spec("initdb", "initdb", args...)); err != nil {
		return err
	}
	if err := p.createDatabase(ctx, fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, p.data()); err != nil {
		return fmt.Errorf("store: postgres: %w", err)
	}
	return nil
}

func (p *postgres) makeHome() error {
	err := os.MkdirAll(p.home, 0o700)
	if err == nil && p.account != nil {
		err = os.Chown(p.home, int(p.account.UID), int(p.account.GID))
	}
	if err != nil {
		return fmt.Errorf("store: postgres: %w", err)
	}
	return nil
}

// createDatabase makes the database before anyone can connect, so that no
// client is needed to do it.
func (p *postgres) createDatabase(ctx context.Context, data string) error {
	if p.Scratch {
		return nil
	}
	in, out, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("store: postgres: %w", err)
	}
	defer in.Close()
	_, err = out.WriteString("create database " + database + "\n") // fits in the pipe
	if err = errorsFirst(err, out.Close()); err != nil {
		return fmt.Errorf("store: postgres: %w", err)
	}
	spec := p.spec("createdb", "postgres", "--single", "-D", data, "postgres")
	spec.In = in
	return p.once(ctx, spec)
}

// spec runs one of the installation's programs.
func (p *postgres) spec(name, program string, args ...string) proc.Spec {
	return proc.Spec{
		Name: name, Path: filepath.Join(p.path, program), Args: args, Dir: p.home,
		Env: p.env(), As: p.account.credential(),
		// Fast is the shutdown that waits for no client and leaves nothing to
		// recover; immediate is the one for a postmaster without a parent.
		Stop: syscall.SIGINT, Orphaned: syscall.SIGQUIT,
	}
}

// env keeps away settings that are meant for another Postgres.
func (p *postgres) env() []string {
	env := []string{"HOME=" + p.home, "LC_ALL=C", "TZ=UTC"}
	for _, v := range p.Machine.Env {
		if strings.HasPrefix(v, "PATH=") || strings.HasPrefix(v, "LD_LIBRARY_PATH=") {
			env = append(env, v)
		}
	}
	return env
}

// server is the server itself. It listens on loopback only, with no socket in
// the file system. It always syncs: Tenure refuses one that does not.
func (p *postgres) server(port int) proc.Spec {
	connections := "200"
	args := []string{
		"-D", p.data(), "-p", strconv.Itoa(port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=on",
		"-c", "timezone=UTC", "-c", "log_timezone=UTC", "-c", "log_min_messages=warning",
	}
	if p.Scratch {
		connections = "500"
		args = append(args, "-c", "max_wal_size=2GB", "-c", "shared_buffers=256MB")
	}
	return p.spec("postgres", "postgres", append(args, "-c", "max_connections="+connections)...)
}

// ready looks where pg_ctl looks: the server writes its state into the eighth
// line of its pid file, and its own id into the first, which a file left by
// one that was killed does not have.
func (p *postgres) ready(_ context.Context, pid, _ int) bool {
	text, err := os.ReadFile(filepath.Join(p.data(), "postmaster.pid"))
	lines := strings.Split(string(text), "\n")
	return err == nil && len(lines) > 7 &&
		strings.TrimSpace(lines[0]) == strconv.Itoa(pid) && strings.TrimSpace(lines[7]) == "ready"
}

func errorsFirst(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
