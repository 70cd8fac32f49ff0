package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tenure/internal/docstore"
)

// generationsTopic is where it is announced that a registration changed. It is
// permanent.
const generationsTopic = "generations"

// believedBeats is for how many beats it is believed which generation is live
// when nobody can be asked. That is less than lease, so nobody reads one that is
// not there any more and takes that for an answer.
const believedBeats = 8

// errNoGeneration says that no build of a read model is to be read.
var errNoGeneration = errors.New("projections: no generation is live")

// Live tells which build of a projection is read. It asks no store. It fails
// with ErrUnavailable when there is none, or when it is not known any more.
type Live func(projection string, version int) (docstore.Model, error)

// resolve puts p at the generation that is read. Nil knows none.
func (p Projection[T]) resolve(live Live) (Projection[T], error) {
	if live == nil {
		return p, fmt.Errorf("%w: %w: %s: nobody was said to ask", ErrUnavailable, errNoGeneration, p.Name)
	}
	m, err := live(p.Name, p.Version)
	return p.At(m.Generation), err
}

// Generations knows which builds of each read model there are and what they are
// for. It looks four times a second, and at once when a change is announced.
type Generations struct {
	mongo *docstore.Mongo
	redis *docstore.Redis
	// adoption may be nil: then authentication is read as the registry says.
	adoption *Adoption

	revision atomic.Int64 // counts what was found changed
	mu       sync.RWMutex
	known    map[docstore.Model]docstore.Registration // by projection and version
	unsure   int                                      // beats since they were seen
}

// NewGenerations returns a Generations that knows nothing until Run runs, or
// Refresh was called.
func NewGenerations(m *docstore.Mongo, r *docstore.Redis) *Generations {
	return &Generations{mongo: m, redis: r}
}

// Run keeps it up to date until ctx ends.
func (g *Generations) Run(ctx context.Context) {
	poked := make(chan struct{}, 1)
	var running sync.WaitGroup
	running.Go(func() { g.redis.Listen(ctx, generationsTopic, func([]byte) { poke(poked) }) })
	defer running.Wait()
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		g.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-poked:
		case <-tick.C:
		}
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it will look anyway
	}
}

// look refreshes, and counts the beats at which that failed.
func (g *Generations) look(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	if g.Refresh(limited) != nil {
		g.mu.Lock()
		g.unsure++
		g.mu.Unlock()
	}
}

// Refresh asks the store. It fails with ErrUnavailable.
func (g *Generations) Refresh(ctx context.Context) error {
	all, err := g.mongo.Registrations(ctx)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unsure = 0
	changed := len(all) != len(g.known)
	known := make(map[docstore.Model]docstore.Registration, len(all))
	for _, r := range all {
		was, there := g.known[r.Model(0)]
		changed = changed || !there || !r.Same(was)
		known[r.Model(0)] = r
	}
	if changed {
		g.known = known
		g.revision.Add(1)
	}
	return nil
}

// Live tells which build of a projection is read. It fails with ErrUnavailable.
func (g *Generations) Live(projection string, version int) (docstore.Model, error) {
	if a := g.adopted(projection, version); a != nil {
		return a.live()
	}
	return g.registered(projection, version)
}

// adopted is who decides about a projection beside the registry; nil: nobody.
func (g *Generations) adopted(projection string, version int) *Adoption {
	if projection != Authorities.Name || version != Authorities.Version {
		return nil
	}
	return g.adoption
}

// registered tells which build the registry says is live.
//
// What stands in Redis is believed for as long as nobody says otherwise: a
// generation that was dropped there is not ready, which no one takes for an
// answer, and commands go on while MongoDB is away.
func (g *Generations) registered(projection string, version int) (docstore.Model, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	r := g.known[docstore.Model{Projection: projection, Version: version}]
	switch {
	case r.Live == 0:
		return docstore.Model{}, fmt.Errorf("%w: %w: %s, version %d", ErrUnavailable, errNoGeneration, projection, version)
	case g.unsure > believedBeats && projection != Authorities.Name:
		return docstore.Model{}, fmt.Errorf("%w: which generation of %s is live was not heard for too long", ErrUnavailable, projection)
	}
	return r.Model(r.Live), nil
}

// Authorities is the build of authentication that is read; the zero model when
// none is.
func (g *Generations) Authorities() docstore.Model {
	m, err := g.Live(Authorities.Name, Authorities.Version)
	if err != nil {
		return docstore.Model{}
	}
	return m
}

// Ready tells whether every read model of this program's has a live generation.
// Whether one is adopted Authentication.Ready tells, which asks Redis. It fails
// with ErrUnavailable.
func (g *Generations) Ready(context.Context) error {
	var errs []error
	for _, r := range readModels() {
		_, err := g.registered(r.name, r.version)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// chosen is the generation of a read model that is read; 0 when none is. For how
// long that is believed does not count here.
func (g *Generations) chosen(r readModel) int {
	if a := g.adopted(r.name, r.version); a != nil {
		return a.current().Generation
	}
	return g.of(r).Live
}

// of is what is known of a read model's generations.
func (g *Generations) of(r readModel) docstore.Registration {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if known, ok := g.known[r.model(0)]; ok {
		return known
	}
	return docstore.Registration{Projection: r.name, Version: r.version, Next: 1}
}

// all is what is known of the generations of all projections and versions, in
// their order.
func (g *Generations) all() []docstore.Registration {
	g.mu.RLock()
	defer g.mu.RUnlock()
	all := slices.Collect(maps.Values(g.known))
	slices.SortFunc(all, func(a, b docstore.Registration) int {
		return cmp.Or(cmp.Compare(a.Projection, b.Projection), cmp.Compare(a.Version, b.Version))
	})
	return all
}

// announceGenerations says that a registration changed. That nobody hears it
// costs a beat.
func announceGenerations(ctx context.Context, r *docstore.Redis) {
	if r != nil {
		_ = r.Publish(ctx, generationsTopic, []byte("changed"))
	}
}

// errUnchanged ends a change of a registration that is not needed.
var errUnchanged = errors.New("projections: nothing to change")

// register changes what is registered of a read model, whoever else does so at
// the same time. Change is asked again when another one was faster; it may
// refuse, with errUnchanged for one that is content. It gives what stands there
// at the end.
func register(ctx context.Context, s stores, r readModel, change func(*docstore.Registration) error) (docstore.Registration, error) {
	for range maxRaces {
		was, err := s.mongo.Registration(ctx, r.name, r.version)
		if err != nil {
			return was, err
		}
		is := was.Clone()
		switch err := change(&is); {
		case errors.Is(err, errUnchanged):
			return was, nil
		case err != nil:
			return was, err
		}
		done, err := s.mongo.Register(ctx, was, is)
		if err != nil {
			return was, err
		}
		if done {
			announceGenerations(ctx, s.redis)
			return is, nil
		}
	}
	return docstore.Registration{}, errRaces
}
