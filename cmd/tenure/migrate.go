package main

import (
	"context"
	"database/sql"
	"fmt"

	"tenure/cmd/internal/boot"
	"tenure/migrations"
)

type migrateUp struct{}

// Run applies what is missing. Doing it again, or twice at once, is safe.
func (migrateUp) Run(ctx context.Context, t *terminal) error {
	return t.withDatabase(ctx, func(db *sql.DB) error {
		done, err := migrations.Up(ctx, db)
		for _, m := range done {
			fmt.Fprintln(t.stdout, "applied", m.Name)
		}
		if err == nil && len(done) == 0 {
			fmt.Fprintln(t.stdout, "nothing to do: all migrations are applied")
		}
		return err
	})
}

type migrateStatus struct{}

// Run lists the migrations.
func (migrateStatus) Run(ctx context.Context, t *terminal) error {
	return t.withDatabase(ctx, func(db *sql.DB) error {
		all, err := migrations.Status(ctx, db)
		if err != nil {
			return err
		}
		missing := 0
		for _, m := range all {
			state := "applied"
			if !m.Applied {
				state = "missing"
				missing++
			}
			fmt.Fprintln(t.stdout, state, m.Name)
		}
		if missing > 0 {
			fmt.Fprintf(t.stdout, "%d to apply: tenure migrate up\n", missing)
		}
		return nil
	})
}

func (t *terminal) withDatabase(ctx context.Context, do func(*sql.DB) error) error {
	var s boot.Migrate
	if err := boot.Load(&s, t.environment); err != nil {
		return err
	}
	db, err := (boot.Opener{Name: "tenure"}).Database(ctx, s.Postgres)
	if err != nil {
		return err
	}
	defer db.Close()
	return do(db)
}
