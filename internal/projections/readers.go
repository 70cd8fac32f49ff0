package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tenure/internal/docstore"
)

// readersEvery is how often builds that lag are looked at.
const readersEvery = 50 * time.Millisecond

// errNotOnTheRoll says that a roll is not the one that all others signed.
var errNotOnTheRoll = errors.New("projections: this process is not on the roll of readers")

// reader is a process, and a build that it may be answering from.
type reader struct {
	process string
	model   docstore.Model
}

// entry is this process on the roll of readers: its name, and the version and
// the generation that it answers from.
func (a *Adoption) entry(m docstore.Model) string {
	return fmt.Sprintf("%s/%d/%d", a.Process, m.Version, m.Generation)
}

// readerOf reads an entry. Later versions may add to it.
func readerOf(entry string) (reader, error) {
	parts := strings.Split(entry, "/")
	if len(parts) < 3 {
		return reader{}, fmt.Errorf("projections: %q on the roll of readers names no build", entry)
	}
	version, err := strconv.Atoi(parts[1])
	generation, err2 := strconv.Atoi(parts[2])
	return reader{parts[0], docstore.Model{Projection: Authorities.Name, Version: version, Generation: generation}}, errors.Join(err, err2)
}

// read are those who may be answering, and from what. It fails when that cannot
// be told of one of them.
func (a *Adoption) read(ctx context.Context) ([]reader, error) {
	names, err := a.roll.Names(ctx)
	if err != nil {
		return nil, err
	}
	var all []reader
	for _, name := range names {
		one, err := readerOf(name)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	if !slices.ContainsFunc(all, func(r reader) bool { return r.process == a.Process.String() }) {
		return nil, errNotOnTheRoll
	}
	return all, nil
}

// everywhere waits until no build is left that somebody may be answered from
// and that does not show g, which there is known to show. It gives who reads
// what at the end, and false when ctx ends first.
//
// A process that comes to a build after the roll was read for the last time
// does so when it lacks nothing of this process's own.
func (a *Adoption) everywhere(ctx context.Context, g goal, there docstore.Model) ([]reader, bool) {
	if a == nil {
		return nil, true
	}
	shows := map[docstore.Model]bool{there: true}
	for {
		all, err := a.read(ctx)
		again, behind := false, err != nil
		for _, r := range all {
			if shows[r.model] {
				continue
			}
			// Whatever is found now, the roll is read once more after it.
			shows[r.model] = a.passed(ctx, r.model, g)
			again, behind = again || shows[r.model], behind || !shows[r.model]
		}
		if !again && !behind {
			return all, true
		}
		if !again && pause(ctx, readersEvery) != nil {
			return nil, false
		}
	}
}

// passed tells whether nobody is answered from a build as it was before g.
// MongoDB is asked only about one that looks as if it were gone.
func (a *Adoption) passed(ctx context.Context, m docstore.Model, g goal) bool {
	states, err := a.states(ctx, m)
	switch {
	case err != nil:
		return false
	case !slices.ContainsFunc(states, func(s docstore.State) bool { return !reached(s, g) }):
		return true
	case slices.ContainsFunc(states, isReady):
		return false
	default:
		return a.isGone(ctx, m)
	}
}

func isReady(s docstore.State) bool { return s.Ready }

// isGone tells whether nobody is answered from a build whoever reads it, and
// nobody will be: it is registered no more, or as retired, so that it is not
// folded and made ready again, and no part of it is ready.
func (a *Adoption) isGone(ctx context.Context, m docstore.Model) bool {
	r, err := a.generations.mongo.Registration(ctx, m.Projection, m.Version)
	if err != nil || m.Generation == r.Live || m.Generation == r.Former || r.Building != nil && r.Building.Generation == m.Generation {
		return false
	}
	states, err := a.states(ctx, m)
	return err == nil && !slices.ContainsFunc(states, isReady)
}
