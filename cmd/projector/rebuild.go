package main

import (
	"context"
	"errors"
	"fmt"

	"tenure/internal/projections"
)

type rebuild struct {
	Names    []string `arg:"" optional:"" name:"name" help:"The read models."`
	All      bool     `help:"All of them."`
	NoSwitch bool     `help:"Leave what is built beside the live one; projector switch makes it live."`
	Cancel   bool     `help:"Give up what is on its way instead, and drop it."`
	Dir      string   `type:"path" help:"Where to put what does not fit in memory; by default where the system puts such things."`
}

// check refuses what could be meant in two ways.
func (c rebuild) check() error {
	switch {
	case c.All == (len(c.Names) > 0):
		return errors.New("name the read models, or say --all")
	case c.Cancel && (c.All || c.NoSwitch):
		return errors.New("--cancel takes names and nothing else")
	}
	return nil
}

// Run builds the read models anew beside the live ones, and makes them live.
func (c rebuild) Run(ctx context.Context, t *terminal) error {
	if err := c.check(); err != nil {
		return err
	}
	return t.enter(ctx, "rebuild", func(w *workshop) error {
		w.Dir = c.Dir
		if c.Cancel {
			return w.each(ctx, c.Names, w.Cancel, "%s: what was on its way is gone\n")
		}
		if c.All {
			c.Names = projections.Names()
		}
		err := w.rebuild(ctx, c.Names, c.NoSwitch)
		if ctx.Err() != nil {
			return errors.New("interrupted; what is live is as it was. The same command goes on with what was begun, --cancel drops it")
		}
		return err
	})
}

func (w *workshop) rebuild(ctx context.Context, names []string, noSwitch bool) error {
	shown := newBar(w.stderr)
	w.Told = shown.show
	defer shown.end()
	if err := w.Build(ctx, names...); err != nil {
		return err
	}
	p, err := w.Projector(names...)
	if err != nil {
		return err
	}
	err = w.folding(ctx, p, func(ctx context.Context) error {
		if err := w.CatchUp(ctx, names...); err != nil {
			return err
		}
		shown.end()
		for _, name := range names {
			if err := w.present(ctx, name, noSwitch); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || noSwitch {
		return err
	}
	return w.each(ctx, names, w.Sweep, "")
}

// present compares what was built with what is live, and makes it live.
func (w *workshop) present(ctx context.Context, name string, noSwitch bool) error {
	c, err := w.Compare(ctx, name)
	if err != nil {
		return err
	}
	fmt.Fprintf(w.stdout, "%s: %d of %d documents differ from the live generation", name, c.Different, c.Documents)
	if c.Moving > 0 {
		fmt.Fprintf(w.stdout, "; %d more changed meanwhile and were not compared", c.Moving)
	}
	fmt.Fprintln(w.stdout)
	w.tell(c)
	if noSwitch {
		fmt.Fprintf(w.stdout, "%s: built; `projector switch %s` makes it live\n", name, name)
		return nil
	}
	if err := w.Switch(ctx, name); err != nil {
		return err
	}
	fmt.Fprintf(w.stdout, "%s: live; `projector rollback %s` goes back\n", name, name)
	return nil
}

// tell prints what the tenants come to, and the first differences.
func (w *workshop) tell(c projections.Comparison) {
	for _, t := range c.Tenants {
		tenant := string(t.Tenant)
		if tenant == "" {
			tenant = "-"
		}
		fmt.Fprintf(w.stdout, "  %s %d %s", tenant, t.Documents, t.Got)
		if t.Got != t.Want {
			fmt.Fprintf(w.stdout, " want %s", t.Want)
		}
		fmt.Fprintln(w.stdout)
	}
	for _, d := range c.Differences {
		fmt.Fprintln(w.stdout, "  ", d)
	}
	if more := c.Different - int64(len(c.Differences)); more > 0 {
		fmt.Fprintf(w.stdout, "   and %d more\n", more)
	}
}

// each does something with each read model and says that it is done.
func (w *workshop) each(ctx context.Context, names []string, do func(context.Context, string) error, done string) error {
	for _, name := range names {
		if err := do(ctx, name); err != nil {
			return err
		}
		if done != "" {
			fmt.Fprintf(w.stdout, done, name)
		}
	}
	return nil
}
