package testkit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // goose speaks database/sql

	"tenure/migrations"
)

const postgresVariable = "TENURE_TEST_POSTGRES_URL"

// template is a migrated database that the tests' own ones are copied from. It
// is named after the migrations, made once on a server, and stays there.
var template struct {
	once sync.Once
	name string
	err  error
}

// PostgresURL makes a migrated database for the test and drops it at the end.
func PostgresURL(t testing.TB) string {
	t.Helper()
	server := storeURL(t, postgresVariable)
	template.once.Do(func() { template.name, template.err = makeTemplate(server) })
	if template.err != nil {
		t.Fatalf("testkit: the template database of Postgres: %v", template.err)
	}
	name := databaseName("tenure_test")
	if err := admin(server, fmt.Sprintf(`create database %s template %s`, name, template.name)); err != nil {
		t.Fatalf("testkit: a database for the test: %v", err)
	}
	t.Cleanup(func() {
		if err := admin(server, fmt.Sprintf(`drop database if exists %s with (force)`, name)); err != nil {
			t.Errorf("testkit: drop the test's database: %v", err)
		}
	})
	return withDatabase(server, name)
}

// Postgres opens a migrated database of the test's own, as its owner.
func Postgres(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return OpenPostgres(t, PostgresURL(t), nil)
}

// OpenPostgres opens a pool whose connections begin with session, which may be
// nil, and closes it at the end of the test.
func OpenPostgres(t testing.TB, url string, session func(context.Context, *pgx.Conn) error) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatalf("testkit: %s: %v", postgresVariable, err)
	}
	config.AfterConnect = session
	config.MaxConns = 8
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// makeTemplate makes the template unless it is there. Test processes take
// turns; one that dies leaves a database of another name, never half a template.
func makeTemplate(server string) (name string, err error) {
	ctx := context.Background()
	sum, err := migrations.Sum()
	if err != nil {
		return "", err
	}
	name = "tenure_template_" + sum
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	if _, err := conn.Exec(ctx, `select pg_advisory_lock(hashtext($1))`, name); err != nil {
		return "", err
	}
	var there bool
	err = conn.QueryRow(ctx, `select count(*) > 0 from pg_database where datname = $1`, name).Scan(&there)
	if err != nil || there {
		return name, err
	}
	draft := databaseName("tenure_draft")
	if _, err := conn.Exec(ctx, `create database `+draft); err != nil {
		return "", err
	}
	if err := migrate(withDatabase(server, draft)); err != nil {
		return "", err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf(`alter database %s rename to %s`, draft, name))
	return name, err
}

func migrate(url string) (err error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = migrations.Up(context.Background(), db)
	return err
}

// admin runs one statement on the server's own database.
func admin(server, statement string) (err error) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

func databaseName(kind string) string {
	return kind + "_" + strings.ReplaceAll(uuid.NewString(), "-", "")
}

func withDatabase(server, name string) string {
	u, err := url.Parse(server)
	if err != nil {
		return server
	}
	u.Path = "/" + name
	return u.String()
}
