package projections

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"time"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
)

// shownDifferences is how many differences are named; all are counted.
const shownDifferences = 100

// Comparison is how two builds of the same read model differ, or what is stored
// from what the log makes of it.
type Comparison struct {
	// Documents is how many were compared, tombstones among them.
	Documents int64
	// Tenants is what each tenant's documents come to, in the order of tenants.
	Tenants []TenantSum
	// Different is how many documents differ, and Differences the first of them.
	Different   int64
	Differences []Difference
	// Moving is how many were at different places in the log all the while: of
	// these nothing can be said, and they are in no sum.
	Moving int64
	// Mended is how many of these are not different any more.
	Mended int64

	sums map[events.TenantID]*tally
}

// TenantSum is what the documents of a tenant come to. Two builds that hold the
// same have the same hash, in whatever order they were written.
type TenantSum struct {
	Tenant    events.TenantID // empty: of documents that are in no tenant
	Documents int64           // that are shown
	Got, Want string
}

// Difference is a document that is not what it should be.
type Difference struct {
	Key docstore.Key
	// What is one of missing, superfluous and different.
	What string
}

// What can be wrong with a document.
const (
	missing     = "missing"
	superfluous = "superfluous"
	different   = "different"
)

// tally adds up hashes, whatever their order.
type tally struct {
	documents int64
	got, want [sha256.Size]byte
}

// add notes a document as it is and as it should be. Nil: it is not there, or
// should not be.
func (c *Comparison) add(got, want *docstore.Sum) {
	c.Documents++
	c.tally(got, func(t *tally) *[sha256.Size]byte { t.documents++; return &t.got })
	c.tally(want, func(t *tally) *[sha256.Size]byte { return &t.want })
	switch {
	case got == nil && want == nil:
		c.Documents--
	case got == nil:
		c.differs(want.Key, missing)
	case want == nil:
		c.differs(got.Key, superfluous)
	case !got.Equal(*want):
		c.differs(got.Key, different)
	}
}

func (c *Comparison) tally(s *docstore.Sum, of func(*tally) *[sha256.Size]byte) {
	if s == nil || !s.Shown {
		return
	}
	if c.sums == nil {
		c.sums = make(map[events.TenantID]*tally)
	}
	tenants := s.Tenants
	if len(tenants) == 0 {
		tenants = []events.TenantID{""}
	}
	hash := sha256.Sum256(append([]byte(fmt.Sprintf("%d %s", len(s.Key), s.Key)), s.Hash[:]...))
	for _, t := range tenants {
		if c.sums[t] == nil {
			c.sums[t] = &tally{}
		}
		plus(of(c.sums[t]), hash)
	}
}

// plus adds a hash as the number that it is: another order gives the same sum,
// and two of the same do not cancel each other out.
func plus(sum *[sha256.Size]byte, hash [sha256.Size]byte) {
	carry := 0
	for i := range sum {
		carry += int(sum[i]) + int(hash[i])
		sum[i] = byte(carry)
		carry >>= 8
	}
}

func (c *Comparison) differs(k docstore.Key, what string) {
	if c.Different++; len(c.Differences) < shownDifferences {
		c.Differences = append(c.Differences, Difference{k, what})
	}
}

// close writes down what the tenants come to.
func (c *Comparison) close() Comparison {
	for tenant, t := range c.sums {
		c.Tenants = append(c.Tenants, TenantSum{tenant, t.documents, hex.EncodeToString(t.got[:]), hex.EncodeToString(t.want[:])})
	}
	slices.SortFunc(c.Tenants, func(a, b TenantSum) int { return cmp.Compare(a.Tenant, b.Tenant) })
	return *c
}

// String names a difference. The hash of a secret stands in no message.
func (d Difference) String() string {
	return nameOf(d.Key) + ": " + d.What
}

// Compare sets what is on its way of a read model against what is live. What
// moves meanwhile is looked at again until both have it. Without a live one
// there is nothing to compare.
func (r *Rebuilder) Compare(ctx context.Context, name string) (Comparison, error) {
	m, err := r.one(name)
	if err != nil {
		return Comparison{}, err
	}
	reg, err := r.Mongo.Registration(ctx, m.name, m.version)
	if err != nil || reg.Live == 0 || reg.Building == nil {
		return Comparison{}, err
	}
	return m.compare(ctx, r.stores(), reg.Building.Generation, reg.Live)
}

func comparing() authz.Scope { return authz.SystemScope("comparing") }

