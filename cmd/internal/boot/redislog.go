package boot

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/redis/go-redis/v9"
)

// quietRedis keeps the driver from writing lines of its own to stderr, once
// for the process. What it has to say comes back as an error too, and is told
// by whoever asked.
var quietRedis = sync.OnceFunc(func() { redis.SetLogger(redisLog{}) })

type redisLog struct{}

// Printf logs for those who debug.
func (redisLog) Printf(ctx context.Context, format string, args ...any) {
	slog.DebugContext(ctx, "redis driver", "says", fmt.Sprintf(format, args...))
}
