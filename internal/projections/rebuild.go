package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"tenure/internal/docstore"
)

// defaultMemory is how much of a rebuild is kept in memory when nothing else is
// said: of all its read models together, in bytes, roughly.
const defaultMemory = 256 << 20

// What operators are told when it cannot be done.
var (
	// ErrUnknown says that there is no such read model.
	ErrUnknown = errors.New("projections: there is no such read model")
	// ErrNotBuilt says that no generation is there that could be made live.
	ErrNotBuilt = errors.New("projections: no generation is there for it")
	// ErrLags says that a generation lacks something that the live one shows.
	// To make it live would take that back: a right that was revoked among it.
	ErrLags = errors.New("projections: the generation is behind the live one")
	// ErrCancelled says that somebody gave up the generation meanwhile.
	ErrCancelled = errors.New("projections: the generation was given up by somebody else")
)

// Rebuilder builds read models anew beside the live ones, and chooses which are
// live. Its fields say with what; Log, Mongo and Redis are needed.
type Rebuilder struct {
	Log   Log
	Mongo *docstore.Mongo
	Redis *docstore.Redis
	// Dir is where is put what does not fit in memory; empty: os.TempDir.
	Dir string
	// Memory is how much may be kept in memory, in bytes, roughly; zero: 256 MiB.
	Memory int
	// Told is told how far a rebuild is, often, by one at a time; nil: nobody.
	Told func(Step)

	models []readModel // nil: all
	mu     sync.Mutex  // for Told
}

// Step is how far a rebuild is.
type Step struct {
	Phase Phase
	Done  int64
	Total int64 // 0: not known
	// Note is something to be said once, in words; the rest is zero then.
	Note string
}

// Phase is what a rebuild does.
type Phase string

// The phases.
const (
	Reading  Phase = "reading the log" // events
	Writing  Phase = "writing"         // documents
	Catching Phase = "catching up"     // events
)

// options are those of a bulk.
type options struct {
	memory int
	dir    string
}

// Names are all read models.
func Names() []string {
	var all []string
	for _, r := range readModels() {
		all = append(all, r.name)
	}
	return all
}

func (r *Rebuilder) stores() stores { return stores{r.Mongo, r.Redis, r.Log.Head} }

func (r *Rebuilder) all() []readModel {
	if r.models == nil {
		return readModels()
	}
	return r.models
}

// pick finds read models by name, all of them when none is named.
func (r *Rebuilder) pick(names []string) ([]readModel, error) {
	all := r.all()
	if len(names) == 0 {
		return all, nil
	}
	var picked []readModel
	for _, name := range names {
		i := slices.IndexFunc(all, func(m readModel) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("%w: %q; there are %s", ErrUnknown, name, strings.Join(Names(), ", "))
		}
		if !slices.ContainsFunc(picked, func(m readModel) bool { return m.name == name }) {
			picked = append(picked, all[i])
		}
	}
	return picked, nil
}

func (r *Rebuilder) one(name string) (readModel, error) {
	picked, err := r.pick([]string{name})
	if err != nil {
		return readModel{}, err
	}
	return picked[0], nil
}

func (r *Rebuilder) tell(s Step) {
	if r.Told != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.Told(s)
	}
}

func (r *Rebuilder) note(format string, args ...any) {
	r.tell(Step{Note: fmt.Sprintf(format, args...)})
}

// Build brings a new generation of each of the read models to where the log is
// now, reading the log once for all of them; nobody reads it yet. One that is
// on its way is gone on with: parts that are in the store are not written
// again. When ctx ends, or the process dies, it can be gone on with so.
func (r *Rebuilder) Build(ctx context.Context, names ...string) error {
	models, err := r.pick(names)
	if err != nil {
		return err
	}
	return r.alone(ctx, models, func(ctx context.Context) error { return r.build(ctx, models, false) })
}

// buildFirst is Build for read models of which no generation is live: those of
// which one is by now are left alone.
func (r *Rebuilder) buildFirst(ctx context.Context, names []string) error {
	models, err := r.pick(names)
	if err != nil {
		return err
	}
	return r.alone(ctx, models, func(ctx context.Context) error { return r.build(ctx, models, true) })
}

// alone keeps others from building the same at the same time. Two that did
// would write the same documents; but one of them would be at it in vain.
func (r *Rebuilder) alone(ctx context.Context, models []readModel, work func(context.Context) error) error {
	if len(models) == 0 {
		return work(ctx)
	}
	return r.Log.Alone(ctx, fmt.Sprintf("rebuild %s-v%d", models[0].name, models[0].version), func(ctx context.Context) error {
		return r.alone(ctx, models[1:], work)
	})
}
