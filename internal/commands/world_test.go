package commands_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"tenure/internal/authz"
	"tenure/internal/commands"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// emails is how many addresses there are in a world.
const emails = 10

// world is a part of a log that knows nothing of the others: a few users,
// suppliers and keys of its own, beside the model of what they should be.
type world struct {
	ctx   context.Context
	rapid *rapid.T
	house house
	n     int

	model state
	log   folded
	mark  events.Mark // up to where the log is followed

	suppliers []events.TenantID
	users     []events.UserID // those who are deleted too
	keys      []events.KeyID
	names     []string // ids, each followed by what it is called in messages
}

func newWorld(ctx context.Context, t *rapid.T, h house, n int) *world {
	w := &world{ctx: ctx, rapid: t, house: h, n: n, model: newState(), log: newFolded()}
	var err error
	if w.mark, err = eventlog.Head(ctx, h.pool); err != nil {
		t.Fatal(err)
	}
	handler := *h.Handler
	handler.Reload = w.reload
	w.house.Handler = &handler
	return w
}

func (w *world) reload(_ context.Context, by authz.Principal) (authz.Principal, error) {
	return w.log.principal(caller{system: by.Kind() == events.BySystem, user: by.UserID(), key: by.KeyID(), tenant: by.Tenant()}), nil
}

// fill makes a world in which there is something to do. The model judges that
// too.
func (w *world) fill() {
	for _, s := range beginning().Draw(w.rapid, "beginning") {
		w.run(s)
	}
}

// called gives an id a name for messages.
func (w *world) called(id, prefix string, i int) {
	w.names = append(w.names, id, fmt.Sprintf("%s%d", prefix, i))
}

func at[V any](list []V, i int, otherwise V) V {
	if i < 0 || len(list) == 0 {
		return otherwise
	}
	return list[i%len(list)]
}

const nobodysID = "00000000-0000-7000-8000-000000000000"

// supplier is the one at a place; none is no supplier.
func (w *world) supplier(i int) events.TenantID {
	if i == none {
		return ""
	}
	return at(w.suppliers, i, nobodysID)
}

func (w *world) caller(d drawnCaller) caller {
	c := caller{system: d.system, tenant: w.supplier(d.tenant)}
	switch {
	case d.system:
		return c
	case d.key != none && len(w.keys) > 0:
		c.key = at(w.keys, d.key, "")
		c.user = w.ownerOf(c.key)
	default:
		c.user = at(w.users, d.user, nobodysID)
	}
	return c
}

func (w *world) ownerOf(id events.KeyID) events.UserID {
	return w.log.owners[id]
}

func (w *world) email(i int) string { return fmt.Sprintf("w%d-%d@example.com", w.n, i) }

func (w *world) supplierName(i int) string { return fmt.Sprintf("w%d %d", w.n, i) }

// command is what a step asks for.
func (w *world) command(s step) any {
	user := at(w.users, s.user, nobodysID)
	switch s.verb {
	case "create supplier":
		c := commands.CreateSupplier{ID: events.TenantID(uuid.NewString())}
		c.Details = events.SupplierDetails{Name: w.supplierName(s.name), Active: *s.active}
		if s.email != none {
			c.Details.Slug = slugOf(w.supplierName(s.email))
		}
		return c
	case "change supplier":
		c := commands.ChangeSupplier{ID: w.supplier(s.scope), Active: s.active}
		if s.name != none {
			c.Name = new(w.supplierName(s.name))
		}
		if s.email != none {
			c.Slug = new(slugOf(w.supplierName(s.email)))
		}
		return c
	case "create user":
		c := commands.CreateUser{ID: events.UserID(uuid.NewString()), Email: w.email(s.email), Memberships: w.document(s), Active: s.replace}
		if s.role != nil {
			c.Role = *s.role
		}
		return c
	case "change user":
		c := commands.ChangeUser{ID: user, Role: s.role, Memberships: w.document(s)}
		if s.email != none {
			c.Email = new(w.email(s.email))
		}
		if s.name != none {
			c.Name = new(strings.Repeat("A", s.name))
		}
		return c
	case "disable":
		return commands.DisableUser{ID: user}
	case "enable":
		return commands.EnableUser{ID: user}
	case "delete":
		return commands.DeleteUser{ID: user}
	case "set membership":
		return commands.SetMembership{User: user, Entry: w.entry(s.entries[0])}
	case "remove membership":
		return commands.RemoveMembership{User: user, Supplier: w.supplier(s.scope)}
	case "replace memberships":
		return commands.ReplaceMemberships{User: user, Document: *w.document(s)}
	default:
		return w.keyCommand(s, user)
	}
}

