package projections

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"tenure/internal/docstore"
	"tenure/internal/events"
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

// job is a generation that is built.
type job struct {
	readModel
	building docstore.Building
	bulk     bulk

	mu      sync.Mutex
	done    int // parts that are in the store
	written int // of these, what is registered
}

func (r *Rebuilder) build(ctx context.Context, models []readModel, first bool) (err error) {
	head, err := r.Log.Head(ctx)
	if err != nil {
		return err
	}
	o := options{memory: max(r.Memory, 0), dir: r.Dir}
	if o.memory == 0 {
		o.memory = defaultMemory
	}
	if o.dir == "" {
		o.dir = os.TempDir()
	}
	o.memory /= len(models)
	var jobs []*job
	defer func() {
		for _, j := range jobs {
			err = errors.Join(err, j.bulk.Close())
		}
	}()
	for _, m := range models {
		b, err := r.plan(ctx, m, head, first)
		if err != nil {
			return err
		}
		if b.Bulk {
			jobs = append(jobs, &job{readModel: m, building: b, done: b.Done, written: b.Done, bulk: m.bulk(r.stores(), b.Generation, b.Through, b.Done, o)})
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	if err := r.read(ctx, jobs); err != nil {
		return err
	}
	return r.write(ctx, jobs)
}

// plan registers a generation to be built, or finds the one that is on its way.
// One that is of another log, which was restored, is given up.
func (r *Rebuilder) plan(ctx context.Context, m readModel, head events.Mark, first bool) (docstore.Building, error) {
	note := ""
	reg, err := register(ctx, r.stores(), m, func(reg *docstore.Registration) error {
		note = ""
		if first && reg.Live != 0 {
			return errUnchanged
		}
		if b := reg.Building; b != nil {
			same := true
			if b.Bulk {
				there, err := r.Log.At(ctx, b.Through.Position)
				same = err == nil && (there == b.Through || b.Through.Position == 0 && there.Log == b.Through.Log)
			}
			if same {
				note = fmt.Sprintf("%s: going on with generation %d, which is on its way", m.name, b.Generation)
				return errUnchanged
			}
			note = fmt.Sprintf("%s: generation %d was begun from another log and is given up", m.name, b.Generation)
			reg.Retired = append(reg.Retired, b.Generation)
		}
		reg.Building = &docstore.Building{Generation: reg.Next, Bulk: true, Through: head}
		reg.Next++
		return nil
	})
	if err != nil {
		return docstore.Building{}, err
	}
	if note != "" {
		r.note("%s", note)
	}
	if reg.Building == nil || first && reg.Live != 0 {
		return docstore.Building{}, nil // there is nothing to build
	}
	return *reg.Building, nil
}

// read folds the log, once for all jobs.
func (r *Rebuilder) read(ctx context.Context, jobs []*job) error {
	var through events.Mark
	var models []readModel
	var take []func(events.Batch) error
	for _, j := range jobs {
		if through.Position <= j.building.Through.Position {
			through = j.building.Through
		}
		models = append(models, j.readModel)
		take = append(take, j.bulk.add)
	}
	r.tell(Step{Phase: Reading, Total: int64(through.Position)})
	return r.Log.each(ctx, events.Mark{}, through, typesOf(models), func(p events.Position) {
		r.tell(Step{Phase: Reading, Done: int64(p), Total: int64(through.Position)})
	}, take...)
}

// write writes what was folded, one read model after the other, and hands each
// to those who follow the log.
func (r *Rebuilder) write(ctx context.Context, jobs []*job) error {
	var mu sync.Mutex
	var total int64
	wrote := func(n int) {
		mu.Lock()
		total += int64(n)
		now := total
		mu.Unlock()
		r.tell(Step{Phase: Writing, Done: now})
	}
	for _, j := range jobs {
		if err := r.writeJob(ctx, j, wrote); err != nil {
			return fmt.Errorf("projections: rebuild %s: %w", j.name, err)
		}
	}
	return nil
}

func (r *Rebuilder) writeJob(ctx context.Context, j *job, wrote func(int)) error {
	working, end := context.WithCancelCause(ctx)
	defer end(nil)
	var noting sync.WaitGroup
	over := make(chan struct{})
	noting.Go(func() {
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
				if err := r.noteDone(working, j); err != nil {
					end(err)
				}
			}
		}
	})
	err := j.bulk.write(working, j.note, wrote)
	close(over)
	noting.Wait()
	if cause := context.Cause(working); cause != nil && ctx.Err() == nil {
		return cause
	}
	if err == nil {
		err = j.bulk.finish(ctx, j.building.Through)
	}
	if err != nil {
		// What is in the store need not be written by the next one.
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return errors.Join(err, r.noteDone(limited, j))
	}
	return r.handOver(ctx, j)
}

