package boot

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// Database opens Postgres as the user that the setting names, to change its
// tables. Whether they are there is for the caller to find out.
func (o Opener) Database(ctx context.Context, s Postgres) (*sql.DB, error) {
	config, err := o.poolConfig(s, "migrate")
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, judgePostgres(err)
	}
	db := stdlib.OpenDBFromPool(pool)
	if err := tryOnce(ctx, db.PingContext); err != nil {
		pool.Close()
		return nil, errors.Join(judgePostgres(err), db.Close())
	}
	return db, nil
}
