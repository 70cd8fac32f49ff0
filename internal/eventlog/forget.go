package eventlog

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// forgetAtOnce is how many answers are forgotten in one transaction.
const forgetAtOnce = 1000

// Forget deletes the answers of repeated requests that expired an hour ago or
// earlier, and tells how many there were. If the process dies on the way, the
// next one goes on.
func Forget(ctx context.Context, q Querier) (int, error) {
	forgotten := 0
	for {
		var n int
		limited, cancel := context.WithTimeout(ctx, maxRead)
		err := q.QueryRow(limited, `select forget_answers($1)`, forgetAtOnce).Scan(&n)
		cancel()
		if forgotten += n; err != nil {
			return forgotten, fmt.Errorf("eventlog: forget answers: %w", err)
		}
		if n < forgetAtOnce {
			return forgotten, nil
		}
	}
}

// KeepForgetting forgets at the beginning and then each time, until ctx ends.
// Several processes may: none waits for another. What fails is tried again the
// next time, for nothing depends on it but room.
func KeepForgetting(ctx context.Context, q Querier, logger *slog.Logger, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if _, err := Forget(ctx, q); err != nil && ctx.Err() == nil {
			logger.WarnContext(ctx, "expired answers were not deleted", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
