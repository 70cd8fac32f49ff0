package commands

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tenure/internal/authz"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/fault"
)

const (
	// MaxLiveKeys is how many keys a user has at most that can open something.
	MaxLiveKeys = 25
	// maxKeptKeys is how many are kept in his list, those that expired
	// included. Beyond it the ones that expired first are ended.
	maxKeptKeys = 100
	// DefaultKey is the name of the key that a user gets without naming one.
	// He has one key of this name at most.
	DefaultKey = "default"
)

// Secret is what is recorded of a key that was made for someone.
type Secret struct {
	Hash     events.KeyHash
	Prefix   string
	LastFour string
}

// IssueAPIKey gives a user a key.
type IssueAPIKey struct {
	ID     events.KeyID
	Owner  events.UserID
	Name   string
	Secret Secret
	// Capabilities and Tenants narrow the key; nil leaves it as its owner.
	Capabilities *[]string
	Tenants      *[]events.TenantID
	ExpiresAt    *time.Time
	// Replace ends the keys of the same name.
	Replace bool
}

// IssueAPIKey carries out c. It fails with Denied for anyone but the owner and
// the system; with NotFound; with Conflict too_many_keys, name_taken or
// user_disabled; or with Invalid not_held, unknown_reference or expired.
func (h *Handler) IssueAPIKey(ctx context.Context, by authz.Principal, c IssueAPIKey) (Receipt, error) {
	if c.ExpiresAt != nil {
		at := c.ExpiresAt.UTC().Truncate(time.Microsecond)
		c.ExpiresAt = &at
	}
	i := issue{command: c, now: h.Now()}
	return h.record(ctx, by, change{
		needs: authz.ManageOwnKeys,
		load:  func(ctx context.Context, p *past) error { return i.load(ctx, p) },
		over:  func(by authz.Principal, _ *past) error { return by.AllowOn(authz.ManageOwnKeys, c.Owner) },
		decide: func(by authz.Principal, p *past) (decision, error) {
			if len(p.of(i.stream)) > 0 {
				return decision{}, fault.New(fault.Conflict, "api_key_exists", "There is, or was, a key with this id.")
			}
			return i.decide(by)
		},
		shownOnce: true,
	})
}

// issue is what the issue of a key is decided by.
type issue struct {
	command IssueAPIKey
	now     time.Time
	stream  events.Stream
	owner   user
	keys    []apiKey
	// suppliers are those to narrow to that there are, and whether they are active.
	suppliers map[events.TenantID]bool
}

func (i *issue) load(ctx context.Context, p *past) error {
	// The key's stream comes first, since the command is about the key. Its
	// tenant is that of its owner, who is therefore found before.
	found := &past{reader: p.reader, attempt: p.attempt}
	owner, err := loadUser(ctx, found, i.command.Owner)
	if err != nil {
		return err
	}
	i.owner, i.stream = owner, events.APIKeyStream(owner.stream.Tenant, i.command.ID)
	if err := p.begin(ctx, i.stream); err != nil {
		return err
	}
	p.keep(owner.stream, found.of(owner.stream))
	if i.keys, err = loadKeys(ctx, p, owner.id); err != nil {
		return err
	}
	return i.loadSuppliers(ctx, p)
}

func (i *issue) loadSuppliers(ctx context.Context, p *past) error {
	if i.command.Tenants == nil {
		return nil
	}
	var streams []events.Stream
	for _, t := range *i.command.Tenants {
		streams = append(streams, events.SupplierStream(t))
	}
	if err := p.read(ctx, streams...); err != nil {
		return err
	}
	i.suppliers = make(map[events.TenantID]bool)
	for _, s := range streams {
		if one := foldSupplier(p.of(s)); one.exists {
			i.suppliers[s.Tenant] = one.details.Active
		}
	}
	return nil
}

// decide decides.
func (i *issue) decide(by authz.Principal) (decision, error) {
	c := i.command
	if err := i.check(by); err != nil {
		return decision{}, err
	}
	d := decision{
		writes: []write{{i.stream, []events.Payload{events.APIKeyIssued{
			Key: c.ID, User: c.Owner, Name: c.Name, Hash: c.Secret.Hash, Prefix: c.Secret.Prefix, LastFour: c.Secret.LastFour,
			Capabilities: c.Capabilities, Tenants: c.Tenants, ExpiresAt: c.ExpiresAt,
		}}}},
		take: []eventlog.Claim{hashClaim(c.Secret.Hash, i.stream)},
		add:  []eventlog.Lookup{apiKeyByID(c.ID, i.stream), apiKeysOf(c.Owner, i.stream)},
	}
	for _, k := range i.ended() {
		d = d.ending(k)
	}
	return d, nil
}

func (i *issue) check(by authz.Principal) error {
	c := i.command
	live := 0
	for _, k := range i.keys {
		if k.name == c.Name && c.Name == DefaultKey && !c.Replace {
			return fault.New(fault.Conflict, "name_taken", "There is a default key already; POST /me/api-key replaces it.")
		}
		if k.live(i.now) && !(c.Replace && k.name == c.Name) {
			live++
		}
	}
	switch {
	case i.owner.Status == authz.Disabled:
		return fault.New(fault.Conflict, "user_disabled", "The user is disabled, so a key would open nothing.")
	case c.ExpiresAt != nil && !c.ExpiresAt.After(i.now):
		return fault.At("body.expires_at", "expired", "The expiry must be in the future.")
	case !i.reached(by):
		// Known or not: who has no authority in it is not told.
		return fault.At("body.tenants", "not_held", "A key cannot be given a supplier that its owner has no authority in.")
	case c.ExpiresAt != nil && c.ExpiresAt.Year() > 9999:
		return fault.At("body.expires_at", "out_of_range", "The expiry must be before the year 10000.")
	case c.Tenants != nil && slices.ContainsFunc(*c.Tenants, i.isUnknown):
		return fault.At("body.tenants", "unknown_reference", "A supplier in this list is unknown.")
	case !holdsAll(by, c.Capabilities):
		return fault.At("body.capabilities", "not_held", "A key cannot be given a capability that its owner does not hold.")
	case live >= MaxLiveKeys:
		return fault.New(fault.Conflict, "too_many_keys", fmt.Sprintf("A user has %d live keys at most.", MaxLiveKeys))
	}
	return nil
}

// reached tells whether the owner has authority in every supplier that the key
// is narrowed to.
func (i *issue) reached(by authz.Principal) bool {
	return i.command.Tenants == nil || !slices.ContainsFunc(*i.command.Tenants, func(t events.TenantID) bool {
		return !by.Reaches(t, i.suppliers[t])
	})
}

func (i *issue) isUnknown(t events.TenantID) bool {
	_, known := i.suppliers[t]
	return !known
}

func holdsAll(by authz.Principal, capabilities *[]string) bool {
	if capabilities == nil {
		return true
	}
	return !slices.ContainsFunc(*capabilities, func(name string) bool { return !by.Holds(name) })
}

// ended are the keys that make way: those that are replaced, and of those that
// expired the ones for which there is no room in the list.
func (i *issue) ended() []apiKey {
	var ended, expired []apiKey
	for _, k := range i.keys {
		switch {
		case i.command.Replace && k.name == i.command.Name:
			ended = append(ended, k)
		case !k.live(i.now):
			expired = append(expired, k)
		}
	}
	sortByExpiry(expired)
	surplus := max(0, min(len(expired), len(i.keys)-len(ended)+1-maxKeptKeys))
	return append(ended, expired[:surplus]...)
}
