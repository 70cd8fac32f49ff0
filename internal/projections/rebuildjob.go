package projections

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

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
	if errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
		return nil // what is not noted is written again, which changes nothing
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