// settling is for how long a document is looked at that differs: so long two
// generations may be apart that are both folded.
const settling = 8

// compareDocuments goes through both in the order of their keys.
func compareDocuments[T any](ctx context.Context, its, others docstore.Collection[T]) (Comparison, error) {
	var c Comparison
	var doubts []docstore.Key
	resolve := func(least int) error {
		if len(doubts) < least {
			return nil
		}
		err := settle(ctx, &c, its, others, doubts)
		doubts = nil
		return err
	}
	got, stopGot := iter.Pull2(its.Sums(ctx, comparing()))
	defer stopGot()
	want, stopWant := iter.Pull2(others.Sums(ctx, comparing()))
	defer stopWant()
	a, errA, moreA := got()
	b, errB, moreB := want()
	for (moreA || moreB) && errA == nil && errB == nil {
		switch {
		case moreA && moreB && a.Equal(b):
			c.add(&a, &b)
			a, errA, moreA = got()
			b, errB, moreB = want()
		case moreA && moreB && a.Key == b.Key:
			doubts = append(doubts, a.Key)
			a, errA, moreA = got()
			b, errB, moreB = want()
		case moreA && (!moreB || a.Key < b.Key):
			doubts = append(doubts, a.Key)
			a, errA, moreA = got()
		default:
			doubts = append(doubts, b.Key)
			b, errB, moreB = want()
		}
		if err := resolve(bulkSize); err != nil {
			return c, err
		}
	}
	if err := cmp.Or(errA, errB, resolve(1)); err != nil {
		return c, err
	}
	return c.close(), nil
}

// settle looks at documents until they are equal, and takes them for different
// when they stay so.
func settle[T any](ctx context.Context, c *Comparison, its, others docstore.Collection[T], doubts []docstore.Key) error {
	for left := settling; len(doubts) > 0; left-- {
		got, err := its.SumsOf(ctx, comparing(), doubts)
		if err != nil {
			return err
		}
		want, err := others.SumsOf(ctx, comparing(), doubts)
		if err != nil {
			return err
		}
		var still []docstore.Key
		for _, k := range doubts {
			a, b := at(got, k), at(want, k)
			switch {
			case a != nil && b != nil && a.Equal(*b):
				c.add(a, b)
			case left > 0:
				still = append(still, k)
			case a != nil && b != nil && a.Position != b.Position:
				c.Moving++
			default:
				c.add(a, b)
			}
		}
		if doubts = still; len(doubts) > 0 {
			if err := pause(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

func at(sums map[docstore.Key]docstore.Sum, k docstore.Key) *docstore.Sum {
	if s, ok := sums[k]; ok {
		return &s
	}
	return nil
}

// comparePartitions looks at each partition of both until they hold the same,
// or are at the same place and do not. Of ones that never are, because nobody
// folds the live one or the log does not stand still, what differs is moving.
func comparePartitions[T any](ctx context.Context, its, others docstore.Partitions[T]) (Comparison, error) {
	var c Comparison
	left := 4 * settling // for all of them together
	for i := range docstore.Partition(docstore.PartitionCount) {
		var got, want docstore.Whole
		for ; ; left-- {
			var err error
			if got, err = its.Whole(ctx, comparing(), i); err != nil {
				return c, err
			}
			if want, err = others.Whole(ctx, comparing(), i); err != nil {
				return c, err
			}
			if got.Same(want) || got.Checkpoint == want.Checkpoint || left <= 0 {
				break
			}
			if err := pause(ctx, 50*time.Millisecond); err != nil {
				return c, err
			}
		}
		if got.Checkpoint == want.Checkpoint {
			c.addAll(got.Sums, want.Sums)
		} else {
			c.addEqual(got.Sums, want.Sums)
		}
	}
	return c.close(), nil
}

func (c *Comparison) addAll(got, want map[docstore.Key]docstore.Sum) {
	for k, s := range got {
		c.add(&s, at(want, k))
	}
	for k, s := range want {
		if at(got, k) == nil {
			c.add(nil, &s)
		}
	}
}

// addEqual leaves out what differs, for it is at different places.
func (c *Comparison) addEqual(got, want map[docstore.Key]docstore.Sum) {
	for k, s := range got {
		if other := at(want, k); other != nil && s.Equal(*other) {
			c.add(&s, other)
		} else {
			c.Moving++
		}
	}
	for k := range want {
		if at(got, k) == nil {
			c.Moving++
		}
	}
}
