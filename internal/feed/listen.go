package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tenure/internal/eventlog"
)

// quiet is how long nothing may be announced before the connection is asked
// whether it still lives.
const quiet = 30 * time.Second

// listen wakes the consumers at each announcement, until ctx ends. One
// connection serves all of the process. While it is away consumers look by
// themselves, so its loss costs time and nothing else.
func (f *Feed) listen(ctx context.Context, runners func() []*runner) {
	failures := 0
	for {
		heard, err := f.hear(ctx, runners)
		if ctx.Err() != nil {
			return
		}
		if heard {
			failures = 0
		}
		if failures == 0 {
			f.logger().Warn("feed: the announcements are interrupted; consumers look by themselves", "error", err)
		}
		sleep(ctx, growing(failures), nil)
		failures++
	}
}

// hear opens a connection and passes on announcements until it breaks. It tells
// whether it ever listened.
func (f *Feed) hear(ctx context.Context, runners func() []*runner) (heard bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, f.direct())
	if err != nil {
		return false, fmt.Errorf("feed: connect to listen: %w", err)
	}
	defer func() { err = errors.Join(err, hangUp(ctx, conn)) }()
	if _, err := conn.Exec(ctx, "listen "+pgx.Identifier{eventlog.Channel}.Sanitize()); err != nil {
		return false, fmt.Errorf("feed: listen: %w", err)
	}
	for {
		for _, r := range runners() {
			r.announce() // at first too: nothing tells what was announced before
		}
		if err := next(ctx, conn); err != nil {
			return true, fmt.Errorf("feed: wait for announcements: %w", err)
		}
	}
}

// next waits for an announcement. A connection that has been quiet for long is
// asked whether it lives: a peer that vanished says nothing.
func next(ctx context.Context, conn *pgx.Conn) error {
	for {
		waiting, cancel := context.WithTimeout(ctx, quiet)
		_, err := conn.WaitForNotification(waiting)
		silent := waiting.Err() != nil && ctx.Err() == nil
		cancel()
		if err == nil || !silent {
			return err
		}
		asking, cancel := context.WithTimeout(ctx, patience)
		err = conn.Ping(asking)
		cancel()
		if err != nil {
			return err
		}
	}
}

// direct is the server's own address.
func (f *Feed) direct() *pgx.ConnConfig {
	config := f.Direct
	if config == nil {
		config = f.Pool.Config().ConnConfig
	}
	config = config.Copy()
	config.RuntimeParams["application_name"] = "tenure feed: listen"
	return config
}

func hangUp(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return conn.Close(ctx)
}
