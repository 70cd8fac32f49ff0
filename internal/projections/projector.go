package projections

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// beatEvery is how often a projector writes down and announces how far it is,
// and looks what there is to fold, also when nothing happens.
const beatEvery = 250 * time.Millisecond

// Consumer is a read model as the feed knows it. Whoever joins the two marks
// ErrPoison and ErrForked as final; any other error may be tried again, after
// asking Resume.
type Consumer struct {
	Name   string // permanent, with version and generation
	Types  []string
	Resume func(ctx context.Context) (events.Mark, error)
	Fold   func(ctx context.Context, b events.Batch) error
}

// Projector folds every read model: of each the live generation, the former one
// until it is retired, and the one that is being built once its bulk is over.
// Of a read model without a live generation it builds one, and makes it live
// when it has caught up. Generations of other versions are left alone.
//
// Prepare comes first, then Consumers are fed while Run runs, and whenever
// Changed tells, those that Consumers gives then.
type Projector struct {
	// First, when set, builds the first generation of a read model where the
	// log is long: in bulk, as a rebuild does. Nil: it is folded batch by batch.
	First *Rebuilder

	stores
	models  []readModel
	news    *outbox[announcement]
	drops   *outbox[drops]
	changed chan struct{} // room for one
	// only says which generations are folded, and that none is begun; nil: all
	// that are to be.
	only func(docstore.Registration) []int

	mu     sync.Mutex
	builds []*build // in the order of models
	goals  map[docstore.Model]events.Position
	bulks  []string // the read models that First has to build
}

// build is one generation of a projection that is folded here.
type build struct {
	model   docstore.Model
	types   []string
	prepare func(ctx context.Context) error
	resume  func(ctx context.Context) (events.Mark, error)
	fold    func(ctx context.Context, b events.Batch) (events.Mark, error) // and how far it is now
	beat    func(ctx context.Context) (events.Mark, error)
	parking parkedStore

	mu       sync.Mutex
	fresh    map[docstore.Key]docstore.Parked // what is parked of the batch that was folded last
	failed   string                           // what the last batch failed with; empty when it did not
	failedAt events.Position                  // where that batch ended
}

// NewProjector returns a projector. Head is the newest place of the log, by
// which it knows when a read model is complete.
func NewProjector(m *docstore.Mongo, r *docstore.Redis, head func(context.Context) (events.Mark, error)) *Projector {
	return newProjector(stores{m, r, head}, readModels())
}

func newProjector(s stores, models []readModel) *Projector {
	return &Projector{
		stores: s, models: models, news: newOutbox[announcement](), drops: newOutbox[drops](), changed: make(chan struct{}, 1),
		goals: make(map[docstore.Model]events.Position),
	}
}

// Prepare finds out what there is to fold, and makes what has to be there
// before the first batch. It fails with ErrUnavailable.
func (p *Projector) Prepare(ctx context.Context) error { return p.tend(ctx) }

// Consumers are the generations that are folded now, one for each, so that a
// store that is down or a fold that is slow holds back nobody else.
func (p *Projector) Consumers() []Consumer {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Consumer
	for _, b := range p.builds {
		all = append(all, b.consumer(p.news))
	}
	return all
}

// Changed tells that Consumers gives others than before.
func (p *Projector) Changed() <-chan struct{} { return p.changed }

func (b *build) consumer(news *outbox[announcement]) Consumer {
	return Consumer{
		Name: b.model.String(), Types: b.types, Resume: b.resume,
		Fold: func(ctx context.Context, batch events.Batch) error {
			at, err := b.fold(ctx, batch)
			b.note(batch, err)
			if err == nil {
				news.put(b.folded(at))
			}
			return err
		},
	}
}

// Run writes down and announces how far each generation is, and looks what
// there is to fold, until ctx ends. Each has a beat of its own, so that a store
// that hangs silences nobody else.
func (p *Projector) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() {
		p.news.empty(ctx, func(all []announcement) { p.say(ctx, progressTopic, all) })
	})
	running.Go(func() {
		p.drops.empty(ctx, func(all []drops) {
			for _, one := range all {
				p.say(ctx, dropsTopic, one)
			}
		})
	})
	running.Go(func() { p.buildFirst(ctx) })
	beating := make(map[*build]context.CancelFunc)
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		_ = p.tend(ctx) // a store that is away is asked again at the next beat
		p.keepBeating(ctx, &running, beating)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// keepBeating gives each build that is folded a beat, and ends those of others.
func (p *Projector) keepBeating(ctx context.Context, running *sync.WaitGroup, beating map[*build]context.CancelFunc) {
	p.mu.Lock()
	builds := p.builds
	p.mu.Unlock()
	for b, end := range beating {
		if !slices.Contains(builds, b) {
			end()
			delete(beating, b)
		}
	}
	for _, b := range builds {
		if beating[b] == nil {
			ctx, end := context.WithCancel(ctx)
			beating[b] = end
			running.Go(func() { p.beats(ctx, b) })
		}
	}
}

// beats announces nothing when the store does not answer, so that those who
// wait find out.
func (p *Projector) beats(ctx context.Context, b *build) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		if a, err := b.whole(ctx); err == nil {
			p.news.put(a)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// note keeps what a batch failed with. That this process is to end is no
// failure.
func (b *build) note(batch events.Batch, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil:
		b.failed = ""
	case !errors.Is(err, context.Canceled):
		b.failed, b.failedAt = err.Error(), batch.Through.Position
	}
}

// announcement says how far the build is. A failure is over as soon as the
// batch is in the store, also when another process brought it there.
func (b *build) announcement(at events.Mark) announcement {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at.Position >= b.failedAt {
		b.failed = ""
	}
	return announcement{
		Projection: b.model.Projection, Version: b.model.Version, Generation: b.model.Generation,
		Log: at.Log.String(), Position: at.Position, Failed: b.failed,
	}
}

// noteParked keeps what is parked of a batch until it is announced.
func (b *build) noteParked(parked map[docstore.Key]docstore.Parked) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fresh = parked
}

// folded is the announcement of a batch, with what is parked of it: whoever
// waits for the batch hears both at once.
func (b *build) folded(at events.Mark) announcement {
	a := b.announcement(at)
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []docstore.ParkedKey
	for k, p := range b.fresh {
		all = append(all, docstore.ParkedKey{Key: k, Parked: p})
	}
	a.Parked, a.More = told(all)
	b.fresh = nil
	return a
}

// whole is the announcement of a beat. It looks how far the build is before it
// looks at what is parked: then all that was parked up to there is in it.
func (b *build) whole(ctx context.Context) (announcement, error) {
	at, err := b.beat(ctx)
	if err != nil {
		return announcement{}, err
	}
	all, err := b.parking.list(ctx, maxTold+1)
	if err != nil {
		return announcement{}, err
	}
	a := b.announcement(at)
	a.Whole = true
	a.Parked, a.More = told(all)
	return a, nil
}
