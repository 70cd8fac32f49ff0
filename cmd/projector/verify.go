package main

import (
	"context"
	"fmt"
)

type verify struct {
	named
	Repair bool   `help:"Put right what differs."`
	Dir    string `type:"path" help:"Where to put what does not fit in memory; by default where the system puts such things."`
}

// Run folds the log again and says what is stored otherwise. That something is
// fails, unless it was put right.
func (c verify) Run(ctx context.Context, t *terminal) error {
	return t.enter(ctx, "verify", func(w *workshop) error {
		w.Dir = c.Dir
		var wrong int64
		for _, name := range c.Names {
			left, err := w.verify(ctx, name, c.Repair)
			if err != nil {
				return err
			}
			wrong += left
		}
		if wrong > 0 {
			return fmt.Errorf("%d documents are not what the log makes of them", wrong)
		}
		return nil
	})
}

// verify gives how many documents are still wrong.
func (w *workshop) verify(ctx context.Context, name string, repair bool) (int64, error) {
	shown := newBar(w.stderr)
	w.Told = shown.show
	defer shown.end()
	c, err := w.Verify(ctx, name, repair)
	if err != nil {
		return 0, err
	}
	shown.end()
	fmt.Fprintf(w.stdout, "%s: %d of %d documents differ from the log", name, c.Different, c.Documents)
	if repair {
		fmt.Fprintf(w.stdout, ", %d were put right", c.Mended)
	}
	fmt.Fprintln(w.stdout)
	w.tell(c)
	return c.Different - c.Mended, nil
}
