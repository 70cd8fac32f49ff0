package boot

import (
	"context"
	"os/signal"
	"syscall"
)

// Signals gives a context that ends when the process is told to. A second
// signal ends the process at once.
func Signals() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
