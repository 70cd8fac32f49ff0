package boot

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/docstore"
	"tenure/internal/eventlog"
)

// Opener opens stores, and proves that they are what they should be before
// anybody uses them.
type Opener struct {
	Name      string     // by which the stores know the process
	Telemetry *Telemetry // nil: what is asked of the stores is not told
	// Insist tries to reach a store; nil: once.
	Insist func(ctx context.Context, store string, try func(context.Context) error) error
}

// Writer opens Postgres for the appender and for commands.
func (o Opener) Writer(ctx context.Context, s Postgres) (*pgxpool.Pool, error) {
	return o.postgres(ctx, s, "writer", eventlog.Configure)
}

// Reader opens Postgres for those who only read the log.
func (o Opener) Reader(ctx context.Context, s Postgres) (*pgxpool.Pool, error) {
	return o.postgres(ctx, s, "reader", func(c *pgxpool.Config) { c.AfterConnect = eventlog.ReaderSession })
}

// auditors is how many may read the log at once, in one process. They are few,
// and take no connection from those who work.
const auditors = 4

// Auditor opens Postgres for those who audit the log, as roles that see no
// events but those they name the tenants of.
func (o Opener) Auditor(ctx context.Context, s Postgres) (*pgxpool.Pool, error) {
	s.PoolSize = min(s.PoolSize, auditors)
	return o.postgres(ctx, s, "auditor", func(c *pgxpool.Config) { c.AfterConnect = eventlog.AuditorSession })
}

// Mongo opens the read models.
func (o Opener) Mongo(ctx context.Context, s Mongo) (m *docstore.Mongo, err error) {
	observe, err := o.observe("mongodb")
	if err != nil {
		return nil, err
	}
	err = o.insist(ctx, "mongo", func(ctx context.Context) error {
		m, err = docstore.OpenMongo(ctx, string(s.URL), observe)
		return judgeDocuments(err, "MONGO_URL")
	})
	return m, err
}

// Redis opens the authentication read model.
func (o Opener) Redis(ctx context.Context, s Redis) (r *docstore.Redis, err error) {
	quietRedis()
	observe, err := o.observe("redis")
	if err != nil {
		return nil, err
	}
	options := docstore.RedisOptions{Prefix: s.Prefix, Cluster: s.Cluster, Miniredis: s.Miniredis, Observe: observe}
	err = o.insist(ctx, "redis", func(ctx context.Context) error {
		r, err = docstore.OpenRedis(ctx, string(s.URL), options)
		return judgeDocuments(err, "REDIS_URL")
	})
	return r, err
}

func (o Opener) insist(ctx context.Context, store string, try func(context.Context) error) error {
	if o.Insist == nil {
		return once(ctx, store, try)
	}
	return o.Insist(ctx, store, try)
}

func (o Opener) observe(system string) (docstore.Observer, error) {
	if o.Telemetry == nil {
		return nil, nil
	}
	return o.Telemetry.observer(system)
}

// judgeDocuments tells a store that is away from one that will never take us.
func judgeDocuments(err error, setting string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, docstore.ErrUnavailable) && !refusesUs(err):
		return fmt.Errorf("boot: the store that %s%s names cannot be reached: %w", Prefix, setting, err)
	case refusesUs(err):
		return stuck(err, fmt.Sprintf("the store refuses the user or the password of %s%s", Prefix, setting))
	default:
		return stuck(err, fmt.Sprintf("the store that %s%s names cannot be used", Prefix, setting))
	}
}

// refusesUs tells whether MongoDB said that authentication failed (18), or that
// this user may not do what he tries (13).
func refusesUs(err error) bool {
	var coded interface{ HasErrorCode(code int) bool }
	return errors.As(err, &coded) && (coded.HasErrorCode(18) || coded.HasErrorCode(13))
}
