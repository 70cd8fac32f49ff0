package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"tenure/internal/events"
	"tenure/internal/projections"
)

// hearing is how long it is listened to what projectors say of themselves:
// twice as long as they take to say it.
const hearing = 600 * time.Millisecond

// status prints how far each read model is. A read model that is behind, or
// stands, is no failure of this command.
func status(ctx context.Context, environ []string, stdout io.Writer) (err error) {
	opened, err := openFor(ctx, "projector status", environ)
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
	fmt.Fprintln(t, "NAME\tVERSION\tGENERATION\tSTATE\tPOSITION\tHEAD\tBEHIND\tSINCE\tPARKED\tLAST ERROR")
	for _, p := range all {
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%d\t%d\t%d\t%s\t%d\t%s\n", p.Name, p.Version, p.Generation, p.State, p.At.Position, head.Position,
			p.Lag.Events, p.Lag.For.Round(time.Millisecond), p.ParkedCount, cmp.Or(oneLine(p.LastError), "-"))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("projector: %w", err)
	}
	return parkedTable(w, all)
}

// parkedTable prints the first of the parked documents of each read model;
// nothing when there are none.
func parkedTable(w io.Writer, all []projections.ProjectionStatus) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, p := range all {
		if i == 0 && slices.ContainsFunc(all, func(p projections.ProjectionStatus) bool { return len(p.Parked) > 0 }) {
			fmt.Fprintln(t, "\nPARKED IN\tKEY\tPOSITION\tERROR")
		}
		for _, d := range p.Parked {
			fmt.Fprintf(t, "%s\t%s\t%d\t%s\n", p.Name, d.Key, d.Position, oneLine(d.Error))
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("projector: %w", err)
	}
	return nil
}

func oneLine(text string) string { return strings.ReplaceAll(text, "\n", " ") }
