package docstore

import (
	"context"
	"net"
	"sync"

	"github.com/redis/go-redis/v9"
	"go.mongodb.org/mongo-driver/v2/event"
)

// Observer is told of each command before it is sent, by the name the store
// gives it. What it returns is called with the outcome, before the caller has
// it. It is told no document and no key, for these are personal.
type Observer func(ctx context.Context, command string) (done func(error))

// monitor hands what the Mongo driver tells to an Observer.
func monitor(observe Observer) *event.CommandMonitor {
	if observe == nil {
		return nil
	}
	var under sync.Map // by the driver's request id
	finish := func(id int64, err error) {
		done, _ := under.LoadAndDelete(id)
		if done, ok := done.(func(error)); ok {
			done(err)
		}
	}
	return &event.CommandMonitor{
		Started: func(ctx context.Context, e *event.CommandStartedEvent) {
			if done := observe(ctx, e.CommandName); done != nil {
				under.Store(e.RequestID, done)
			}
		},
		Succeeded: func(_ context.Context, e *event.CommandSucceededEvent) { finish(e.RequestID, nil) },
		Failed:    func(_ context.Context, e *event.CommandFailedEvent) { finish(e.RequestID, e.Failure) },
	}
}

// hook hands what the Redis driver tells to an Observer. A pipeline is told
// once, by its first command.
type hook struct{ observe Observer }

// DialHook leaves dialing alone.
func (h hook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessHook tells of a command.
func (h hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return h.around(ctx, cmd.Name(), func() error { return next(ctx, cmd) })
	}
}

// ProcessPipelineHook tells of a pipeline.
func (h hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return h.around(ctx, cmds[0].Name(), func() error { return next(ctx, cmds) })
	}
}

func (h hook) around(ctx context.Context, command string, call func() error) error {
	done := h.observe(ctx, command)
	err := call()
	if done != nil {
		done(err)
	}
	return err
}
