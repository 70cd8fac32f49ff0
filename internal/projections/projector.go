package projections

import (
	"context"
	"errors"
	"sync"
	"time"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// beatEvery is how often a projector writes down and announces how far it is,
// also when nothing happens.
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

// Projector folds every read model. Prepare comes first, then Consumers are
// fed while Run runs.
type Projector struct {
	redis  *docstore.Redis
	builds []*build
	news   *news
	drops  *dropping
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
// which it knows when a read model in Redis is complete.
func NewProjector(m *docstore.Mongo, r *docstore.Redis, head func(context.Context) (events.Mark, error)) *Projector {
	drops := newDropping()
	return &Projector{
		redis: r,
		news:  newNews(),
		drops: drops,
		builds: []*build{
			mongoBuild(Users, m),
			mongoBuild(Suppliers, m),
			mongoBuild(APIKeys, m),
			drops.of(redisBuild(Authorities, r, head), dropsOf(Authorities)),
			mongoBuild(Memberships, m),
		},
	}
}

func mongoBuild[T any](p Projection[T], m *docstore.Mongo) *build {
	d := inMongo(p, m)
	made := &build{
		model: p.Model(), types: p.Types(), prepare: d.prepare, resume: d.resume, beat: d.resume,
		fold:    func(ctx context.Context, b events.Batch) (events.Mark, error) { return b.Through, d.fold(ctx, b) },
		parking: mongoParked(d.store),
	}
	d.onParked = made.noteParked
	return made
}

func redisBuild[T any](p Projection[T], r *docstore.Redis, head func(context.Context) (events.Mark, error)) *build {
	g := inRedis(p, r, head)
	made := &build{
		model: p.Model(), types: p.Types(), resume: g.resume, beat: g.beat,
		prepare: func(context.Context) error { return nil },
		fold: func(ctx context.Context, b events.Batch) (events.Mark, error) {
			err := g.fold(ctx, b)
			return g.at(), err
		},
		parking: redisParked(g.store),
	}
	g.onParked = made.noteParked
	return made
}

// Prepare makes what has to be there before the first batch.
func (p *Projector) Prepare(ctx context.Context) error {
	for _, b := range p.builds {
		if err := b.prepare(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Consumers are the read models, one for each, so that a store that is down or
// a fold that is slow holds back nobody else.
func (p *Projector) Consumers() []Consumer {
	var all []Consumer
	for _, b := range p.builds {
		all = append(all, Consumer{
			Name: b.model.String(), Types: b.types, Resume: b.resume,
			Fold: func(ctx context.Context, batch events.Batch) error {
				at, err := b.fold(ctx, batch)
				b.note(batch, err)
				if err == nil {
					p.news.put(b.folded(at))
				}
				return err
			},
		})
	}
	return all
}

// Run writes down and announces how far each read model is, until ctx ends.
// Each has a beat of its own, so that a store that hangs silences nobody else.
func (p *Projector) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { p.news.publish(ctx, p.redis) })
	running.Go(func() { p.drops.publish(ctx, p.redis) })
	for _, b := range p.builds {
		running.Go(func() { p.beats(ctx, b) })
	}
	running.Wait()
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
