package commands

import (
	"context"
	"slices"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// maxSet is how many streams a command looks up under one value. Ending more
// at once is not a command's work.
const maxSet = 1000

// past is what a command has read to decide by. Everything in it is stated
// with the append, and has to be still so.
type past struct {
	reader  eventlog.Querier
	attempt int             // from 1
	certain bool            // a version is asked for, so none is assumed
	order   []events.Stream // as they were read; the first is what the command is about
	streams map[events.Stream][]events.Recorded
	seen    []eventlog.Seen
}

// begin is for a stream that is to begin. At the first attempt it is stated to
// have no events, without a look: if it has, the append fails, and the next
// attempt reads it.
func (p *past) begin(ctx context.Context, s events.Stream) error {
	if p.attempt > 1 || p.certain {
		return p.read(ctx, s)
	}
	p.keep(s, nil)
	return nil
}

// read reads streams, in one round trip.
func (p *past) read(ctx context.Context, streams ...events.Stream) error {
	if len(streams) == 0 {
		return nil
	}
	histories, err := eventlog.ReadStreams(ctx, p.reader, streams)
	if err != nil {
		return err
	}
	for i, s := range streams {
		p.keep(s, histories[i])
	}
	return nil
}

func (p *past) keep(s events.Stream, history []events.Recorded) {
	if p.streams == nil {
		p.streams = make(map[events.Stream][]events.Recorded)
	}
	if _, twice := p.streams[s]; !twice {
		p.order = append(p.order, s)
	}
	p.streams[s] = history
}

// lookUp lists what is filed under a value, without stating that it is all.
func (p *past) lookUp(ctx context.Context, l eventlog.Lookup) ([]events.Stream, error) {
	return eventlog.ReadLookup(ctx, p.reader, l.Tenant, l.Kind, l.Value, maxSet)
}

// count states how many streams are filed under a value, however many.
func (p *past) count(ctx context.Context, l eventlog.Lookup) (int, error) {
	n, err := eventlog.CountLookup(ctx, p.reader, l.Tenant, l.Kind, l.Value)
	if err == nil {
		p.seen = append(p.seen, eventlog.Seen{Tenant: l.Tenant, Kind: l.Kind, Value: l.Value, Count: n})
	}
	return n, err
}

// see lists what is filed under a value, and states how many that is. Together
// with the versions of what is listed this says that the set is unchanged.
func (p *past) see(ctx context.Context, l eventlog.Lookup) ([]events.Stream, error) {
	streams, err := p.lookUp(ctx, l)
	if err != nil {
		return nil, err
	}
	p.seen = append(p.seen, eventlog.Seen{Tenant: l.Tenant, Kind: l.Kind, Value: l.Value, Count: len(streams)})
	return streams, nil
}

// of is the history of a stream that was read.
func (p *past) of(s events.Stream) []events.Recorded { return p.streams[s] }

// main is the stream that the command is about.
func (p *past) main() events.Stream { return p.order[0] }

func (p *past) version(s events.Stream) events.Version {
	return events.Version(len(p.streams[s]))
}

// unchanged is the receipt of a command that found nothing to change.
func (p *past) unchanged(ctx context.Context) (Receipt, error) {
	head, err := eventlog.Head(ctx, p.reader) // for which log it is
	if err != nil {
		return Receipt{}, err
	}
	return p.standing(head.Log), nil
}

// standing is the receipt of what stands as it was read.
func (p *past) standing(log events.LogID) Receipt {
	history := p.of(p.main())
	r := Receipt{Log: log, Stream: p.main(), Version: p.version(p.main()), History: history, streams: p.streams}
	r.Position = newest(p.streams)
	return r
}

// newest is the last position in some streams: what a command finds done is
// done there at the latest, in whichever of them.
func newest(streams map[events.Stream][]events.Recorded) events.Position {
	var last events.Position
	for _, history := range streams {
		if n := len(history); n > 0 {
			last = max(last, history[n-1].Position)
		}
	}
	return last
}

// receipt is what was appended, as it stands in the log now.
func (p *past) receipt(c eventlog.Command, r eventlog.Receipt) Receipt {
	if len(c.Writes) == 0 {
		return p.standing(r.Log)
	}
	out := Receipt{Log: r.Log, Stream: p.main(), Position: r.Last, streams: make(map[events.Stream][]events.Recorded, len(p.streams))}
	for s, history := range p.streams {
		out.streams[s] = slices.Clip(history) // what is appended to it stays ours
	}
	at := r.First
	for _, w := range c.Writes {
		for i, e := range w.Events {
			recorded := events.Recorded{
				Position: at, Stream: w.Stream, Version: w.Expected + events.Version(i) + 1, ID: e.ID,
				Type: e.Payload.EventType(), Schema: events.Schema(e.Payload.EventType()), Payload: e.Payload, Meta: c.Meta, RecordedAt: r.RecordedAt,
			}
			out.Events = append(out.Events, recorded)
			out.streams[w.Stream] = append(out.streams[w.Stream], recorded)
			at++
		}
	}
	out.History = out.streams[p.main()]
	out.Version = events.Version(len(out.History))
	return out
}
