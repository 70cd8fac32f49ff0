package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// row is one comparison.
type row struct {
	key     string // names it on the command line
	name    string // what is measured
	against string // what it is measured against
	unit    string
	// goal is what the ratio of the two has to be: at least, or at most.
	goal   func(machine) float64
	atMost bool
	// open makes both sides ready. What it opens on the stage is closed with it.
	open func(ctx context.Context, s *stage) (pair, error)
}

// pair is both sides of a row.
type pair struct {
	ours, peer side
	note       string        // how the peer was set up
	found      func() string // what was seen in the rounds beside the figures; nil: nothing
}

// side works for about as long as it is told, and tells its figure.
type side func(ctx context.Context, d time.Duration) (float64, error)

// rows are all there are, in the order of the table. A row is one function.
func rows(o options) []row {
	return []row{
		appendWithClaim(),
		appendBesideInsert(),
		appendBesideCopy(),
		appendAlone(),
		appendBySixteen(),
		appendUnderSnapshot(o.age),
		tail(),
		get(),
		post(),
		visible(),
		rebuild(o),
	}
}

func always(goal float64) func(machine) float64 {
	return func(machine) float64 { return goal }
}

func keys(all []row) []string {
	var names []string
	for _, r := range all {
		names = append(names, r.key)
	}
	return names
}

// choose gives the rows that a list names, all for the empty list.
func choose(all []row, list string) ([]row, error) {
	if list == "" {
		return all, nil
	}
	var chosen []row
	for key := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(all, func(r row) bool { return r.key == strings.TrimSpace(key) })
		if i < 0 {
			return nil, fmt.Errorf("there is no row %q: %s", key, strings.Join(keys(all), ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// measure lets both sides of a row work by turns. What disturbs the machine for
// a while then disturbs both, and each ratio is of two neighbours.
func (b *bench) measure(ctx context.Context, r row) (measured result, err error) {
	say("%s: getting ready", r.key)
	s := &stage{bench: b}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	p, err := r.open(ctx, s)
	if err != nil {
		return result{}, err
	}
	if err := b.checkpoint(ctx); err != nil {
		return result{}, err
	}
	var ours, peers, ratios []float64
	for round := range b.rounds + 1 {
		one, two, err := p.round(ctx, b.d())
		switch {
		case err != nil:
			return result{}, err
		case round == 0:
			continue // the caches of either side were cold
		}
		say("%s: round %d of %d: %s %s, peer %s, ratio %s", r.key, round, b.rounds, figure(one), r.unit, figure(two), ratio(one/two))
		ours, peers, ratios = append(ours, one), append(peers, two), append(ratios, one/two)
	}
	if p.found != nil {
		p.note = p.found()
	}
	return r.judge(b.machine, p.note, median(ours), median(peers), median(ratios)), nil
}

// round lets one side work, then the other.
func (p pair) round(ctx context.Context, d time.Duration) (ours, peer float64, err error) {
	if ours, err = p.ours(ctx, d); err != nil {
		return 0, 0, fmt.Errorf("tenure: %w", err)
	}
	if peer, err = p.peer(ctx, d); err != nil {
		return 0, 0, fmt.Errorf("its peer: %w", err)
	}
	return ours, peer, nil
}

func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
