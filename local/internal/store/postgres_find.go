package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// oldest is the first Postgres that is good enough.
const oldest = 14

// find finds the programs: on the path, in the directories of the system's
// packages, the newest first, or by download. Where there is data already, only
// the major version that made it will do.
func (p *postgres) find(ctx context.Context) (program, error) {
	var missed missed
	made := p.madeBy()
	for _, c := range p.installed() {
		version, err := p.try(ctx, c.path, made)
		if err == nil {
			c.version = version
			return c, nil
		}
		missed.add("%v", err)
	}
	if len(missed.reasons) == 0 {
		missed.add("there is no postgres on the PATH or in %s", p.Machine.Postgres)
	}
	dir, err := p.download(ctx)
	if err == nil {
		var version string
		version, err = p.try(ctx, dir, made)
		if err == nil {
			return program{path: dir, version: version, from: dir + ", downloaded"}, nil
		}
	}
	if ctx.Err() != nil {
		return program{}, fmt.Errorf("store: postgres: %w", ctx.Err())
	}
	missed.add("%v", err)
	return program{}, missed.fault("Postgres", "postgres", "TENURE_POSTGRES_URL",
		"postgres://postgres:postgres@127.0.0.1:5432/tenure?sslmode=disable")
}

// installed lists the directories that hold the programs of Postgres.
func (p *postgres) installed() []program {
	all := []program{}
	for _, path := range p.Machine.programs("postgres") {
		if whole, err := filepath.EvalSymlinks(path); err == nil {
			all = append(all, program{path: filepath.Dir(whole), from: filepath.Dir(whole) + ", on the PATH"})
		}
	}
	packaged, err := filepath.Glob(p.Machine.Postgres)
	if err != nil {
		return all
	}
	slices.SortFunc(packaged, func(a, b string) int { return major(b) - major(a) })
	for _, dir := range packaged {
		all = append(all, program{path: dir, from: dir})
	}
	return all
}

// major is the 17 of /usr/lib/postgresql/17/bin.
func major(dir string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
	if err != nil {
		return 0
	}
	return n
}

// try says the version of the Postgres in dir, or why it will not do.
func (p *postgres) try(ctx context.Context, dir string, made int) (string, error) {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("%s has no %s", dir, name)
		}
	}
	said, err := p.Machine.asks(ctx, filepath.Join(dir, "postgres"), p.account.credential())
	if err != nil {
		return "", err
	}
	version, number := versionOf(said)
	switch {
	case number < oldest:
		return "", fmt.Errorf("%s has %s, and at least %d is needed", dir, said, oldest)
	case made != 0 && number != made:
		return "", fmt.Errorf("%s has %s, and the data in %s was made by %d", dir, said, p.data(), made)
	}
	return "PostgreSQL " + version, nil
}

// versionOf reads what `postgres --version` says.
func versionOf(said string) (string, int) {
	m := regexp.MustCompile(`\b(\d+)(\.\d+)*\b`).FindStringSubmatch(said)
	if m == nil {
		return said, 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return said, 0
	}
	return m[0], n
}

// madeBy is the major version that made the data; 0 if there is none.
func (p *postgres) madeBy() int {
	text, err := os.ReadFile(filepath.Join(p.data(), "PG_VERSION"))
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return n
}
