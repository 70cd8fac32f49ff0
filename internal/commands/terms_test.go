package commands_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"tenure/internal/authz"
	"tenure/internal/commands"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// once are terms for one request.
func once(key, request string) commands.Terms {
	return commands.Terms{Once: &commands.Once{Tenant: events.Platform, Route: "POST /users", Key: key, Request: []byte(request)}}
}

func ifMatch(versions ...events.Version) commands.Terms {
	return commands.Terms{IfMatch: commands.Match{Asked: true, Versions: versions}}
}

// createAda opens an account with an id of its own, as every attempt does.
func (h house) createAda(ctx context.Context, by authz.Principal, t commands.Terms) (commands.Receipt, error) {
	return h.Under(t).CreateUser(ctx, by, commands.CreateUser{ID: events.UserID(uuid.NewString()), Email: "ada@example.com", Name: "Ada"})
}

func (h house) head(t *testing.T) events.Position {
	t.Helper()
	m, err := eventlog.Head(t.Context(), h.pool)
	if err != nil {
		t.Fatal(err)
	}
	return m.Position
}

func TestOfTheSameCommandsAtOnceOneIsCarriedOut(t *testing.T) {
	t.Parallel()
	h := open(t)
	by := h.as(t, h.user(t, "root", events.SuperAdmin))
	before := h.head(t)
	receipts, errs := make([]commands.Receipt, 16), make([]error, 16)
	var group sync.WaitGroup
	for i := range receipts {
		group.Go(func() { receipts[i], errs[i] = h.createAda(t.Context(), by, once("k", "ada")) })
	}
	group.Wait()
	first := 0
	for i, r := range receipts {
		if errs[i] != nil || r.Stream != receipts[0].Stream || r.Position != receipts[0].Position || r.Version != 1 || len(r.History) != 1 || len(r.Events) != 1 || r.Log != receipts[0].Log {
			t.Errorf("%d: %+v, %v", i, r, errs[i])
		}
		if !r.Replayed {
			first++
		}
	}
	if first != 1 || h.head(t) != before+1 {
		t.Errorf("%d are first, %d events", first, h.head(t)-before)
	}
}

// late is a reader that lets something happen after the key was looked up.
type late struct {
	eventlog.Querier
	once *sync.Once
	do   func()
}

func (l late) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	l.once.Do(l.do)
	return l.Querier.SendBatch(ctx, b)
}

func TestADuplicateThatFailsBecauseOfTheFirstGetsItsAnswer(t *testing.T) {
	t.Parallel()
	h := open(t)
	by := h.as(t, h.user(t, "root", events.SuperAdmin))
	ada := h.user(t, "ada", events.Viewer)
	var first commands.Receipt
	second := *h.Handler
	second.Reader = late{h.pool, new(sync.Once), func() {
		var err error
		if first, err = h.Under(once("k", "ada")).DeleteUser(t.Context(), by, commands.DeleteUser{ID: ada}); err != nil {
			t.Errorf("the first: %v", err)
		}
	}}
	got, err := second.Under(once("k", "ada")).DeleteUser(t.Context(), by, commands.DeleteUser{ID: ada})
	if err != nil || !got.Replayed || got.Position != first.Position || got.Version != first.Version {
		t.Errorf("got %+v, %v, want the answer at %d", got, err, first.Position)
	}
	other := *h.Handler
	bob := h.user(t, "bob", events.Viewer)
	other.Reader = late{h.pool, new(sync.Once), func() {
		if _, err := h.Under(once("k2", "another")).DeleteUser(t.Context(), by, commands.DeleteUser{ID: bob}); err != nil {
			t.Errorf("the first: %v", err)
		}
	}}
	_, err = other.Under(once("k2", "bob")).DeleteUser(t.Context(), by, commands.DeleteUser{ID: bob})
	wants(t, "another request with the key, meanwhile", err, "idempotency_key_reused")
}

func TestAReplayGivesTheAnswerOfThen(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx := t.Context()
	by := h.as(t, h.user(t, "root", events.SuperAdmin))
	made, err := h.createAda(ctx, by, once("k", "ada"))
	if err != nil || made.Replayed {
		t.Fatalf("%+v, %v", made, err)
	}
	id, name := events.UserID(made.Stream.ID), "Countess"
	h.key(t, id, "n")
	if _, err := h.ChangeUser(ctx, by, commands.ChangeUser{ID: id, Name: &name}); err != nil {
		t.Fatal(err)
	}
	gone, err := h.Under(once("gone", "ada")).DeleteUser(ctx, by, commands.DeleteUser{ID: id})
	if err != nil || len(gone.Events) != 2 {
		t.Fatalf("%+v, %v", gone, err)
	}
	head := h.head(t)
	var told []commands.Receipt
	terms := once("k", "ada")
	terms.Answered = func(r commands.Receipt) { told = append(told, r) }
	again, err := h.createAda(ctx, by, terms)
	if err != nil || !again.Replayed || len(told) != 1 || again.Position != made.Position {
		t.Fatalf("%+v, %v, told %v", again, err, told)
	}
	same(t, again, made)
	again, err = h.Under(once("gone", "ada")).DeleteUser(ctx, by, commands.DeleteUser{ID: id})
	if err != nil || !again.Replayed {
		t.Fatalf("%+v, %v", again, err)
	}
	same(t, again, gone)
	if h.head(t) != head {
		t.Error("a replay wrote something")
	}
}

