package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"tenure/internal/docstore"
	"tenure/internal/fault"
)

// Act is something that nobody does too often. Its name is part of a key in
// Redis.
type Act string

// The acts that are counted.
const (
	// KeyOperations are the making and ending of API keys, counted together.
	KeyOperations Act = "key_operations"
	// UserCreations are accounts that someone opens who is no super_admin.
	UserCreations Act = "user_creations"
)

// maxLimitWait is how long it may take to ask.
const maxLimitWait = 2 * time.Second

// Limiter bounds how often someone does something, counted over all processes.
// As many as fit into a minute may come at once; then one comes as soon as its
// share of the minute has passed.
type Limiter struct {
	rate      *redis_rate.Limiter
	perMinute map[Act]int
}

// NewLimiter counts in Redis, beside what is folded there, under the same
// prefix. An act that has no number, or 0, is not bounded.
func NewLimiter(r *docstore.Redis, perMinute map[Act]int) *Limiter {
	return &Limiter{redis_rate.NewLimiter(beneath{r.Client(), r.Prefix}), perMinute}
}

// Allow counts one act of a subject: a user's id, or for nobody an address. It
// fails with a Limited fault that says when to come back, and with an
// Unavailable one when nobody can count: then nothing is let through.
func (l *Limiter) Allow(ctx context.Context, act Act, subject string) error {
	most := l.perMinute[act]
	if most <= 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, maxLimitWait)
	defer cancel()
	answer, err := l.rate.Allow(limited, string(act)+":"+subject, redis_rate.PerMinute(most))
	switch {
	case err != nil:
		return fmt.Errorf("%w: identity: count: %w", &fault.Fault{
			Kind: fault.Unavailable, Code: "limits_unavailable", RetryAfter: time.Second,
			Text: "It cannot be told at the moment how often this was done.",
		}, err)
	case answer.Allowed == 0:
		return &fault.Fault{
			Kind: fault.Limited, Code: "rate_limited", RetryAfter: max(answer.RetryAfter, time.Second),
			Text: fmt.Sprintf("This may be done %d times a minute. Try again later.", most),
		}
	}
	return nil
}

// beneath puts the keys of scripts under a prefix, which the limiter has none
// for.
type beneath struct {
	redis.UniversalClient
	prefix string
}

// EvalSha is that of the client.
func (b beneath) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return b.UniversalClient.EvalSha(ctx, sha, b.under(keys), args...)
}

// Eval is that of the client.
func (b beneath) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return b.UniversalClient.Eval(ctx, script, b.under(keys), args...)
}

func (b beneath) under(keys []string) []string {
	all := make([]string, len(keys))
	for i, key := range keys {
		all[i] = b.prefix + key
	}
	return all
}
