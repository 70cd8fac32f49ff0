package main

import (
	"context"
	"errors"
)

// named are read models that a command is about.
type named struct {
	Names []string `arg:"" name:"name" help:"The read models."`
}

type switchOver struct{ named }

// Run makes what was built live.
func (c switchOver) Run(ctx context.Context, t *terminal) error {
	return t.enter(ctx, "switch", func(w *workshop) error {
		return errors.Join(
			w.each(ctx, c.Names, w.Switch, "%s: live\n"),
			w.each(ctx, c.Names, w.Sweep, ""))
	})
}

type rollback struct{ named }

// Run makes the former generation live again.
func (c rollback) Run(ctx context.Context, t *terminal) error {
	return t.enter(ctx, "rollback", func(w *workshop) error {
		return w.each(ctx, c.Names, w.Rollback, "%s: the former generation is live\n")
	})
}

type retire struct{ named }

// Run ends the folding of the former generation, and drops it.
func (c retire) Run(ctx context.Context, t *terminal) error {
	return t.enter(ctx, "retire", func(w *workshop) error {
		return w.each(ctx, c.Names, w.Retire, "%s: only the live generation is left\n")
	})
}