// same checks that a replay tells what was told then, down to what happened.
func same(t *testing.T, got, want commands.Receipt) {
	t.Helper()
	got.Replayed = false
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(commands.Receipt{})); diff != "" {
		t.Errorf("the replay differs: %s", diff)
	}
}

func TestTheScopeOfAKey(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx := t.Context()
	by, other := h.as(t, h.user(t, "root", events.SuperAdmin)), h.as(t, h.user(t, "two", events.SuperAdmin))
	ada := h.user(t, "ada", events.Viewer)
	rename := func(by authz.Principal, terms commands.Terms) (commands.Receipt, error) {
		name := "Ada"
		return h.Under(terms).ChangeUser(ctx, by, commands.ChangeUser{ID: ada, Name: &name})
	}
	if r, err := rename(by, once("k", "r")); err != nil || r.Replayed || len(r.Events) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err := rename(by, once("k", "r")); err != nil || !r.Replayed {
		t.Errorf("the same: %+v, %v", r, err)
	}
	_, err := rename(by, once("k", "another"))
	wants(t, "another request", err, "idempotency_key_reused")
	for what, terms := range map[string]commands.Terms{
		"tenant": {Once: &commands.Once{Tenant: "shop", Route: "POST /users", Key: "k", Request: []byte("r")}},
		"route":  {Once: &commands.Once{Tenant: events.Platform, Route: "POST /others", Key: "k", Request: []byte("r")}},
		"key":    once("other", "r"),
	} {
		if r, err := rename(by, terms); err != nil || r.Replayed {
			t.Errorf("another %s: %+v, %v", what, r, err)
		}
	}
	if r, err := rename(other, once("k", "r")); err != nil || r.Replayed {
		t.Errorf("another principal: %+v, %v", r, err)
	}
	viewer := events.Viewer
	if _, err := h.ChangeUser(ctx, operator, commands.ChangeUser{ID: by.UserID(), Role: &viewer}); err != nil {
		t.Fatal(err)
	}
	_, err = rename(h.as(t, by.UserID()), once("k", "r"))
	wants(t, "a replay to one who may no more", err, "role_denied")
}

func TestAnswersThatAreKept(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx := t.Context()
	by := h.as(t, h.user(t, "root", events.SuperAdmin))
	ada := h.user(t, "ada", events.Viewer)

	// A fault is not.
	_, err := h.createAda(ctx, by, once("taken", "r"))
	wants(t, "an e-mail that is taken", err, "email_taken")
	name, none := "Ada", ""
	if _, err := h.DeleteUser(ctx, by, commands.DeleteUser{ID: ada}); err != nil {
		t.Fatal(err)
	}
	made, err := h.createAda(ctx, by, once("taken", "r"))
	if err != nil || made.Replayed {
		t.Errorf("after a fault: %+v, %v", made, err)
	}

	// An empty decision is.
	ada = events.UserID(made.Stream.ID)
	rename := func(terms commands.Terms, name *string) (commands.Receipt, error) {
		return h.Under(terms).ChangeUser(ctx, by, commands.ChangeUser{ID: ada, Name: name})
	}
	empty, err := rename(once("empty", "r"), &name)
	if err != nil || empty.Replayed || len(empty.Events) != 0 || empty.Position != made.Position || empty.Log != made.Log || empty.Version != 1 {
		t.Fatalf("%+v, %v", empty, err)
	}
	if _, err := rename(commands.Terms{}, &none); err != nil {
		t.Fatal(err)
	}
	again, err := rename(once("empty", "r"), &name)
	if err != nil || !again.Replayed || len(again.Events) != 0 || again.Version != 1 {
		t.Errorf("%+v, %v", again, err)
	}
	same(t, again, empty)

	// For a day.
	later := *h.Handler
	later.Now = func() time.Time { return time.Now().Add(23 * time.Hour) }
	if r, err := later.Under(once("empty", "r")).ChangeUser(ctx, by, commands.ChangeUser{ID: ada, Name: &name}); err != nil || !r.Replayed {
		t.Errorf("after 23 hours: %+v, %v", r, err)
	}
	if _, err := h.pool.Exec(ctx, `update idempotency set expires_at = clock_timestamp()`); err == nil {
		t.Error("the writer may change what is kept")
	}
	later.Now = func() time.Time { return time.Now().Add(-48 * time.Hour) }
	if r, err := later.Under(once("old", "r")).ChangeUser(ctx, by, commands.ChangeUser{ID: ada, Name: &name}); err != nil || r.Replayed {
		t.Errorf("two days ago: %+v, %v", r, err)
	}
	if r, err := rename(once("old", "another"), &none); err != nil || r.Replayed {
		t.Errorf("a key of two days ago: %+v, %v", r, err)
	}
}

