package projections

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
)

// Membership is what a user may do in a scope. One that ended stays, since its
// version counts in that of the user's whole document.
type Membership struct {
	User         events.UserID   `bson:"user_id"`
	Supplier     events.TenantID `bson:"supplier_id"` // empty: global
	Ended        bool            `bson:"ended"`       // then nothing below but UpdatedAt and Version is set
	Role         events.Role     `bson:"role"`
	Capabilities []string        `bson:"capabilities"`

	ResellerScope events.Extent `bson:"reseller_scope"`
	Resellers     []string      `bson:"reseller_account_ids"`
	AddressScope  events.Extent `bson:"address_scope"`
	Addresses     []string      `bson:"address_ids"`
	// Limits, Flags and Metadata are objects as texts, since their members'
	// names are the clients' own; empty: none.
	Limits   string `bson:"limits"`
	Flags    string `bson:"flags"`
	Metadata string `bson:"metadata"`

	CreatedAt time.Time      `bson:"created_at"`
	UpdatedAt time.Time      `bson:"updated_at"`
	Version   events.Version `bson:"version"` // of its stream
}

var membershipEvents = []events.Payload{events.MembershipSet{}, events.MembershipRemoved{}}

// Memberships is the read model behind GET /users/{id}/memberships: one
// document for each user and scope.
var Memberships = Projection[Membership]{
	Name:    "memberships",
	Version: 1,
	Handles: membershipEvents,
	Keys: func(e events.Recorded) []docstore.Key {
		switch e.Payload.(type) {
		case events.MembershipSet, events.MembershipRemoved:
			return []docstore.Key{docstore.Key(e.Stream.ID)}
		default:
			return nil
		}
	},
	Apply:   applyToMembership,
	Tags:    (*Membership).Tags,
	Texts:   func(*Membership) map[string]string { return nil },
	Indexes: docstore.Indexes{Sorts: []docstore.Field{ofUser}, Owned: []docstore.Field{ofUser}},
}

// Tags are by what a membership is seen.
func (m Membership) Tags() authz.Tags {
	return authz.Tags{Tenants: ifAny(m.Supplier), Owner: m.User}
}

// size is about how many bytes it takes.
func (m Membership) size() int {
	n := len(m.Limits) + len(m.Flags) + len(m.Metadata)
	for _, list := range [][]string{m.Capabilities, m.Resellers, m.Addresses} {
		for _, text := range list {
			n += len(text)
		}
	}
	return n
}

// ofUser is by what memberships are found.
var ofUser = docstore.Body("user_id")

func applyToMembership(m *Membership, _ docstore.Key, e events.Recorded) {
	switch p := e.Payload.(type) {
	case events.MembershipSet:
		created := m.CreatedAt
		if m.User == "" || m.Ended {
			created = moment(e)
		}
		*m = Membership{
			User: p.User, Supplier: p.Supplier, Role: p.Role, Capabilities: p.Capabilities,
			ResellerScope: p.ResellerScope, Resellers: p.Resellers, AddressScope: p.AddressScope, Addresses: p.Addresses,
			Limits: string(p.Limits), Flags: string(p.Flags), Metadata: string(p.Metadata), CreatedAt: created,
		}
	case events.MembershipRemoved:
		*m = Membership{User: p.User, Supplier: p.Supplier, Ended: true, CreatedAt: m.CreatedAt}
	default:
		return
	}
	m.UpdatedAt, m.Version = moment(e), e.Version
}

// Entry is what a membership gives, as its event says it.
func (m Membership) Entry() events.MembershipEntry {
	return events.MembershipEntry{
		Role: m.Role, Capabilities: m.Capabilities, ResellerScope: m.ResellerScope, Resellers: m.Resellers,
		AddressScope: m.AddressScope, Addresses: m.Addresses,
		Limits: object(m.Limits), Flags: object(m.Flags), Metadata: object(m.Metadata),
	}
}

func object(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

// FoldMembership is the membership as past, the whole history of its stream,
// leaves it.
func FoldMembership(past []events.Recorded) Membership {
	return foldStream(Memberships, past)
}

// maxScopes is more than a user ever has memberships in, those that ended
// included (see commands.SetMembership).
const maxScopes = 1001

// MembershipQueries answers questions about memberships.
type MembershipQueries struct {
	Mongo *docstore.Mongo
	Live  Live
}

// Of returns those memberships of a user that s may see, with those that ended.
// It asks only for those that are not in his document. It fails with
// docstore.ErrUnavailable.
func (q *MembershipQueries) Of(ctx context.Context, s authz.Scope, u User) ([]Membership, error) {
	if !u.Many {
		return slices.DeleteFunc(slices.Clone(u.Memberships), func(m Membership) bool { return !s.Sees(m.Tags()) }), nil
	}
	p, err := Memberships.resolve(q.Live)
	if err != nil {
		return nil, err
	}
	all, err := docstore.In[Membership](q.Mongo, p.Model()).List(ctx, s, docstore.Query{
		Where: []docstore.Condition{docstore.Is(ofUser, u.ID)},
		Order: docstore.Order{By: ofUser},
		Limit: maxScopes, // more than there can be, so that the store need not count
	})
	return Memberships.allShown(all.Items), err
}