func (w *world) document(s step) *commands.Document {
	if s.entries == nil {
		return nil
	}
	doc := commands.Document{DefaultRole: s.def, Entries: []commands.Entry{}, At: "body"}
	for _, e := range s.entries {
		doc.Entries = append(doc.Entries, w.entry(e))
	}
	return &doc
}

func (w *world) entry(e drawnEntry) commands.Entry {
	return commands.Entry{Supplier: w.supplier(e.scope), MembershipEntry: events.MembershipEntry{
		Role: e.role, Capabilities: e.caps, ResellerScope: events.List, AddressScope: events.List,
	}}
}

// keyCommand is what a step asks for about keys: the caller's own, or anybody's.
func (w *world) keyCommand(s step, user events.UserID) any {
	key := at(w.keys, s.key, nobodysID)
	if by := w.caller(s.who); s.mine && !by.system {
		user = by.user
		key = at(slices.DeleteFunc(slices.Clone(w.keys), func(k events.KeyID) bool { return w.ownerOf(k) != user }), s.key, key)
	}
	name := []string{commands.DefaultKey, "laptop"}[max(s.name, 0)]
	secret := commands.Secret{Hash: events.KeyHash("1." + uuid.NewString()), Prefix: "tnr_abcd", LastFour: "wxyz"}
	switch s.verb {
	case "issue key":
		c := commands.IssueAPIKey{ID: events.KeyID(uuid.NewString()), Owner: user, Name: name, Secret: secret, Capabilities: s.caps, Replace: s.replace}
		if s.tenants != nil {
			tenants := []events.TenantID{}
			for _, i := range *s.tenants {
				tenants = append(tenants, w.supplier(i))
			}
			c.Tenants = &tenants
		}
		return c
	case "rotate key":
		return commands.RotateAPIKey{ID: key, Secret: secret}
	case "revoke key":
		return commands.RevokeAPIKey{ID: key}
	case "revoke named":
		return commands.RevokeAPIKeyNamed{Owner: user, Name: name}
	default:
		panic("no step is called " + s.verb)
	}
}

// execute has the program carry out a command.
func (w *world) execute(h *commands.Handler, by authz.Principal, command any) (err error) {
	switch c := command.(type) {
	case commands.CreateSupplier:
		_, err = h.CreateSupplier(w.ctx, by, c)
	case commands.ChangeSupplier:
		_, err = h.ChangeSupplier(w.ctx, by, c)
	case commands.CreateUser:
		_, err = h.CreateUser(w.ctx, by, c)
	case commands.ChangeUser:
		_, err = h.ChangeUser(w.ctx, by, c)
	case commands.DisableUser:
		_, err = h.DisableUser(w.ctx, by, c)
	case commands.EnableUser:
		_, err = h.EnableUser(w.ctx, by, c)
	case commands.DeleteUser:
		_, err = h.DeleteUser(w.ctx, by, c)
	case commands.SetMembership:
		_, err = h.SetMembership(w.ctx, by, c)
	case commands.RemoveMembership:
		_, err = h.RemoveMembership(w.ctx, by, c)
	case commands.ReplaceMemberships:
		_, err = h.ReplaceMemberships(w.ctx, by, c)
	case commands.IssueAPIKey:
		_, err = h.IssueAPIKey(w.ctx, by, c)
	case commands.RotateAPIKey:
		_, err = h.RotateAPIKey(w.ctx, by, c)
	case commands.RevokeAPIKey:
		_, err = h.RevokeAPIKey(w.ctx, by, c)
	case commands.RevokeAPIKeyNamed:
		_, err = h.RevokeAPIKeyNamed(w.ctx, by, c)
	default:
		panic(fmt.Sprintf("nobody carries out %T", command))
	}
	return err
}

