package commands

import (
	"context"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/fault"
)

const (
	// MaxMemberships is how many a user has at most (api.md, "Limits").
	MaxMemberships = 100
	// maxScopes is how many he has at most in all his time: each leaves a
	// stream, and those are read whenever he is changed.
	maxScopes = maxSet
)

// membership is what decisions know of a user's membership in one scope.
type membership struct {
	stream   events.Stream
	supplier events.TenantID // empty: global
	live     bool
	entry    events.MembershipEntry
}

// foldMembership is what a membership's events come to.
func foldMembership(past []events.Recorded) membership {
	var m membership
	for _, e := range past {
		m.stream = e.Stream
		switch p := e.Payload.(type) {
		case events.MembershipSet:
			m.live, m.supplier, m.entry = true, p.Supplier, p.MembershipEntry
		case events.MembershipRemoved:
			m.live, m.supplier, m.entry = false, p.Supplier, events.MembershipEntry{}
		}
	}
	return m
}

// membershipsOf is where all memberships are filed that a user has or had.
func membershipsOf(user events.UserID, s events.Stream) eventlog.Lookup {
	return eventlog.Lookup{Tenant: events.Platform, Kind: "user.memberships", Value: string(user), Stream: s}
}

// loadMemberships reads all memberships of a user, and states that they are
// all.
func loadMemberships(ctx context.Context, p *past, user events.UserID) ([]membership, error) {
	streams, err := p.see(ctx, membershipsOf(user, events.Stream{}))
	if err != nil {
		return nil, err
	}
	if err := p.read(ctx, streams...); err != nil {
		return nil, err
	}
	all := make([]membership, len(streams))
	for i, s := range streams {
		all[i] = foldMembership(p.of(s))
	}
	return all, nil
}

// loadSuppliers reads the suppliers that entries name, and tells which there
// are and whether they are active.
func loadSuppliers(ctx context.Context, p *past, ids []events.TenantID) (map[events.TenantID]bool, error) {
	known := make(map[events.TenantID]bool)
	var streams []events.Stream
	for _, id := range ids {
		if id != "" && !known[id] {
			known[id] = true
			streams = append(streams, events.SupplierStream(id))
		}
	}
	clear(known)
	if err := p.read(ctx, streams...); err != nil {
		return nil, err
	}
	for _, s := range streams {
		if one := foldSupplier(p.of(s)); one.exists {
			known[s.Tenant] = one.details.Active
		}
	}
	return known, nil
}

// set is the decision that a membership gives e from now on; empty when it
// does already.
func (x person) set(supplier events.TenantID, e events.MembershipEntry) decision {
	s := events.MembershipStream(x.id, supplier)
	m, filed := x.membership(supplier)
	if m.live && m.entry.Equal(e) {
		return decision{}
	}
	d := decision{writes: []write{{s, []events.Payload{events.MembershipSet{User: x.id, Supplier: supplier, MembershipEntry: e}}}}}
	if !filed {
		d.add = []eventlog.Lookup{membershipsOf(x.id, s)}
	}
	return d
}

// removed is the decision that a membership ends.
func (m membership) removed(user events.UserID) decision {
	return decision{writes: []write{{m.stream, []events.Payload{events.MembershipRemoved{User: user, Supplier: m.supplier}}}}}
}

func membershipNotFound() error {
	return fault.New(fault.NotFound, "membership_not_found", "Membership not found")
}

// and joins two decisions into one.
func (d decision) and(other decision) decision {
	d.writes = append(d.writes, other.writes...)
	d.take, d.release = append(d.take, other.take...), append(d.release, other.release...)
	d.add, d.remove = append(d.add, other.add...), append(d.remove, other.remove...)
	return d
}
