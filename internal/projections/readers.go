package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tenure/internal/docstore"
)

// errNotOnTheRoll says that a roll is not the one that all others signed.
var errNotOnTheRoll = errors.New("projections: this process is not on the roll of readers")

// entry is a process on the roll of readers: its name, and the version and the
// generation that it answers from.
func (a *Adoption) entry(m docstore.Model) string {
	return fmt.Sprintf("%s/%d/%d", a.process, m.Version, m.Generation)
}

// read are the builds from which anybody may be answered. It fails when that
// cannot be told of one process.
func (a *Adoption) read(ctx context.Context) ([]docstore.Model, error) {
	names, err := a.roll.Names(ctx)
	if err != nil {
		return nil, err
	}
	ours := false
	var all []docstore.Model
	for _, name := range names {
		process, version, generation, err := readerOf(name)
		if err != nil {
			return nil, err
		}
		ours = ours || process == a.process.String()
		all = append(all, docstore.Model{Projection: Authorities.Name, Version: version, Generation: generation})
	}
	if !ours {
		return nil, errNotOnTheRoll
	}
	return all, nil
}

func readerOf(name string) (process string, version, generation int, err error) {
	parts := strings.Split(name, "/")
	if len(parts) != 3 {
		return "", 0, 0, fmt.Errorf("projections: %q on the roll of readers is another version's", name)
	}
	version, err = strconv.Atoi(parts[1])
	generation, err2 := strconv.Atoi(parts[2])
	return parts[0], version, generation, errors.Join(err, err2)
}

// everywhere waits until no build is left that somebody may be answered from
// and that does not show g, which there is known to show. It tells false when
// ctx ends first.
//
// A process that comes to a build after the roll was read for the last time
// does so when it lacks nothing of this process's own.
func (a *Adoption) everywhere(ctx context.Context, g goal, there docstore.Model) bool {
	if a == nil {
		return true
	}
	shows := []docstore.Model{there}
	for {
		models, err := a.read(ctx)
		models = slices.DeleteFunc(models, func(m docstore.Model) bool { return slices.Contains(shows, m) })
		if err == nil && len(models) == 0 {
			return true
		}
		former := len(shows)
		for _, m := range models {
			if !slices.Contains(shows, m) && a.shows(ctx, m, g) {
				shows = append(shows, m)
			}
		}
		// The roll is read once more after the last build was looked at.
		if len(shows) == former && pause(ctx, beatEvery) != nil {
			return false
		}
	}
}

func (a *Adoption) shows(ctx context.Context, m docstore.Model, g goal) bool {
	states, err := a.states(ctx, m)
	return err == nil && !slices.ContainsFunc(states, func(s docstore.State) bool { return !reached(s, g) })
}
