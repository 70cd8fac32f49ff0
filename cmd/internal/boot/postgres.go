package boot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"

	"tenure/internal/eventlog"
	"tenure/migrations"
)

// Pool is connections to Postgres.
type Pool = pgxpool.Pool

// ClosePool closes a pool when all its connections were given back. It fails
// when ctx ends before: something that was cut still holds one.
func ClosePool(ctx context.Context, pool *Pool) error {
	closed := make(chan struct{})
	go func() {
		pool.Close()
		close(closed)
	}()
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return errors.New("boot: some connections to Postgres are still in use")
	}
}

// postgres opens a pool, and proves it.
func (o Opener) postgres(ctx context.Context, s Postgres, kind string, configure func(*pgxpool.Config)) (*pgxpool.Pool, error) {
	config, err := o.poolConfig(s, kind)
	if err != nil {
		return nil, err
	}
	configure(config)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("boot: open Postgres: %w", err)
	}
	if err := o.insist(ctx, "postgres", func(ctx context.Context) error { return prove(ctx, pool) }); err != nil {
		pool.Close()
		return nil, err
	}
	if o.Telemetry != nil {
		err = otelpgx.RecordStats(pool, otelpgx.WithStatsMeterProvider(o.Telemetry.Meters),
			otelpgx.WithStatsAttributes(attribute.String("pool", kind)))
	}
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("boot: metrics of Postgres: %w", err)
	}
	return pool, nil
}

func (o Opener) poolConfig(s Postgres, kind string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(string(s.URL))
	if err != nil {
		// What the parser says may quote the password.
		return nil, stuck(errors.New("it cannot be read"), "the form of "+Prefix+"POSTGRES_URL is postgres://user:password@host:5432/tenure?sslmode=verify-full")
	}
	config.MaxConns = int32(s.PoolSize)
	config.MinConns = min(config.MinConns, config.MaxConns)
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	if _, named := config.ConnConfig.RuntimeParams["application_name"]; !named {
		config.ConnConfig.RuntimeParams["application_name"] = o.Name + " " + kind
	}
	if o.Telemetry != nil {
		config.ConnConfig.Tracer = otelpgx.NewTracer(otelpgx.WithTracerProvider(o.Telemetry.Traces),
			otelpgx.WithMeterProvider(o.Telemetry.Meters), otelpgx.WithDisableConnectionDetailsInAttributes())
	}
	return config, nil
}

// prove asks whether sessions can be what they should be, and whether the
// tables are those that this program knows.
func prove(ctx context.Context, pool *pgxpool.Pool) error {
	if err := pool.Ping(ctx); err != nil {
		return judgePostgres(err)
	}
	return proveMigrations(ctx, pool)
}

// proveMigrations refuses a database that is older than this program. One that
// is newer is that of a deployment in progress.
func proveMigrations(ctx context.Context, pool *pgxpool.Pool) error {
	needed, err := migrations.Newest()
	if err != nil {
		return hopeless{err}
	}
	var applied int64
	err = pool.QueryRow(ctx, `select coalesce(max(version_id), 0) from goose_db_version where is_applied`).Scan(&applied)
	switch state := sqlState(err); {
	case state == "42P01" || state == "42501":
		return stuck(err, "the database is not migrated to what this program needs; run `tenure migrate up`")
	case err != nil:
		return judgePostgres(err)
	case applied < needed:
		return hopeless{fmt.Errorf("boot: the database is at migration %d and this program needs %d; run `tenure migrate up`", applied, needed)}
	}
	return nil
}

// judgePostgres tells a server that is away from one that will never take us.
func judgePostgres(err error) error {
	if errors.Is(err, eventlog.ErrNotDurable) {
		return stuck(err, "Postgres is not set up to keep a log")
	}
	switch sqlState(err) {
	case "28P01", "28000":
		return stuck(err, "Postgres refuses the user or the password of "+Prefix+"POSTGRES_URL")
	case "3D000":
		return stuck(err, "the database that "+Prefix+"POSTGRES_URL names does not exist; create it, then run `tenure migrate up`")
	case "22023":
		return stuck(err, "Tenure's roles are not on this server; run `tenure migrate up`")
	case "42501":
		return stuck(err, "the user of "+Prefix+"POSTGRES_URL cannot take the roles it needs; grant tenure_writer, tenure_reader, tenure_auditor and tenure_overseer to it")
	}
	if err != nil {
		err = fmt.Errorf("boot: Postgres cannot be reached: %w", err)
	}
	return err
}

// sqlState is what the server called the error; empty when it said nothing.
func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}
