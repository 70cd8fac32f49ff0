// Package migrations is the history of the database's shape, embedded into the
// binaries. It goes forward only, and never holds data.
package migrations

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed *.sql
var files embed.FS

// State is one migration, and whether it was applied.
type State struct {
	Version int64
	Name    string
	Applied bool
}

// Up applies what is missing and tells what it applied. Two that run at once
// take turns; each migration is one transaction, so a process that dies leaves
// whole ones behind.
func Up(ctx context.Context, db *sql.DB) ([]State, error) {
	p, err := provider(db)
	if err != nil {
		return nil, err
	}
	done, err := p.Up(ctx)
	var states []State
	for _, r := range done {
		states = append(states, State{Version: r.Source.Version, Name: r.Source.Path, Applied: true})
	}
	if err != nil {
		return states, fmt.Errorf("migrations: %w", err)
	}
	return states, nil
}

// Status lists all migrations, oldest first.
func Status(ctx context.Context, db *sql.DB) ([]State, error) {
	p, err := provider(db)
	if err != nil {
		return nil, err
	}
	all, err := p.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	states := make([]State, 0, len(all))
	for _, s := range all {
		states = append(states, State{Version: s.Source.Version, Name: s.Source.Path, Applied: s.State == goose.StateApplied})
	}
	return states, nil
}

// Sum names the whole of the migrations in 16 hexadecimal digits.
func Sum() (string, error) {
	all, err := fs.Glob(files, "*.sql")
	if err != nil {
		return "", fmt.Errorf("migrations: %w", err)
	}
	sum := sha256.New()
	for _, name := range all {
		text, err := files.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("migrations: %w", err)
		}
		fmt.Fprintf(sum, "%s %d\n%s", name, len(text), text)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

func provider(db *sql.DB) (*goose.Provider, error) {
	// The lock is on a session, so it also ends with a process that dies.
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker))
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return p, nil
}
