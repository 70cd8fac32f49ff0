package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // goose speaks database/sql

	"tenure/migrations"
)

// bench is a run: a server, and a loaded log that each row gets copies of.
type bench struct {
	options
	machine machine
	server  *pgx.Conn
	address string
	loaded  string // the name of the database with the loaded log
	bin     string // the directory of the product's programs; empty until one is asked for
}

// open connects, loads the log, and looks at the machine.
func open(ctx context.Context, o options) (*bench, error) {
	address := os.Getenv("TENURE_TEST_POSTGRES_URL")
	if address == "" {
		return nil, errors.New("TENURE_TEST_POSTGRES_URL is not set: run `make bench`, which starts the stores, " +
			"or set it to a Postgres with its data on a disk")
	}
	server, err := pgx.Connect(ctx, address)
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, server: server, address: address}
	if err := b.prepare(ctx); err != nil {
		return nil, errors.Join(err, b.close(ctx))
	}
	return b, nil
}

func (b *bench) prepare(ctx context.Context) error {
	say("loading %d events", b.events)
	name, err := b.create(ctx, "template1")
	if err != nil {
		return err
	}
	b.loaded = name
	if err := b.load(ctx, b.at(name)); err != nil {
		return fmt.Errorf("load the log: %w", err)
	}
	if b.machine, err = b.look(ctx); err != nil {
		return fmt.Errorf("look at the machine: %w", err)
	}
	return nil
}

func (b *bench) close(ctx context.Context) error {
	ctx, cancel := ending(ctx)
	defer cancel()
	return errors.Join(b.drop(ctx, b.loaded), b.server.Close(ctx), b.unbuild())
}

// ending is a context for what is still done when the run was interrupted.
func ending(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
}

// d is how long a side works in a round.
func (b *bench) d() time.Duration { return time.Duration(b.seconds * float64(time.Second)) }

// create makes a database like another. If the process dies, it stays.
func (b *bench) create(ctx context.Context, like string) (name string, err error) {
	name = "tenure_bench_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := b.server.Exec(ctx, `create database `+name+` template `+like); err != nil {
		return "", err
	}
	return name, nil
}

func (b *bench) drop(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	_, err := b.server.Exec(ctx, `drop database if exists `+name+` with (force)`)
	return err
}

// checkpoint lets each row begin with the disk at rest.
func (b *bench) checkpoint(ctx context.Context) error {
	_, err := b.server.Exec(ctx, `checkpoint`)
	return err
}

// at is the address of one of the server's databases.
func (b *bench) at(name string) string {
	u, err := url.Parse(b.address)
	if err != nil {
		return b.address
	}
	u.Path = "/" + name
	return u.String()
}

func migrate(ctx context.Context, address string) (err error) {
	db, err := sql.Open("pgx", address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = migrations.Up(ctx, db)
	return err
}