func TestAKeyIsShownOnce(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx := t.Context()
	by := h.as(t, h.user(t, "ada", events.Viewer))
	c := issue(by.UserID(), "n")
	replace := issue(by.UserID(), commands.DefaultKey)
	replace.Replace = true
	for what, do := range map[string]func() error{
		"issue": func() error {
			_, err := h.Under(once("i", "r")).IssueAPIKey(ctx, by, issue(by.UserID(), "m"))
			return err
		},
		"replace": func() error {
			c := replace
			c.ID, c.Secret = events.KeyID(uuid.NewString()), issue("", "").Secret
			_, err := h.Under(once("d", "r")).IssueAPIKey(ctx, by, c)
			return err
		},
		"rotate": func() error {
			if _, err := h.IssueAPIKey(ctx, by, c); err != nil && !fault.Is(err, "api_key_exists") {
				return err
			}
			_, err := h.Under(once("o", "r")).RotateAPIKey(ctx, by, commands.RotateAPIKey{ID: c.ID, Secret: issue("", "").Secret})
			return err
		},
	} {
		if err := do(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		head := h.head(t)
		if wants(t, what, do(), "key_already_shown"); h.head(t) > head {
			t.Errorf("%s again: it was done again", what)
		}
	}
}

func TestAVersionThatIsAskedFor(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx := t.Context()
	by := h.as(t, h.user(t, "root", events.SuperAdmin))
	ada, name, role := h.user(t, "ada", events.Viewer), "Ada", events.Viewer
	rename := func(by authz.Principal, id events.UserID, terms commands.Terms) error {
		_, err := h.Under(terms).ChangeUser(ctx, by, commands.ChangeUser{ID: id, Name: &name})
		return err
	}
	wants(t, "another version", rename(by, ada, ifMatch(1, 3)), "version_mismatch")
	wants(t, "no version", rename(by, ada, ifMatch()), "version_mismatch")
	wants(t, "what there is not", rename(by, "nobody", ifMatch(1)), "user_not_found")
	wants(t, "who may not", rename(h.as(t, ada), ada, ifMatch(1)), "role_denied")
	_, err := h.Under(ifMatch(1)).ChangeUser(ctx, by, commands.ChangeUser{ID: by.UserID(), Role: &role})
	wants(t, "what may not be done to oneself", err, "own_role")
	_, err = h.Under(ifMatch(1)).DisableUser(ctx, operator, commands.DisableUser{ID: by.UserID()})
	wants(t, "what its state forbids", err, "version_mismatch")
	_, err = h.Under(ifMatch(2)).DisableUser(ctx, operator, commands.DisableUser{ID: by.UserID()})
	wants(t, "what its state forbids, as seen", err, "last_super_admin")
	any := commands.Terms{IfMatch: commands.Match{Asked: true, Any: true}}
	_, err = h.createAda(ctx, by, any)
	wants(t, "what there is not yet", err, "version_mismatch")
	_, err = h.Under(any).CreateUser(ctx, by, commands.CreateUser{ID: ada, Email: "other@example.com"})
	wants(t, "what there is already", err, "user_exists")
	for what, terms := range map[string]commands.Terms{"any": any, "one of some": ifMatch(7, 2, 3)} {
		if err := rename(by, ada, terms); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Two who saw the same version do not both change it.
func TestOfTwoWhoSawTheSameVersionOneChangesIt(t *testing.T) {
	t.Parallel()
	h := open(t)
	ada := h.user(t, "ada", events.Viewer)
	errs := make([]error, 4)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			name := uuid.NewString()
			_, errs[i] = h.Under(ifMatch(2)).ChangeUser(t.Context(), operator, commands.ChangeUser{ID: ada, Name: &name})
		})
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			wants(t, "the others", err, "version_mismatch")
		}
	}
	if won != 1 {
		t.Errorf("%d changed it", won)
	}
}
