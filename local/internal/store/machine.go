package store

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Machine is where programs come from. The zero Machine has none.
type Machine struct {
	Path     string   // directories, as in $PATH
	Postgres string   // a pattern of further directories that may hold Postgres
	Env      []string // what the programs get to see

	Fetch  []string // a command line that ends in FetchPostgres; none: no download
	Python string   // its pip brings MongoDB and Redis; none: no download
}

// ThisMachine is the one we run on. Self is our own program.
func ThisMachine(self string) Machine {
	m := Machine{
		Path: os.Getenv("PATH"), Postgres: "/usr/lib/postgresql/*/bin",
		Env: os.Environ(), Fetch: []string{self, "fetch-postgres"},
	}
	if python := m.programs("python3"); len(python) > 0 {
		m.Python = python[0]
	}
	return m
}

// programs lists the programs called name on the path, in its order.
func (m Machine) programs(name string) []string {
	all := []string{}
	for _, dir := range filepath.SplitList(m.Path) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 && filepath.IsAbs(path) {
			all = append(all, path)
		}
	}
	return all
}

// program is one that ran when it was asked for its version.
type program struct {
	path    string
	version string
	from    string // for people
}

// asks runs a program for its version: a file that cannot run here, or not for
// this user, is not the program we look for.
func (m Machine) asks(ctx context.Context, path string, as *syscall.Credential) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Dir = m.Env, &out, &errs, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s does not run here: %w %s", path, err, bytes.TrimSpace(errs.Bytes()))
	}
	first, _, _ := strings.Cut(strings.TrimSpace(out.String()), "\n")
	return first, nil
}

// onPath is the first program called name on the path that runs.
func (m Machine) onPath(ctx context.Context, name string, missed *missed) (program, bool) {
	candidates := m.programs(name)
	if len(candidates) == 0 {
		missed.add("there is no %s on the PATH", name)
	}
	for _, path := range candidates {
		version, err := m.asks(ctx, path, nil)
		if err == nil {
			return program{path: path, version: version, from: path + " on the PATH"}, true
		}
		missed.add("%v", err)
	}
	return program{}, false
}

// wheels reports whether the Linux programs inside Python wheels run here.
func wheels() bool { return runtime.GOOS == "linux" && runtime.GOARCH == "amd64" }
