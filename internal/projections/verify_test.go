package projections

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
)

// What was tampered with, lost or put there by somebody else is found, and
// mended, while events go on to be folded.
func TestVerifyFindsAndMendsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, memory := range map[string]int{"in memory": 0, "spilled": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, crowded(300, 3))
			users := modelNamed("users")
			stop := s.folds(s.projector(users))
			s.live(users, 1)
			r := s.rebuilder()
			r.Memory = memory
			clean, err := r.Verify(t.Context(), "users", false)
			if err != nil || clean.Different != 0 || clean.Documents != 300 {
				t.Fatalf("of what is right: %+v, %v", clean, err)
			}
			stop()
			tamper(t, s)
			s.folds(s.projector(users))
			stopWriting := running(t, func(ctx context.Context) {
				tick := time.NewTicker(5 * time.Millisecond)
				defer tick.Stop()
				for n := 0; ctx.Err() == nil; n++ {
					<-tick.C
					id := events.UserID(fmt.Sprintf("u%05d", 50+n%200))
					s.say(id, events.UserRenamed{User: id, Name: fmt.Sprint("now ", n)})
				}
			})
			found, err := r.Verify(t.Context(), "users", false)
			if err != nil {
				t.Fatal(err)
			}
			want := map[docstore.Key]string{
				"u00001": different, "u00002": missing, "nobody": superfluous, "u00003": different, "u00007": different,
			}
			if found.Different != int64(len(want)) {
				t.Errorf("found %v", found.Differences)
			}
			for _, d := range found.Differences {
				if want[d.Key] != d.What {
					t.Errorf("%s, want %q", d, want[d.Key])
				}
			}
			mended, err := r.Verify(t.Context(), "users", true)
			if err != nil || mended.Mended != int64(len(want)) {
				t.Errorf("mended %d, %v: %v", mended.Mended, err, mended.Differences)
			}
			stopWriting()
			s.live(users, 1)
			after, err := r.Verify(t.Context(), "users", false)
			if err != nil || after.Different != 0 {
				t.Errorf("after it was mended: %v, %v", after.Differences, err)
			}
			isClean(s, Users, 1)
			isEmpty(t, r.Dir)
		})
	}
}

// tamper changes a document, loses one, adds one, moves one ahead of its events
// and brings a deleted one back.
func tamper(t *testing.T, s *site) {
	t.Helper()
	c := docstore.In[User](s.mongo, Users.At(1).Model())
	keys := []docstore.Key{"u00001", "u00003"}
	loaded, err := c.Load(t.Context(), authz.SystemScope("test"), keys)
	if err != nil {
		t.Fatal(err)
	}
	changed, ahead := loaded["u00001"], loaded["u00003"]
	changed.Body.Role = events.SuperAdmin
	ahead.Position = 1 << 40
	docs := []docstore.Document[User]{
		finish(Users, &changed), finish(Users, &ahead),
		{Key: "nobody", Position: 3, Body: &User{ID: "nobody"}},
		{Key: "u00007", Position: s.head(), Body: &User{ID: "u00007"}},
	}
	if err := c.Mend(t.Context(), docs, []docstore.Key{"u00002"}); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyOfRedisFindsAndMendsWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newSite(t, crowded(200, 3))
	m := modelNamed("authentication")
	s.folds(s.projector(m))
	s.live(m, 1)
	r := s.rebuilder()
	r.Memory = 1
	store := docstore.PartitionsIn[Authority](s.redis, Authorities.At(1).Model())
	put := func(k docstore.Key, a *Authority) {
		states, err := store.States(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := docstore.PartitionOf(k)
		at := states[i].Checkpoint
		raced, err := store.Move(t.Context(), []docstore.Move[Authority]{{Partition: i, From: at, To: at, Docs: map[docstore.Key]*Authority{k: a}}})
		if err != nil || raced != nil {
			t.Fatal(raced, err)
		}
	}
	put(userKey("u00001"), &Authority{User: &UserAuth{ID: "u00001", Role: events.SuperAdmin}})
	put(userKey("u00002"), nil)
	put(secretKey("1.zz"), &Authority{Secret: &Secret{Key: "k", User: "u00001"}})
	found, err := r.Verify(t.Context(), m.name, false)
	if err != nil || found.Different != 3 {
		t.Fatalf("found %v, %v", found.Differences, err)
	}
	for _, d := range found.Differences {
		if d.Key == secretKey("1.zz") && d.String() != "secret/...: superfluous" {
			t.Errorf("the hash of a secret is told: %s", d)
		}
	}
	if mended, err := r.Verify(t.Context(), m.name, true); err != nil || mended.Mended != 3 {
		t.Errorf("mended %d, %v", mended.Mended, err)
	}
	if after, err := r.Verify(t.Context(), m.name, false); err != nil || after.Different != 0 || after.Documents == 0 {
		t.Errorf("after it was mended: %v, %v", after.Differences, err)
	}
}

// The hash of a tenant depends on what his documents hold, and on nothing else.
func TestTwoFoldsOfOneLogHaveTheSameHashes(t *testing.T) {
	t.Parallel()
	var hashes [][]TenantSum
	for range 2 {
		s := newSite(t, aFewOfEach())
		s.folds(s.projector())
		var sums []TenantSum
		for _, m := range readModels() {
			s.live(m, 1)
			c, err := s.rebuilder().Verify(t.Context(), m.name, false)
			if err != nil || c.Different != 0 || len(c.Tenants) == 0 {
				t.Fatalf("%s: %+v, %v", m.name, c, err)
			}
			for _, sum := range c.Tenants {
				if sum.Got != sum.Want || sum.Documents == 0 {
					t.Errorf("%s: %+v", m.name, sum)
				}
			}
			sums = append(sums, c.Tenants...)
		}
		hashes = append(hashes, sums)
	}
	for i, sum := range hashes[0] {
		if sum != hashes[1][i] {
			t.Errorf("one fold has %+v, the other %+v", sum, hashes[1][i])
		}
	}
}

func TestVerifyOfWhatThereIsNot(t *testing.T) {
	t.Parallel()
	s := newSite(t, aFewOfEach())
	if _, err := s.rebuilder().Verify(t.Context(), "users", false); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("with nothing live: %v", err)
	}
	if _, err := s.rebuilder().Verify(t.Context(), "x", false); !errors.Is(err, ErrUnknown) {
		t.Errorf("of what there is not: %v", err)
	}
}

// Each document is folded to where it is itself, however far the others are.
func TestVerifyFoldsEachToItsOwnPosition(t *testing.T) {
	t.Parallel()
	s := newSite(t, crowded(2, 3)) // the positions of u0 are odd
	d := &docsVerify[User]{
		verifying: &verifying{Rebuilder: s.rebuilder()}, from: s.mark(0),
		folding: folding[User]{projection: Users, pack: docstore.Encode[User], unpack: docstore.Decode[User]},
	}
	first := docstore.Document[User]{Key: "u00000", Position: 1, Body: &User{ID: "u00000", Name: "as it was"}}
	own := map[docstore.Key]events.Position{"u00000": 3, "u00001": 6, "nobody": 6}
	got, err := d.advance(t.Context(), []suspect[User]{{"u00000", &first}, {"u00001", nil}, {"nobody", nil}},
		func(k docstore.Key) events.Position { return own[k] })
	if err != nil || got["u00000"].Position != 3 || got["u00001"].Position != 6 || got["nobody"] != nil {
		t.Errorf("folded to %v, %v", got, err)
	}
	if first.Body.Name != "as it was" || first.Position != 1 {
		t.Errorf("what it was folded from has changed: %+v", first)
	}
}
