package eventlog

import "tenure/internal/events"

// Commands of one batch are checked by statements that see none of the batch.
// So they may share nothing that one of them changes and another relies on.

// thing is what commands can share: a stream, a claim, a set of lookups, an
// idempotency key or an event id.
type thing struct {
	what       byte
	tenant     events.TenantID
	kind, name string
	more       string
}

// use is how a command uses a thing. Two commands may use one in the same way,
// if it is not alone.
type use byte

const (
	alone    use = iota // written, claimed, or used in two ways
	looking             // its state was read
	adding              // something is filed under it, whatever else is there
	removing            // something is taken from it, whatever else is there
)

// usesOf lists what a command uses.
func usesOf(c *Command) map[thing]use {
	uses := make(map[thing]use, len(c.Writes)+len(c.Reads)+len(c.Take)+len(c.Release)+len(c.Add)+len(c.Remove)+len(c.Seen)+2)
	note := func(t thing, how use) {
		if had, ok := uses[t]; ok && had != how {
			how = alone
		}
		uses[t] = how
	}
	for _, w := range c.Writes {
		note(thing{'s', w.Stream.Tenant, string(w.Stream.Type), w.Stream.ID, ""}, alone)
		for _, e := range w.Events {
			note(thing{what: 'e', name: string(e.ID[:])}, alone)
		}
	}
	for _, r := range c.Reads {
		note(thing{'s', r.Stream.Tenant, string(r.Stream.Type), r.Stream.ID, ""}, looking)
	}
	for _, list := range [][]Claim{c.Take, c.Release} {
		for _, one := range list {
			note(thing{'c', one.Tenant, one.Kind, one.Value, ""}, alone)
		}
	}
	for _, one := range c.Add {
		note(thing{'l', one.Tenant, one.Kind, one.Value, ""}, adding)
	}
	for _, one := range c.Remove {
		note(thing{'l', one.Tenant, one.Kind, one.Value, ""}, removing)
	}
	for _, one := range c.Seen {
		note(thing{'l', one.Tenant, one.Kind, one.Value, ""}, looking)
	}
	if i := c.Idempotency; i != nil {
		note(thing{'i', i.Tenant, i.Principal, i.Route, i.Key}, alone)
	}
	return uses
}

// fits tells whether a command with these uses can join a batch.
func fits(batch, uses map[thing]use) bool {
	for t, how := range uses {
		if had, ok := batch[t]; ok && (how == alone || had != how) {
			return false
		}
	}
	return true
}

// join adds a command's uses to those of its batch.
func join(batch, uses map[thing]use) {
	for t, how := range uses {
		batch[t] = how
	}
}
