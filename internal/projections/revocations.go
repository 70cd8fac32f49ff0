package projections

import (
	"cmp"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// MaxRevocationBound is the longest that a right may be honoured after it was
// taken away. It is below the 2 s that the answer to a command waits, so that
// one that waits the bound out can still say that it is over.
const MaxRevocationBound = 1500 * time.Millisecond

// Where processes that keep authority documents meet. Both are permanent.
const (
	confirmedTopic = "revocation-confirmed"
	rollName       = "authority"
)

// RevocationOptions say how a process keeps authority documents.
type RevocationOptions struct {
	// Bound is how long one is kept at most; a second when it is zero, and
	// never more than MaxRevocationBound.
	Bound time.Duration
	// Process is this process's own name, new with each start; Adoption's, where
	// there is one, for others know this process by it on both rolls.
	Process uuid.UUID
	// Now is a clock with a monotonic reading.
	Now func() time.Time
	// Model is the model that requests are answered from; nil for Authorities.
	Model func() docstore.Model
	// Adoption finds what others are answered from. Nil: the same as here.
	Adoption *Adoption
	// Settled may be nil. It is told how long each wait took and how it ended:
	// confirmed, waited_out or not_told.
	Settled func(took time.Duration, outcome string)
	// MaxKept bounds how many documents are kept; zero for 32768.
	MaxKept int
}

// Revocations is one process's part in that a right that was taken away is
// honoured by none: it drops what it hears was changed, says so, and waits for
// the others to say so. All of that only makes it faster than the bound, after
// which nothing that is older is served from memory anywhere, heard or not.
type Revocations struct {
	RevocationOptions
	redis  *docstore.Redis
	roll   docstore.Roll
	cache  *AuthorityCache
	member member
	takers map[string]bool // types of events
	speak  chan struct{}   // room for one: say how far this process is

	mu      sync.Mutex // for what is below
	follows docstore.Model
	handled goal          // everything up to here is dropped
	agreed  time.Duration // when a message last said no less
	peers   map[member]peer
	changed chan struct{} // closed when a peer is further, and replaced
}

// peer is what is known of a process, this one among them.
type peer struct {
	handled goal
	of      docstore.Model
	heard   time.Duration
}

// NewRevocations returns a process's part. It takes none before Run runs.
func NewRevocations(r *docstore.Redis, o RevocationOptions) *Revocations {
	began := o.Now()
	if o.Adoption != nil {
		o.Process = o.Adoption.Process
	}
	o.Bound = min(cmp.Or(o.Bound, time.Second), MaxRevocationBound)
	if o.Model == nil {
		o.Model = Authorities.Model
	}
	clock := func() time.Duration { return o.Now().Sub(began) }
	return &Revocations{
		RevocationOptions: o, redis: r, roll: docstore.RollIn(r, rollName),
		cache:  newAuthorityCache(o.Bound, o.MaxKept, clock),
		takers: takers(Authorities.Types()),
		member: memberOf(o.Process, o.Bound), speak: make(chan struct{}, 1),
		peers: make(map[member]peer), changed: make(chan struct{}),
	}
}

// Cache is what authority documents are to be read through.
func (r *Revocations) Cache() *AuthorityCache { return r.cache }

// Run takes part until ctx ends, and takes leave of the others then.
func (r *Revocations) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { r.redis.Listen(ctx, dropsTopic, r.hear) })
	running.Go(func() { r.redis.Listen(ctx, confirmedTopic, r.hearPeer) })
	running.Go(func() { r.stay(ctx) })
	running.Go(func() { r.tell(ctx) })
	running.Wait()
	r.leave(context.WithoutCancel(ctx))
}

// hear drops what a projector says was changed. What is of another model, or
// cannot be read, is another version's.
func (r *Revocations) hear(message []byte) {
	var d drops
	if json.Unmarshal(message, &d) != nil || d.model() != r.Model() {
		return
	}
	log, err := uuid.Parse(d.Log)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handle(d, events.LogID(log))
	r.cache.heard()
	r.note(r.member, r.handled, r.follows)
	r.Adoption.showed(r.handled)
	if d.Awaited {
		r.wake()
	}
}

