package eventlog

import (
	"time"
)

// rows are a batch as the columns that append_commands takes.
type rows struct {
	n int32
	e struct {
		command                      []int32
		tenant, streamType, streamID []string
		version                      []int64
		id                           [][16]byte
		name                         []string
		schema                       []int32
		data, meta                   []string
	}
	s struct {
		command         []int32
		tenant, typ, id []string
		version         []int64
	}
	first                      struct{ command, row []int32 }
	take, release, add, remove filed
	seen                       struct {
		command             []int32
		tenant, kind, value []string
		count               []int32
	}
	i struct {
		command                       []int32
		tenant, principal, route, key []string
		attempt                       [][16]byte
		hash, response                []string
		expires                       []time.Time
	}
}

// filed are rows of claims or lookups.
type filed struct {
	command                            []int32
	tenant, kind, value                []string
	streamTenant, streamType, streamID []string
}

// query calls append_commands with the columns in the order of args.
const query = `select log, head, at, failed, outcome, number, item, info, times from append_commands(
	$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
	$19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39,
	$40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50, $51, $52, $53, $54, $55, $56, $57, $58, $59, $60)`

func (r *rows) args() []any {
	args := append(make([]any, 0, 64), r.n,
		r.e.command, r.e.tenant, r.e.streamType, r.e.streamID, r.e.version,
		r.e.id, r.e.name, r.e.schema, r.e.data, r.e.meta,
		r.s.command, r.s.tenant, r.s.typ, r.s.id, r.s.version,
		r.first.command, r.first.row)
	for _, f := range []*filed{&r.take, &r.release, &r.add, &r.remove} {
		args = append(args, f.command, f.tenant, f.kind, f.value, f.streamTenant, f.streamType, f.streamID)
	}
	return append(args,
		r.seen.command, r.seen.tenant, r.seen.kind, r.seen.value, r.seen.count,
		r.i.command, r.i.tenant, r.i.principal, r.i.route, r.i.key, r.i.attempt, r.i.hash, r.i.response, r.i.expires)
}

// addCommand appends a command's rows; its number is the place in the batch, from 1.
func (r *rows) addCommand(c *call) {
	r.n++
	if len(c.events) > 0 {
		r.first.command = append(r.first.command, r.n)
		r.first.row = append(r.first.row, int32(len(r.e.command))+1)
	}
	for i := range c.events {
		r.addEvent(&c.events[i], c.meta)
	}
	for _, w := range c.command.Writes {
		r.addStream(string(w.Stream.Tenant), string(w.Stream.Type), w.Stream.ID, int64(w.Expected))
	}
	for _, x := range c.command.Reads {
		r.addStream(string(x.Stream.Tenant), string(x.Stream.Type), x.Stream.ID, int64(x.Version))
	}
	for _, x := range c.command.Take {
		r.take.add(r.n, Lookup(x))
	}
	for _, x := range c.command.Release {
		r.release.add(r.n, Lookup(x))
	}
	for _, x := range c.command.Add {
		r.add.add(r.n, x)
	}
	for _, x := range c.command.Remove {
		r.remove.add(r.n, x)
	}
	for _, x := range c.command.Seen {
		r.addSeen(x)
	}
	if c.command.Idempotency != nil {
		r.addIdempotency(c)
	}
}

func (r *rows) addEvent(e *encoded, meta string) {
	r.e.command = append(r.e.command, r.n)
	r.e.tenant = append(r.e.tenant, string(e.stream.Tenant))
	r.e.streamType = append(r.e.streamType, string(e.stream.Type))
	r.e.streamID = append(r.e.streamID, e.stream.ID)
	r.e.version = append(r.e.version, int64(e.version))
	r.e.id = append(r.e.id, e.id)
	r.e.name = append(r.e.name, e.name)
	r.e.schema = append(r.e.schema, int32(e.schema))
	r.e.data = append(r.e.data, e.data)
	r.e.meta = append(r.e.meta, meta)
}

func (r *rows) addStream(tenant, typ, id string, version int64) {
	r.s.command = append(r.s.command, r.n)
	r.s.tenant = append(r.s.tenant, tenant)
	r.s.typ = append(r.s.typ, typ)
	r.s.id = append(r.s.id, id)
	r.s.version = append(r.s.version, version)
}

func (r *rows) addSeen(x Seen) {
	r.seen.command = append(r.seen.command, r.n)
	r.seen.tenant = append(r.seen.tenant, string(x.Tenant))
	r.seen.kind = append(r.seen.kind, x.Kind)
	r.seen.value = append(r.seen.value, x.Value)
	r.seen.count = append(r.seen.count, int32(x.Count))
}

func (r *rows) addIdempotency(c *call) {
	x := c.command.Idempotency
	r.i.command = append(r.i.command, r.n)
	r.i.tenant = append(r.i.tenant, string(x.Tenant))
	r.i.principal = append(r.i.principal, x.Principal)
	r.i.route = append(r.i.route, x.Route)
	r.i.key = append(r.i.key, x.Key)
	r.i.attempt = append(r.i.attempt, c.attempt)
	r.i.hash = append(r.i.hash, x.RequestHash)
	r.i.response = append(r.i.response, x.Response)
	r.i.expires = append(r.i.expires, x.Expires)
}

func (f *filed) add(command int32, x Lookup) {
	f.command = append(f.command, command)
	f.tenant = append(f.tenant, string(x.Tenant))
	f.kind = append(f.kind, x.Kind)
	f.value = append(f.value, x.Value)
	f.streamTenant = append(f.streamTenant, string(x.Stream.Tenant))
	f.streamType = append(f.streamType, string(x.Stream.Type))
	f.streamID = append(f.streamID, x.Stream.ID)
}
