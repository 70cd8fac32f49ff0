package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/testkit"
)

// brokenUsers is Users with a fold that panics at these users' renaming.
func brokenUsers(ids ...events.UserID) Projection[User] {
	p := Users
	p.Apply = func(u *User, k docstore.Key, e events.Recorded) {
		if renamed, ok := e.Payload.(events.UserRenamed); ok && slices.Contains(ids, renamed.User) {
			panic(renamed.Name)
		}
		applyToUser(u, k, e)
	}
	return p
}

// broken is a projector whose fold of users panics.
func (w *town) broken(t *testing.T, ids ...events.UserID) (p *Projector, stop func()) {
	t.Helper()
	models := readModels()
	models[0] = inDocuments(brokenUsers(ids...))
	p = newProjector(stores{w.mongo, w.redis, w.headOf}, models)
	if err := p.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.feed(t, p.Consumers()...)
	return p, running(t, p.Run)
}

// isLive registers the first generation of a read model.
func (w *town) isLive(t *testing.T, name string, version int) {
	t.Helper()
	was, err := w.mongo.Registration(t.Context(), name, version)
	if err != nil {
		t.Fatal(err)
	}
	is := was.Clone()
	is.Live, is.Next = 1, 2
	if done, err := w.mongo.Register(t.Context(), was, is); err != nil || !done {
		t.Fatal(done, err)
	}
}

// last is the newest event, as a command that recorded it waits for it.
func (w *town) last() []events.Recorded { return w.recorded[len(w.recorded)-1:] }

// waitsFor waits in the background until what is newest is shown.
func (w *town) waitsFor(t *testing.T, p *Progress) <-chan answer {
	t.Helper()
	told, before := make(chan answer, 1), p.waiters()
	position, what := w.head(), w.last()
	go func() {
		ctx := soon(t)
		told <- answer{p.Wait(ctx, w.log, position, what), ctx.Err() == nil}
	}()
	testkit.Eventually(t, "it waits, or has its answer", func() bool { return p.waiters() > before || len(told) > 0 })
	return told
}

func TestWhatWaitsBesideAParkedDocumentIsNotVisible(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	projector, stop := w.broken(t, "ada")
	p := w.progress(t, openRedis(t, w.url, w.prefix, nil))
	w.knows(t, p)
	former := w.last()

	w.rename() // ada
	told := w.waitsFor(t, p)
	w.feed(t, projector.Consumers()...)
	if got := <-told; got != (answer{false, true}) {
		t.Errorf("who waited was told %+v, want at once that it is not visible", got)
	}
	w.user("ada", events.UserEnabled{User: "ada"}) // a later one, that would be no trouble
	if got := <-w.waitsFor(t, p); got != (answer{false, true}) {
		t.Errorf("told %+v of a later event, before anybody folded it, want at once that it is not visible", got)
	}
	w.feed(t, projector.Consumers()...)
	renamed := w.last()
	for name, tt := range map[string]struct {
		what []events.Recorded
		want bool
	}{"its own event": {renamed, false}, "one from before": {former, true}, "anything": {nil, true}} {
		if got := p.Wait(soon(t), w.log, w.head(), tt.what); got != tt.want {
			t.Errorf("%s: visible %v, want %v", name, got, tt.want)
		}
	}
	w.user("tim", events.UserCreated{User: "tim", Email: "tim@example.org"})
	told = w.waitsFor(t, p)
	w.feed(t, projector.Consumers()...)
	if got := <-told; got != (answer{true, true}) {
		t.Errorf("a neighbour is told %+v, want that he is visible", got)
	}
	// Another API process that begins now, whether it hears anything or not.
	for _, r := range []*docstore.Redis{openRedis(t, w.url, w.prefix, nil), openRedis(t, w.url, w.prefix+"nobody-speaks-here:", nil)} {
		late := NewProgress(NewGenerations(w.mongo, w.redis))
		late.redis = r
		running(t, late.Run)
		if late.Wait(soon(t), w.log, w.head(), renamed) {
			t.Error("to a process that begins it is visible")
		}
	}
	// Another projector, which can fold it and is not asked to.
	stop()
	next, _ := w.projector(t)
	w.rename()
	w.feed(t, next.Consumers()...)
	if p.Wait(soon(t), w.log, w.head(), w.last()) {
		t.Error("after a restart it is visible")
	}
	status := p.Status(t.Context(), noLag)[0]
	if len(status.Parked) != 1 || status.ParkedCount != 1 || status.Parked[0].Key != "ada" || status.Parked[0].Position != former[0].Position+1 ||
		!strings.HasPrefix(status.Parked[0].Error, "user.renamed: the fold panics with a string (") {
		t.Errorf("the status is %+v", status)
	}
	if u, err := (&UserQueries{w.mongo, first}).Get(t.Context(), authz.SystemScope("test"), "ada"); err != nil || u.Name != "Ada" || u.Parked != status.Parked[0].Position {
		t.Errorf("shown is %+v, %v, want what was before, and the position", u, err)
	}

	retry := NewRetry(w.mongo, w.redis, w.readAt)
	if err := retry.Run(t.Context(), "users", nil, func(Retried) {}); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "what was retried is visible", func() bool { return p.Wait(soon(t), w.log, w.head(), w.last()) })
	u, err := (&UserQueries{w.mongo, first}).Get(t.Context(), authz.SystemScope("test"), "ada")
	check(t, err, u, FoldUser(w.stream(events.UserStream(events.Platform, "ada"))))
	if err := retry.Run(t.Context(), "user", nil, nil); !errors.Is(err, ErrUnknownProjection) {
		t.Errorf("a read model that there is not: %v", err)
	}
}

