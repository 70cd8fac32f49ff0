package projections

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"tenure/internal/docstore"
)

const (
	// epochCount is how many documents share none of the counters below, more
	// or less.
	epochCount = 1 << 12
	// maxKept bounds how many authority documents a process keeps.
	maxKept = 1 << 15
)

// AuthorityCache keeps authority documents for a moment, so that not every
// request asks Redis. What is not there is never kept, and of what is there
// nothing is served longer than the bound after it was asked for: whatever
// messages are late or lost, that one rule holds by the process's own clock
// alone. The nil cache keeps nothing.
//
// Whoever has a document from here shares it with others, and changes nothing
// in it.
type AuthorityCache struct {
	bound time.Duration
	clock func() time.Duration // never goes back
	kept  *otter.Cache[docstore.Key, kept]

	// An epoch ends with each drop. A document is of the epochs in which it was
	// asked for, not in which it came, so that one that was under way when it
	// was dropped is never served.
	epochs [epochCount]atomic.Uint64
	epoch  atomic.Uint64 // of all documents

	// Until when, by clock, this process may use what it keeps: as long as it
	// hears of drops, and as long as others know that it has to be asked.
	hearing, known atomic.Int64

	hits, misses atomic.Int64
}

// kept is a document, with what has to be true for it to be served.
type kept struct {
	doc   Authority
	model docstore.Model
	until time.Duration
	of    epochs
}

// epochs are those that a document is of.
type epochs struct{ all, own uint64 }

func newAuthorityCache(bound time.Duration, most int, clock func() time.Duration) *AuthorityCache {
	return &AuthorityCache{
		bound: bound, clock: clock,
		kept: otter.Must(&otter.Options[docstore.Key, kept]{MaximumSize: cmp.Or(most, maxKept)}),
	}
}

// Counts tell how many documents were served from here, and for how many Redis
// was asked.
func (c *AuthorityCache) Counts() (hits, misses int64) {
	if c == nil {
		return 0, 0
	}
	return c.hits.Load(), c.misses.Load()
}

// read gives documents of a model: those that are kept, and for the rest it
// asks once. What ask fails with is the answer, whatever is kept.
func (c *AuthorityCache) read(
	m docstore.Model, keys []docstore.Key, ask func(...docstore.Key) (map[docstore.Key]Authority, error),
) (map[docstore.Key]Authority, error) {
	if c == nil {
		return ask(keys...)
	}
	docs := make(map[docstore.Key]Authority, len(keys))
	missing := c.find(m, keys, docs)
	if len(missing) == 0 {
		return docs, nil
	}
	began, of := c.clock(), make([]epochs, len(missing))
	for i, k := range missing {
		of[i] = c.epochsOf(k)
	}
	asked, err := ask(missing...)
	if err != nil {
		return nil, err
	}
	for i, k := range missing {
		if doc, there := asked[k]; there {
			c.kept.Set(k, kept{doc, m, began + c.bound, of[i]})
			docs[k] = doc
		}
	}
	return docs, nil
}

// first gives the first of some documents that is kept, of which one at most
// exists, so that nobody asks for the others.
func (c *AuthorityCache) first(m docstore.Model, keys []docstore.Key) map[docstore.Key]Authority {
	if c == nil || len(keys) < 2 {
		return nil
	}
	docs := make(map[docstore.Key]Authority, 1)
	for _, k := range keys {
		if doc, ok := c.get(m, k); ok {
			c.hits.Add(1)
			docs[k] = doc
			return docs
		}
	}
	return nil
}

// find adds to docs what is kept, and tells what is not.
func (c *AuthorityCache) find(m docstore.Model, keys []docstore.Key, docs map[docstore.Key]Authority) (missing []docstore.Key) {
	for _, k := range keys {
		if doc, ok := c.get(m, k); ok {
			docs[k] = doc
		} else {
			missing = append(missing, k)
		}
	}
	c.hits.Add(int64(len(keys) - len(missing)))
	c.misses.Add(int64(len(missing)))
	return missing
}

func (c *AuthorityCache) get(m docstore.Model, k docstore.Key) (Authority, bool) {
	if !c.used() {
		return Authority{}, false
	}
	e, ok := c.kept.GetIfPresent(k)
	if !ok || c.clock() >= e.until || e.model != m || e.of != c.epochsOf(k) {
		return Authority{}, false
	}
	return e.doc, true
}

// used tells whether anything that is kept is served at all now.
func (c *AuthorityCache) used() bool {
	now := c.clock()
	return now < time.Duration(c.hearing.Load()) && now < time.Duration(c.known.Load())
}

func (c *AuthorityCache) epochsOf(k docstore.Key) epochs {
	return epochs{c.epoch.Load(), c.epochs[markOf(k)%epochCount].Load()}
}

// drop ends the epochs of some documents. What is kept of them goes when there
// is something newer, or no room.
func (c *AuthorityCache) drop(marks []uint32) {
	for _, m := range marks {
		c.epochs[m%epochCount].Add(1)
	}
}

// dropAll ends the epoch of all documents.
func (c *AuthorityCache) dropAll() { c.epoch.Add(1) }

// heard notes that drops are heard of now.
func (c *AuthorityCache) heard() { c.hearing.Store(int64(c.clock() + c.bound)) }

// knownUntil notes until when others know of this process.
func (c *AuthorityCache) knownUntil(t time.Duration) { c.known.Store(int64(t)) }
