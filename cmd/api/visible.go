package main

import (
	"context"
	"slices"
	"time"

	"tenure/cmd/internal/boot"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/projections"
)

// What a process keeps of its callers is one more thing that has to show the
// log: these are the answers of progress, with it.

// revoke makes this process's part in that what was taken away is honoured by
// none.
func (p *parts) revoke(ctx context.Context, r *boot.Running, s boot.API) (err error) {
	p.adoption = p.generations.Adopt(projections.AdoptionOptions{
		Process: newID(), Now: time.Now,
		Head: func(ctx context.Context) (events.Mark, error) { return eventlog.Head(ctx, p.reader) },
		Note: func(why error) {
			r.Logger.WarnContext(ctx, "who is calling is not told by the build that the registry names", "error", why)
		},
	})
	p.revocations = projections.NewRevocations(p.redis, projections.RevocationOptions{
		Bound: s.HTTP.RevokedWithin, Now: time.Now, Model: p.generations.Authorities, Adoption: p.adoption,
	})
	p.revocations.Settled, err = r.Telemetry.ObserveRevocation(ctx, s.HTTP.RevokedWithin, p.revocations.Cache().Counts)
	return err
}

// visible waits until a command shows: in the read models, and where it took
// away a right, in what every process knows of its callers.
func (p *parts) visible(ctx context.Context, log events.LogID, position events.Position, shown []events.Recorded) bool {
	return p.progress.Wait(ctx, log, position, shown) && p.revocations.Wait(ctx, log, position, projections.TypesOf(shown))
}

// shown is up to where the named read models show the log.
func (p *parts) shown(models ...string) events.Mark {
	at := p.progress.Shown(models...)
	if !tellsWho(models) {
		return at
	}
	return p.revocations.Shown(at)
}

// reached waits until the named read models show the log up to a position.
func (p *parts) reached(ctx context.Context, log events.LogID, position events.Position, models ...string) bool {
	return p.progress.WaitFor(ctx, log, position, models...) && (!tellsWho(models) || p.revocations.CaughtUp(ctx, log, position))
}

// tellsWho tells whether the one is among them that says who is calling. None
// are all.
func tellsWho(models []string) bool {
	return len(models) == 0 || slices.Contains(models, projections.Authorities.Name)
}