// follow reads what the last command appended, has it audited, and folds it.
// Positions are dense, and who is in a list of the world is there for good.
func (w *world) follow(by caller) []events.Recorded {
	b, err := eventlog.ReadBatch(w.ctx, w.house.pool, w.mark, eventlog.Filter{})
	if err != nil {
		w.rapid.Fatal(err)
	}
	for i, e := range b.Events {
		if want := w.mark.Position + events.Position(i) + 1; e.Position != want {
			w.rapid.Fatalf("the event at %d follows the one at %d", e.Position, want-1)
		}
	}
	w.mark = b.Through
	before := w.log.activeSuperAdmins()
	for _, wrong := range audit(w.log, by, b.Events) {
		w.rapid.Errorf("a right that nobody could give: %s", wrong)
	}
	for _, e := range b.Events {
		w.log.apply(e)
		switch p := e.Payload.(type) {
		case events.SupplierCreated:
			w.called(string(p.Supplier), "s", len(w.suppliers))
			w.suppliers = append(w.suppliers, p.Supplier)
		case events.UserCreated:
			w.called(string(p.User), "u", len(w.users))
			w.users = append(w.users, p.User)
		case events.APIKeyIssued:
			w.called(string(p.Key), "k", len(w.keys))
			w.keys = append(w.keys, p.Key)
		}
	}
	if before > 0 && w.log.activeSuperAdmins() == 0 {
		w.rapid.Errorf("the last active super_admin is gone")
	}
	return b.Events
}

// same compares what the log comes to with what the contract says.
func (w *world) same() {
	if diff := cmp.Diff(w.model, w.log.state); diff != "" {
		w.rapid.Fatalf("the log comes to something else (-contract +log):\n%s", w.rename(diff))
	}
	if w.rapid.Failed() {
		w.rapid.FailNow()
	}
}

// claims: each user's e-mail is his, and those of nobody are free; as many
// super_admins are filed as there are.
func (w *world) claims() {
	for i := range emails {
		var want events.Stream
		for id, u := range w.model.Users {
			if u.Email == w.email(i) {
				want = events.UserStream(w.log.homes[id], id)
			}
		}
		got, _, err := w.house.UserByEmail(w.ctx, w.email(i))
		if err != nil || got != want {
			w.rapid.Fatalf("e-mail %d is of %v, want %v; %v", i, got, want, err)
		}
	}
	filed, err := eventlog.CountLookup(w.ctx, w.house.pool, events.Platform, "user.active_super_admins", "")
	if err != nil || filed != w.model.activeSuperAdmins() {
		w.rapid.Fatalf("%d active super_admins are filed, want %d; %v", filed, w.model.activeSuperAdmins(), err)
	}
}

// movedHome tells whether a caller makes users of another tenant than before:
// then his command is refused, since it would be another one.
func (w *world) movedHome(by caller, command any) bool {
	_, creates := command.(commands.CreateUser)
	return creates && by.tenant != ""
}

func (w *world) rename(s string) string { return strings.NewReplacer(w.names...).Replace(s) }

// notGiven is what a message is shorter without.
var notGiven = regexp.MustCompile(`,?"(\w+":(null|""|false)|Secret":{[^}]*}|At":"[^"]*"|(reseller|address)_scope":"list")`)

// tell names a caller or a command in a message.
func (w *world) tell(what any) string {
	if c, ok := what.(caller); ok {
		name := "the system"
		if !c.system {
			name = string(c.user)
		}
		if c.key != "" {
			name += " by " + string(c.key)
		}
		if c.tenant != "" {
			name += " in " + string(c.tenant)
		}
		return w.rename(name)
	}
	text, err := json.Marshal(what)
	if err != nil {
		w.rapid.Fatal(err)
	}
	text = notGiven.ReplaceAll(text, nil)
	return strings.TrimPrefix(fmt.Sprintf("%T", what), "commands.") + w.rename(strings.ReplaceAll(string(text), "{,", "{"))
}

func tellAnswer(f *fault.Fault) string {
	if f == nil {
		return "ok"
	}
	return f.Code
}

func tellVerdicts(all []verdict) string {
	var told []string
	for _, v := range all {
		told = append(told, "ok")
		for i, a := range v.refused {
			if i == 0 {
				told = told[:len(told)-1]
			}
			told = append(told, fmt.Sprintf("%d %s", a.kind, a.code))
		}
	}
	return strings.Join(told, " or ")
}
