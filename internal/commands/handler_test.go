package commands_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenure/internal/authz"
	"tenure/internal/commands"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/fault"
	"tenure/internal/testkit"
)

// house is one test's log with a handler before it.
type house struct {
	*commands.Handler
	pool *pgxpool.Pool
}

var operator = authz.System("test")

func open(t *testing.T) house {
	t.Helper()
	config, err := pgxpool.ParseConfig(testkit.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	eventlog.Configure(config)
	config.MaxConns = 8
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	appender := eventlog.NewAppender(pool, slog.New(slog.DiscardHandler), eventlog.Config{})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := appender.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	h := house{pool: pool}
	h.Handler = &commands.Handler{
		Appender: appender, Reader: pool,
		Digest: func(v string) []string { return []string{"new." + v, "old." + v} },
		Reload: h.reload, Now: time.Now, NewID: uuid.New,
	}
	return h
}

// reload gives authority by folding the log, so that no read model is needed.
func (h *house) reload(ctx context.Context, by authz.Principal) (authz.Principal, error) {
	return h.principal(ctx, by.UserID())
}

func (h *house) principal(ctx context.Context, id events.UserID) (authz.Principal, error) {
	past, err := eventlog.ReadStream(ctx, h.pool, events.UserStream(events.Platform, id))
	if err != nil {
		return authz.Principal{}, err
	}
	facts := authz.UserFacts{ID: id, Status: authz.Invited}
	for _, e := range past {
		facts.Source = authz.Fact{Stream: e.Stream, Version: e.Version}
		switch p := e.Payload.(type) {
		case events.UserCreated:
			facts.Role = p.Role
		case events.UserRoleChanged:
			facts.Role = p.Role
		case events.UserDisabled, events.UserDeleted:
			facts.Status = authz.Disabled
		}
	}
	return authz.User(facts), nil
}

func (h house) as(t *testing.T, id events.UserID) authz.Principal {
	t.Helper()
	p, err := h.principal(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (h house) user(t *testing.T, name string, role events.Role) events.UserID {
	t.Helper()
	id := events.UserID(uuid.NewString())
	_, err := h.CreateUser(t.Context(), operator, commands.CreateUser{ID: id, Email: name + "@example.com", Role: role, Active: true})
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	return id
}

func (h house) key(t *testing.T, owner events.UserID, name string) events.KeyID {
	t.Helper()
	c := issue(owner, name)
	if _, err := h.IssueAPIKey(t.Context(), operator, c); err != nil {
		t.Fatalf("issue %s: %v", name, err)
	}
	return c.ID
}

func issue(owner events.UserID, name string) commands.IssueAPIKey {
	return commands.IssueAPIKey{
		ID: events.KeyID(uuid.NewString()), Owner: owner, Name: name,
		Secret: commands.Secret{Hash: events.KeyHash("1." + uuid.NewString()), Prefix: "tnr_abcd", LastFour: "wxyz"},
	}
}

func wants(t *testing.T, what string, err error, code string) {
	t.Helper()
	if !fault.Is(err, code) {
		t.Errorf("%s: got %v, want %s", what, err, code)
	}
}

func TestAUserIsCreatedChangedAndDeletedWithAllThatIsHis(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx := t.Context()
	root := h.user(t, "root", events.SuperAdmin)
	by := h.as(t, root)
	id := events.UserID(uuid.NewString())
	made, err := h.CreateUser(commands.WithOrigin(ctx, commands.Origin{RequestID: "r1", IP: "127.0.0.1"}), by,
		commands.CreateUser{ID: id, Email: "ada@example.com", Name: "Ada"})
	if err != nil || made.Version != 1 || len(made.History) != 1 {
		t.Fatalf("create: %+v, %v", made, err)
	}
	meta := made.Events[0].Meta
	if meta.Actor != root || meta.RequestID != "r1" || meta.CorrelationID != "r1" || meta.IP != "127.0.0.1" || meta.AllowedBy.Permission != "create_users" {
		t.Errorf("meta: %+v", meta)
	}
	name := "Countess"
	changed, err := h.ChangeUser(ctx, by, commands.ChangeUser{ID: id, Name: &name})
	if err != nil || changed.Version != 2 || len(changed.History) != 2 {
		t.Errorf("change: %+v, %v", changed, err)
	}
	again, err := h.ChangeUser(ctx, by, commands.ChangeUser{ID: id, Name: &name})
	if err != nil || len(again.Events) != 0 || again.Version != 2 || again.Position != changed.Position || again.Log != changed.Log {
		t.Errorf("the same change again: %+v, %v", again, err)
	}
	key := h.key(t, id, "laptop")
	gone, err := h.DeleteUser(ctx, by, commands.DeleteUser{ID: id})
	if err != nil || len(gone.Events) != 2 || gone.Events[1].Type != "api_key.revoked" {
		t.Fatalf("delete: %+v, %v", gone, err)
	}
	_, err = h.ChangeUser(ctx, by, commands.ChangeUser{ID: id, Name: &name})
	wants(t, "change the deleted", err, "user_not_found")
	_, err = h.RevokeAPIKey(ctx, operator, commands.RevokeAPIKey{ID: key})
	wants(t, "revoke his key", err, "api_key_not_found")
	_, err = h.IssueAPIKey(ctx, operator, issue(id, "n"))
	wants(t, "issue him a key", err, "user_not_found")
	if _, err := h.CreateUser(ctx, by, commands.CreateUser{ID: events.UserID(uuid.NewString()), Email: "ada@example.com"}); err != nil {
		t.Errorf("his e-mail is not free again: %v", err)
	}
	_, err = h.CreateUser(ctx, by, commands.CreateUser{ID: id, Email: "other@example.com"})
	wants(t, "his id again", err, "user_exists")
}

func TestAnEmailThatWasClaimedWithAFormerSecretIsTaken(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.Digest = func(v string) []string { return []string{"old." + v} }
	old := h.user(t, "ada", events.Viewer)
	h.Digest = func(v string) []string { return []string{"new." + v, "old." + v} }
	_, err := h.CreateUser(t.Context(), operator, commands.CreateUser{ID: "x", Email: "ada@example.com"})
	wants(t, "the same e-mail", err, "email_taken")
	if _, err := h.DeleteUser(t.Context(), operator, commands.DeleteUser{ID: old}); err != nil {
		t.Errorf("delete one who is claimed with the former secret alone: %v", err)
	}
	h.user(t, "ada", events.Viewer)
}

func TestACallerWithoutTheRightChangesNothing(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx := t.Context()
	h.user(t, "root", events.SuperAdmin)
	ada, bob := h.user(t, "ada", events.Viewer), h.user(t, "bob", events.Auditor)
	bobs := h.key(t, bob, "n")
	role := events.SuperAdmin
	for name, by := range map[string]authz.Principal{"nobody": {}, "a viewer": h.as(t, ada)} {
		for what, do := range map[string]func() error{
			"create a user": func() error {
				_, err := h.CreateUser(ctx, by, commands.CreateUser{ID: "x", Email: "x@y.z"})
				return err
			},
			"change a user":     func() error { _, err := h.ChangeUser(ctx, by, commands.ChangeUser{ID: bob, Role: &role}); return err },
			"change himself":    func() error { _, err := h.ChangeUser(ctx, by, commands.ChangeUser{ID: ada, Role: &role}); return err },
			"disable":           func() error { _, err := h.DisableUser(ctx, by, commands.DisableUser{ID: bob}); return err },
			"enable":            func() error { _, err := h.EnableUser(ctx, by, commands.EnableUser{ID: bob}); return err },
			"activate":          func() error { _, err := h.ActivateUser(ctx, by, commands.ActivateUser{ID: bob}); return err },
			"delete":            func() error { _, err := h.DeleteUser(ctx, by, commands.DeleteUser{ID: bob}); return err },
			"create a supplier": func() error { _, err := h.CreateSupplier(ctx, by, commands.CreateSupplier{ID: "s"}); return err },
			"change a supplier": func() error { _, err := h.ChangeSupplier(ctx, by, commands.ChangeSupplier{ID: "s"}); return err },
			"issue bob a key":   func() error { _, err := h.IssueAPIKey(ctx, by, issue(bob, "x")); return err },
		} {
			if f := fault.As(do()); f == nil || f.Kind != fault.Denied {
				t.Errorf("%s may %s: %v", name, what, f)
			}
		}
	}
	// A super_admin has no way around the owner of a key.
	root := h.as(t, h.user(t, "root2", events.SuperAdmin))
	_, err := h.IssueAPIKey(ctx, root, issue(bob, "x"))
	wants(t, "a super_admin issues bob a key", err, "denied")
	_, err = h.RevokeAPIKey(ctx, root, commands.RevokeAPIKey{ID: bobs})
	wants(t, "a super_admin revokes bob's key", err, "api_key_not_found")
	_, err = h.RotateAPIKey(ctx, root, commands.RotateAPIKey{ID: bobs})
	wants(t, "a super_admin rotates bob's key", err, "api_key_not_found")
}

func TestOfTwoSuperAdminsWhoRemoveEachOtherOneStays(t *testing.T) {
	t.Parallel()
	viewer := events.Viewer
	ends := map[string]func(h house, id events.UserID) error{
		"delete": func(h house, id events.UserID) error {
			_, err := h.DeleteUser(t.Context(), operator, commands.DeleteUser{ID: id})
			return err
		},
		"disable": func(h house, id events.UserID) error {
			_, err := h.DisableUser(t.Context(), operator, commands.DisableUser{ID: id})
			return err
		},
		"demote": func(h house, id events.UserID) error {
			_, err := h.ChangeUser(t.Context(), operator, commands.ChangeUser{ID: id, Role: &viewer})
			return err
		},
	}
	for one, first := range ends {
		for other, second := range ends {
			h := open(t)
			a, b := h.user(t, "a", events.SuperAdmin), h.user(t, "b", events.SuperAdmin)
			var group sync.WaitGroup
			errs := make([]error, 2)
			group.Go(func() { errs[0] = first(h, a) })
			group.Go(func() { errs[1] = second(h, b) })
			group.Wait()
			if (errs[0] == nil) == (errs[1] == nil) || !fault.Is(errors.Join(errs...), "last_super_admin") {
				t.Errorf("%s and %s: %v and %v", one, other, errs[0], errs[1])
			}
		}
	}
}

func TestManyWhoIssueAtOnceStayBelowTheLimit(t *testing.T) {
	t.Parallel()
	h := open(t)
	ada := h.user(t, "ada", events.Viewer)
	for range commands.MaxLiveKeys - 3 {
		h.key(t, ada, "n")
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 8 {
		group.Go(func() {
			_, err := h.IssueAPIKey(t.Context(), operator, issue(ada, "n"))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case !fault.Is(err, "too_many_keys"):
				t.Errorf("issue: %v", err)
			}
		})
	}
	group.Wait()
	if won != 3 {
		t.Errorf("%d were issued, want 3", won)
	}
}

func TestAUserWhoIsDeletedWhileAKeyIsIssuedLeavesNone(t *testing.T) {
	t.Parallel()
	h := open(t)
	for round := range 10 {
		ada := h.user(t, fmt.Sprintf("ada%d", round), events.Viewer)
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() { _, _ = h.IssueAPIKey(t.Context(), operator, issue(ada, "n")) })
		}
		group.Go(func() {
			if _, err := h.DeleteUser(t.Context(), operator, commands.DeleteUser{ID: ada}); err != nil {
				t.Errorf("delete: %v", err)
			}
		})
		group.Wait()
		left, err := eventlog.ReadLookup(t.Context(), h.pool, events.Platform, "user.api_keys", string(ada), 10)
		if err != nil || len(left) != 0 {
			t.Fatalf("round %d: keys of a deleted user: %v, %v", round, left, err)
		}
	}
}

func TestAuthorityThatIsLostBeforeTheAppendIsRefused(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.user(t, "root", events.SuperAdmin)
	ada := h.user(t, "ada", events.SuperAdmin)
	before := h.as(t, ada)
	viewer, name := events.Viewer, "Countess"
	if _, err := h.ChangeUser(t.Context(), operator, commands.ChangeUser{ID: ada, Name: &name}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.CreateUser(t.Context(), before, commands.CreateUser{ID: "x", Email: "x@y.z"}); err != nil {
		t.Errorf("authority that moved and is still there: %v", err)
	}
	if _, err := h.ChangeUser(t.Context(), operator, commands.ChangeUser{ID: ada, Role: &viewer}); err != nil {
		t.Fatal(err)
	}
	_, err := h.CreateUser(t.Context(), before, commands.CreateUser{ID: "y", Email: "y@y.z"})
	wants(t, "authority that was demoted", err, "role_denied")
	if _, err := h.DisableUser(t.Context(), operator, commands.DisableUser{ID: ada}); err != nil {
		t.Fatal(err)
	}
	_, err = h.CreateUser(t.Context(), before, commands.CreateUser{ID: "y", Email: "y@y.z"})
	wants(t, "authority that was disabled", err, "authority_lost")
	if _, err := h.DeleteUser(t.Context(), operator, commands.DeleteUser{ID: ada}); err != nil {
		t.Fatal(err)
	}
	_, err = h.CreateUser(t.Context(), before, commands.CreateUser{ID: "y", Email: "y@y.z"})
	wants(t, "authority that was deleted", err, "authority_lost")
}

func TestTheDefaultKeyIsReplaced(t *testing.T) {
	t.Parallel()
	h := open(t)
	ada := h.user(t, "ada", events.Viewer)
	c := issue(ada, commands.DefaultKey)
	first, err := h.IssueAPIKey(t.Context(), operator, c)
	if err != nil || len(first.Events) != 1 {
		t.Fatalf("%+v, %v", first, err)
	}
	_, err = h.IssueAPIKey(t.Context(), operator, issue(ada, commands.DefaultKey))
	wants(t, "a second one", err, "name_taken")
	next := issue(ada, commands.DefaultKey)
	next.Replace = true
	second, err := h.IssueAPIKey(t.Context(), operator, next)
	if err != nil || len(second.Events) != 2 || second.Events[1].Type != "api_key.revoked" || second.Events[1].Stream.ID != string(c.ID) {
		t.Fatalf("%+v, %v", second, err)
	}
	if _, err := h.RevokeAPIKeyNamed(t.Context(), operator, commands.RevokeAPIKeyNamed{Owner: ada, Name: commands.DefaultKey}); err != nil {
		t.Error(err)
	}
	_, err = h.RevokeAPIKeyNamed(t.Context(), operator, commands.RevokeAPIKeyNamed{Owner: ada, Name: commands.DefaultKey})
	wants(t, "when there is none", err, "api_key_not_found")
}

func TestASlugIsOneSuppliers(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx := t.Context()
	make := func(id, name, slug string) error {
		_, err := h.CreateSupplier(ctx, operator, commands.CreateSupplier{ID: events.TenantID(id), Details: events.SupplierDetails{Name: name, Slug: slug, Active: true}})
		return err
	}
	if err := make("a", "DFL S.r.l.", ""); err != nil {
		t.Fatal(err)
	}
	wants(t, "a derived slug that is taken", make("b", "dfl srl", "dfl-s-r-l"), "slug_taken")
	if err := make("b", "Other", ""); err != nil {
		t.Fatal(err)
	}
	mine, taken := "mine", "dfl-s-r-l"
	_, err := h.ChangeSupplier(ctx, operator, commands.ChangeSupplier{ID: "b", Slug: &taken})
	wants(t, "a change to one that is taken", err, "slug_taken")
	if _, err := h.ChangeSupplier(ctx, operator, commands.ChangeSupplier{ID: "a", Slug: &mine}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ChangeSupplier(ctx, operator, commands.ChangeSupplier{ID: "b", Slug: &taken}); err != nil {
		t.Errorf("a slug that was given up is not free: %v", err)
	}
	_, err = h.ChangeSupplier(ctx, operator, commands.ChangeSupplier{ID: "c", Slug: &mine})
	wants(t, "a change of nobody", err, "supplier_not_found")
}

// between is a reader that lets something happen before it looks up a set.
type between struct {
	eventlog.Querier
	once *sync.Once
	do   func()
}

func (b between) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if len(args) > 1 && args[1] == "user.api_keys" {
		b.once.Do(b.do)
	}
	return b.Querier.Query(ctx, sql, args...)
}

func TestWhatWasReadHasToBeSoAtTheAppend(t *testing.T) {
	t.Parallel()
	h := open(t)
	ada := h.user(t, "ada", events.Viewer)
	slow := *h.Handler
	slow.Reader = between{h.pool, new(sync.Once), func() {
		if _, err := h.DisableUser(t.Context(), operator, commands.DisableUser{ID: ada}); err != nil {
			t.Errorf("disable: %v", err)
		}
	}}
	_, err := slow.IssueAPIKey(t.Context(), operator, issue(ada, "n"))
	wants(t, "a key for one who was disabled after he was read", err, "user_disabled")
}

func TestAKeyOfATenantMakesNoUserOfThePlatform(t *testing.T) {
	t.Parallel()
	h := open(t)
	root := h.user(t, "root", events.SuperAdmin)
	facts := authz.UserFacts{
		ID: root, Role: events.SuperAdmin, Status: authz.Active,
		Source: authz.Fact{Stream: events.UserStream(events.Platform, root), Version: 2},
	}
	for name, tenants := range map[string][]events.TenantID{"of none": {}, "of one": {"s"}} {
		by := authz.Key(facts, authz.KeyFacts{User: root, Tenants: &tenants}, time.Now())
		_, err := h.CreateUser(t.Context(), by, commands.CreateUser{ID: "x", Email: "x@y.z", Role: events.SuperAdmin})
		wants(t, "a super_admin by a key "+name, err, "super_admin_only")
		_, err = h.CreateUser(t.Context(), by, commands.CreateUser{ID: "x", Email: "x@y.z"})
		wants(t, "a viewer by a key "+name, err, "tenant_denied")
	}
}

func TestADecisionIsMadeByTheAuthorityOfItsAttempt(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.user(t, "root", events.SuperAdmin)
	ada := h.user(t, "ada", events.SuperAdmin)
	before := h.as(t, ada)
	viewer := events.Viewer
	if _, err := h.ChangeUser(t.Context(), operator, commands.ChangeUser{ID: ada, Role: &viewer}); err != nil {
		t.Fatal(err)
	}
	c := issue(ada, "n")
	c.Capabilities = &[]string{"manage_users"}
	_, err := h.IssueAPIKey(t.Context(), before, c)
	wants(t, "a capability that he held when he asked", err, "not_held")
}

func TestAnIDOfAKeyIsUsedOnce(t *testing.T) {
	t.Parallel()
	h := open(t)
	ada := h.user(t, "ada", events.Viewer)
	first, second := issue(ada, "n"), issue(ada, "n")
	second.ID = first.ID
	if _, err := h.IssueAPIKey(t.Context(), operator, first); err != nil {
		t.Fatal(err)
	}
	_, err := h.IssueAPIKey(t.Context(), operator, second)
	wants(t, "its id again", err, "api_key_exists")
}

func TestAReadThatHangsEnds(t *testing.T) {
	t.Parallel()
	h := open(t)
	ada := h.user(t, "ada", events.Viewer)
	hanging := *h.Handler
	hanging.Reader = stuck{h.pool}
	_, err := hanging.DeleteUser(t.Context(), operator, commands.DeleteUser{ID: ada})
	wants(t, "a read without an answer", err, "log_unavailable")
}

// stuck is a reader that never answers.
type stuck struct{ eventlog.Querier }

func (s stuck) Query(ctx context.Context, _ string, _ ...any) (pgx.Rows, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