func (j *job) note(parts int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.done = max(j.done, parts)
}

// noteDone registers how many parts are in the store. It fails with
// ErrCancelled when the generation was given up.
func (r *Rebuilder) noteDone(ctx context.Context, j *job) error {
	j.mu.Lock()
	done := j.done
	j.mu.Unlock()
	_, err := register(ctx, r.stores(), j.readModel, func(reg *docstore.Registration) error {
		if reg.Building == nil || reg.Building.Generation != j.building.Generation || !reg.Building.Bulk {
			return fmt.Errorf("%w: %s, generation %d", ErrCancelled, j.name, j.building.Generation)
		}
		if done <= reg.Building.Done {
			return errUnchanged
		}
		reg.Building.Done = done
		return nil
	})
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was not asked to the end, and only saves time
	}
	if errors.Is(err, ErrUnavailable) {
		return nil
	}
	return err
}

// handOver ends the bulk: from here on the generation is folded batch by batch.
// Dies the process before the consumer begins, or after it and before the
// registration, the next rebuild finds every part in the store and comes here
// again.
func (r *Rebuilder) handOver(ctx context.Context, j *job) error {
	if err := r.Log.Begin(ctx, j.model(j.building.Generation).String(), j.building.Through); err != nil {
		return err
	}
	_, err := register(ctx, r.stores(), j.readModel, func(reg *docstore.Registration) error {
		if reg.Building == nil || reg.Building.Generation != j.building.Generation {
			return fmt.Errorf("%w: %s, generation %d", ErrCancelled, j.name, j.building.Generation)
		}
		reg.Building.Bulk = false
		return nil
	})
	return err
}

// Projector folds what is on its way of these read models, and nothing else, so
// that it catches up also when no other projector runs.
func (r *Rebuilder) Projector(names ...string) (*Projector, error) {
	models, err := r.pick(names)
	if err != nil {
		return nil, err
	}
	p := newProjector(r.stores(), models)
	p.only = func(reg docstore.Registration) []int {
		if reg.Building == nil || reg.Building.Bulk {
			return nil
		}
		return []int{reg.Building.Generation}
	}
	return p, nil
}

// CatchUp waits until what is on its way of these read models has come to where
// the log is now, and then to where it is by then: what is missing after that is
// what came in a moment, so an endless stream of events cannot hold it up.
// Somebody has to fold it.
func (r *Rebuilder) CatchUp(ctx context.Context, names ...string) error {
	models, err := r.pick(names)
	if err != nil {
		return err
	}
	for range 2 {
		head, err := r.Log.Head(ctx)
		if err != nil {
			return err
		}
		for _, m := range models {
			if err := r.reach(ctx, m, head); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Rebuilder) reach(ctx context.Context, m readModel, head events.Mark) error {
	return r.until(ctx, func() (bool, error) {
		reg, err := r.Mongo.Registration(ctx, m.name, m.version)
		if err != nil || reg.Building == nil {
			return reg.Building == nil, err
		}
		at, err := m.look(ctx, r.stores(), reg.Building.Generation)
		if err != nil {
			return false, err
		}
		r.tell(Step{Phase: Catching, Done: int64(at.Position), Total: int64(max(head.Position, at.Position))})
		return at.Position >= head.Position, nil
	})
}

// until asks until it is so. A store that is away is asked again.
func (r *Rebuilder) until(ctx context.Context, ask func() (bool, error)) error {
	tick := time.NewTicker(beatEvery / 10)
	defer tick.Stop()
	for {
		so, err := ask()
		if err == nil && so || err != nil && !errors.Is(err, ErrUnavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}
