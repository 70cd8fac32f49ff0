package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"tenure/cmd/internal/boot"
	"tenure/internal/events"
	"tenure/internal/projections"
)

// hearing is how long it is listened to what projectors say of themselves:
// twice as long as they take to say it.
const hearing = 600 * time.Millisecond

// status prints how far each read model is. A read model that is behind, or
// stands, is no failure of this command.
func status(ctx context.Context, environ []string, stdout io.Writer) (err error) {
	environment, err := boot.ReadEnvironment(".", environ)
	if err != nil {
		return err
	}
	var s boot.ReadModels
	if err := boot.Load(&s, environment); err != nil {
		return err
	}
	opened, err := open(ctx, boot.Opener{Name: "projector status"}, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.close(ctx)) }()
	head, err := opened.head(ctx)
	if err != nil {
		return err
	}
	progress := projections.NewProgress(projections.NewGenerations(opened.mongo, opened.redis))
	listen(ctx, progress)
	return table(stdout, head, progress.Status(ctx, opened.lag))
}

// listen hears out the projectors once.
func listen(ctx context.Context, p *projections.Progress) {
	limited, cancel := context.WithTimeout(ctx, hearing)
	defer cancel()
	var listening sync.WaitGroup
	listening.Go(func() { p.Run(limited) })
	listening.Wait()
}

func table(w io.Writer, head events.Mark, all []projections.ProjectionStatus) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tVERSION\tGENERATION\tSTATE\tPOSITION\tHEAD\tBEHIND\tSINCE\tLAST ERROR")
	for _, p := range all {
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%d\t%d\t%d\t%s\t%s\n", p.Name, p.Version, p.Generation, p.State, p.At.Position, head.Position,
			p.Lag.Events, p.Lag.For.Round(time.Millisecond), cmp.Or(strings.ReplaceAll(p.LastError, "\n", " "), "-"))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("projector: %w", err)
	}
	return nil
}