// handle drops what has to be dropped. Nothing is called handled before.
func (r *Revocations) handle(d drops, log events.LogID) {
	now, there := r.cache.clock(), goal{log, d.Through}
	switch {
	case d.All, d.model() != r.follows, log != r.handled.log, d.From > r.handled.position:
		// A message was missed, or there was none before.
		r.cache.dropAll()
		r.follows, r.handled, r.agreed = d.model(), there, now
	case d.Through >= r.handled.position:
		r.cache.drop(d.Marks)
		r.handled, r.agreed = there, now
	case now-r.agreed > r.Bound:
		// Nobody is where this process is: the log was restored, or Redis.
		r.cache.dropAll()
		r.handled, r.agreed = there, now
	default:
		r.cache.drop(d.Marks) // one projector is behind another
	}
}

// note keeps how far a process is, and wakes those who wait for it.
func (r *Revocations) note(m member, handled goal, of docstore.Model) {
	now := r.cache.clock()
	for other, p := range r.peers {
		if now-p.heard > 2*MaxRevocationBound {
			delete(r.peers, other)
		}
	}
	r.peers[m] = peer{handled, of, now}
	close(r.changed)
	r.changed = make(chan struct{})
}

// wake has it said soon how far this process is.
func (r *Revocations) wake() {
	poke(r.speak)
}

// confirmation says how far a process is with dropping. One that is lost costs
// others a wait of the bound and nothing else.
type confirmation struct {
	Member   member          `json:"member"`
	Log      string          `json:"log,omitempty"`
	Position events.Position `json:"position"`
	// Version and Generation are the build of authentication that it is about.
	Version    int  `json:"version"`
	Generation int  `json:"generation"`
	Gone       bool `json:"gone,omitempty"`
}

// hearPeer takes what another process says.
func (r *Revocations) hearPeer(message []byte) {
	var c confirmation
	if json.Unmarshal(message, &c) != nil || c.Member == r.member {
		return
	}
	log, err := uuid.Parse(c.Log)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case c.Gone:
		delete(r.peers, c.Member)
	case err == nil:
		of := docstore.Model{Projection: Authorities.Name, Version: c.Version, Generation: c.Generation}
		r.note(c.Member, goal{events.LogID(log), c.Position}, of)
	}
}

// tell says how far this process is, when it is asked to, until ctx ends.
func (r *Revocations) tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.speak:
		}
		r.mu.Lock()
		at, of, ours := r.handled, r.follows, r.follows == r.Model()
		r.mu.Unlock()
		if ours {
			r.say(ctx, confirmation{
				Member: r.member, Log: at.log.String(), Position: at.position, Version: of.Version, Generation: of.Generation,
			})
		}
	}
}

func (r *Revocations) say(ctx context.Context, c confirmation) {
	message, err := json.Marshal(c)
	if err != nil {
		return // a struct of texts and numbers
	}
	_ = r.redis.Publish(ctx, confirmedTopic, message) // it is said again at the next beat
}

// member is a process on the roll: its name, and how long it keeps a document
// in milliseconds, for others may have been set otherwise.
type member string

func memberOf(process uuid.UUID, bound time.Duration) member {
	return member(process.String() + "/" + strconv.FormatInt(bound.Milliseconds(), 10))
}

// process is its name, as it stands on the roll of readers.
func (m member) process() string {
	name, _, _ := strings.Cut(string(m), "/")
	return name
}

// bound is how long a process may honour what it knows; the longest there may
// be when it cannot be read.
func (m member) bound() time.Duration {
	_, text, _ := strings.Cut(string(m), "/")
	ms, err := strconv.ParseInt(text, 10, 64)
	if bound := time.Duration(ms) * time.Millisecond; err == nil && bound > 0 && bound <= MaxRevocationBound {
		return bound
	}
	return MaxRevocationBound
}