// More are parked than an announcement has room for.
func TestManyParkedDocuments(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	var ids []events.UserID
	for n := range maxTold + 5 {
		ids = append(ids, events.UserID(fmt.Sprintf("u%03d", n)))
	}
	for _, id := range append(ids, "tim") {
		w.user(id, events.UserCreated{User: id, Email: string(id) + "@example.org"}, events.UserRenamed{User: id, Name: "a name"})
	}
	w.broken(t, ids...)
	p := w.progress(t, openRedis(t, w.url, w.prefix, nil))
	w.knows(t, p)
	for id, want := range map[events.UserID]bool{ids[0]: false, ids[maxTold+4]: false, "tim": true} {
		if got := p.Wait(soon(t), w.log, w.head(), w.stream(events.UserStream(events.Platform, id))); got != want {
			t.Errorf("%s is visible: %v, want %v", id, got, want)
		}
	}
	if s := p.Status(t.Context(), noLag)[0]; len(s.Parked) != maxTold || s.ParkedCount != maxTold+5 {
		t.Errorf("the status has %d of %d", len(s.Parked), s.ParkedCount)
	}
}

func TestAParkedAuthorityFailsClosed(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	who, h := Authentication{Redis: w.redis, Live: first}, w.history
	sample := h.head()
	bad := func(kinds ...string) Projection[Authority] {
		p := Authorities
		p.Apply = func(a *Authority, k docstore.Key, e events.Recorded) {
			if slices.Contains(kinds, string(k)) && e.Position > sample {
				panic("an assumption that does not hold")
			}
			applyToAuthority(a, k, e)
		}
		return p
	}
	h.user("ada", events.UserDisabled{User: "ada"})
	h.key("k2", events.APIKeyRevoked{Key: "k2", User: "bob", Hashes: []events.KeyHash{"1.dd"}})
	h.key("k9", events.APIKeyIssued{Key: "k9", User: "eve", Hash: "1.ff"})
	h.user("tim", events.UserCreated{User: "tim", Email: "tim@example.org"})
	g := inRedis(bad("user/ada", "secret/1.dd", "secret/1.ff"), w.redis, h.headOf)
	if err := foldPartitions(t.Context(), g, h, []events.Position{h.head()}, false); err != nil {
		t.Fatal(err)
	}
	if _, err := g.beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.isLive(t, Authorities.Name, Authorities.Version)
	for _, hash := range []events.KeyHash{"1.cc", "1.dd", "1.ff"} {
		if u, k, err := who.ByKey(t.Context(), []events.KeyHash{hash}, ""); !errors.Is(err, docstore.ErrUnavailable) {
			t.Errorf("the secret %s opens %v, %v, %v, want ErrUnavailable", hash, u, k, err)
		}
	}
	if u, err := who.ByUser(t.Context(), "ada", ""); !errors.Is(err, docstore.ErrUnavailable) {
		t.Errorf("of a user that was disabled, and whose document is parked: %v, %v, want ErrUnavailable", u, err)
	}
	if _, err := who.ByUser(t.Context(), "tim", ""); err != nil {
		t.Errorf("a neighbour: %v", err)
	}
	status := NewProgress(NewGenerations(w.mongo, w.redis)).Status(t.Context(), noLag)[3]
	if status.ParkedCount != 3 || strings.Contains(fmt.Sprint(status), "1.dd") || strings.Contains(fmt.Sprint(status), "1.ff") {
		t.Errorf("the status is %+v, want three, and no hash", status)
	}
	err := NewRetry(w.mongo, w.redis, h.readAt).Run(t.Context(), "authentication", nil, func(r Retried) {
		if r.Parked != nil || r.Applied != 1 || strings.Contains(r.Key, "1.") {
			t.Errorf("retried: %+v", r)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	sameAsOneInRedis(t.Context(), t, w.redis, Authorities, h)
}

// What one process announces of its batch is not lost when another looked at
// the store before.
func TestAnnouncementsOfParkedDocumentsCross(t *testing.T) {
	t.Parallel()
	h := aFewOfEach()
	tr := &track{silent: silence, waiters: make(map[*waiter]bool), vague: true}
	changed := []touch{{name: nameless("ada"), position: 10}}
	say := func(what string, p events.Position, whole, hidden bool, keys ...docstore.Key) {
		t.Helper()
		a := announcement{Log: h.log.String(), Position: p, Whole: whole, Parked: parkedKeys{}}
		for _, k := range keys {
			a.Parked[nameless(k)] = 9
		}
		tr.hear(a)
		if got := tr.parked.hide(changed); got != hidden {
			t.Errorf("%s: hidden %v, want %v", what, got, hidden)
		}
	}
	say("all, before", 8, true, false)
	say("a batch that parks it", 10, false, true, "ada")
	say("a beat that looked before", 8, true, true)
	say("a batch that parks another", 12, false, true, "bob")
	say("a beat that looked after", 12, true, true, "ada", "bob")
	say("it was retried", 12, true, false, "bob")

	n := newOutbox[announcement]()
	n.put(announcement{Position: 10, Parked: parkedKeys{"a": 9}})
	n.put(announcement{Position: 8, Whole: true, Parked: parkedKeys{"b": 5}})
	n.put(announcement{Position: 11})
	if a := n.take()[0]; a.Whole || a.Position != 11 || a.Parked["a"] != 9 || a.Parked["b"] != 5 {
		t.Errorf("announced is %+v, want all that was to be", a)
	}
	n.put(announcement{Position: 10, Parked: parkedKeys{"a": 9}})
	n.put(announcement{Position: 10, Whole: true, Parked: parkedKeys{"b": 5}})
	if a := n.take()[0]; !a.Whole || a.Parked["a"] != 0 || a.Parked["b"] != 5 {
		t.Errorf("announced is %+v, want what the store had after", a)
	}
}

func TestAMarkQuotesNobody(t *testing.T) {
	t.Parallel()
	var nothing map[string]int
	var none any
	for name, tt := range map[string]struct {
		fold func()
		want string
	}{
		"a text":           {func() { panic("ada@example.org") }, "the fold panics with a string (parkwait_test.go:"},
		"an error":         {func() { panic(errors.New("ada@example.org")) }, "the fold panics with a *errors.errorString (parkwait_test.go:"},
		"Go's own":         {func() { nothing["ada@example.org"] = 1 }, "assignment to entry in nil map"},
		"a long one":       {func() { panic(struct{ A, B, C int }{}) }, "the fold panics with a struct"},
		"nil":              {func() { panic(none) }, "panic called with nil argument"},
		"an ended context": {func() { panic(context.Canceled) }, "the fold panics with a"},
	} {
		p := Users
		p.Apply = func(*User, docstore.Key, events.Recorded) { tt.fold() }
		e := events.Recorded{Position: 7, Type: "user.renamed"}
		mark := culprit(e, apply(p, &User{}, "ada", e))
		if !strings.Contains(mark.Error, tt.want) || strings.Contains(mark.Error, "example.org") || mark.Position != 7 {
			t.Errorf("%s: %+v, want %s", name, mark, tt.want)
		}
	}
	if mark := culprit(events.Recorded{}, strings.Repeat("é", 1000)); len(mark.Error) > docstore.MaxParkedError {
		t.Errorf("a long error has %d bytes", len(mark.Error))
	}
}
