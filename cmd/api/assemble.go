package main

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"tenure/cmd/internal/boot"
	"tenure/internal/commands"
	"tenure/internal/docstore"
	"tenure/internal/eventlog"
	"tenure/internal/httpapi"
	"tenure/internal/identity"
	"tenure/internal/projections"
)

// parts are what the API is made of.
type parts struct {
	writer, reader, auditor *boot.Pool
	mongo                   *docstore.Mongo
	redis                   *docstore.Redis
	appender                *eventlog.Appender
	progress                *projections.Progress
	revocations             *projections.Revocations
	generations             *projections.Generations
	adoption                *projections.Adoption

	deaf    context.CancelFunc // ends the listening of progress and revocations
	hearing sync.WaitGroup
}

// forgetEvery is how often answers that expired are deleted.
const forgetEvery = 10 * time.Minute

// assemble opens the stores, all at once, so that of two that are away or wrong
// both are told, and starts what runs beside the requests.
func assemble(ctx context.Context, r *boot.Running, s boot.API) (*parts, error) {
	p := &parts{}
	group, opening := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		if p.writer, err = r.Writer(opening, s.Postgres); err == nil {
			p.reader, err = r.Reader(opening, s.Postgres)
		}
		if err == nil {
			p.auditor, err = r.Auditor(opening, s.Postgres)
		}
		return err
	})
	group.Go(func() (err error) { p.mongo, err = r.Mongo(opening, s.Mongo); return err })
	group.Go(func() (err error) { p.redis, err = r.Redis(opening, s.Redis); return err })
	err := group.Wait()
	var observe func(eventlog.Batch)
	if err == nil {
		observe, err = r.Telemetry.ObserveAppends(ctx)
	}
	if err == nil {
		p.generations = projections.NewGenerations(p.mongo, p.redis)
		err = p.revoke(ctx, r, s)
	}
	if err != nil {
		return nil, errors.Join(err, p.close(ctx))
	}
	p.appender = eventlog.NewAppender(p.writer, r.Logger, eventlog.Config{Observe: observe})
	p.progress = projections.NewProgress(p.generations)
	listening, deaf := context.WithCancel(context.WithoutCancel(ctx)) // those who wait at the end still hear
	p.deaf = deaf
	p.hearing.Go(func() { p.progress.Run(listening) })
	p.hearing.Go(func() { eventlog.KeepForgetting(listening, p.writer, r.Logger, forgetEvery) })
	p.hearing.Go(func() { p.adoption.Run(listening) })
	p.hearing.Go(func() { p.revocations.Run(listening) }) // to whose end the others wait for this process
	return p, nil
}

// handler puts the parts together.
func (p *parts) handler(r *boot.Running, s boot.API) (http.Handler, error) {
	secrets, err := s.Keys.Secrets()
	if err != nil {
		return nil, err
	}
	live := p.generations.Live
	who := p.identity(secrets, p.revocations.Cache())
	// A command asks again when what is kept was too old for the log.
	present := p.identity(secrets, nil)
	observe, err := r.Telemetry.ObserveCommands()
	if err != nil {
		return nil, err
	}
	checks := p.checks(p.authentication(nil))
	for _, c := range checks {
		r.Ready.Need(c)
	}
	server := &httpapi.Server{
		Logger: r.Logger, Traces: r.Telemetry.Traces, Meters: r.Telemetry.Meters, Propagator: r.Telemetry.Propagator,
		Identity: who.Principal,
		Commands: &commands.Handler{
			Appender: p.appender, Reader: p.writer, Digest: secrets.Digests, Reload: present.Reload, Now: time.Now, NewID: newID, Observe: observe,
		},
		Users:       &projections.UserQueries{Mongo: p.mongo, Live: live},
		Memberships: &projections.MembershipQueries{Mongo: p.mongo, Live: live},
		Suppliers:   &projections.SupplierQueries{Mongo: p.mongo, Live: live},
		Keys:        &projections.APIKeyQueries{Mongo: p.mongo, Live: live},
		Log:         p.reader,
		Audit:       &eventlog.Auditor{Pool: p.auditor},
		Visible:     p.visible,
		Shown:       p.shown,
		Reached:     p.reached,
		Limit:       identity.NewLimiter(p.redis, s.Limits.PerMinute()).Allow,
		Projections: p.progress.Status,
		NewKey:      secrets.NewKey, NewID: newID, Now: time.Now,
		Prefix: string(s.HTTP.Path), TenantHeader: string(s.HTTP.TenantHeader), DefaultTenant: s.TenantLabel,
		Origins: s.HTTP.Origins, Credentials: s.HTTP.Credentials, Version: boot.BuildVersion(s.Version), Wait: s.HTTP.VisibleWait,
	}
	for _, c := range checks {
		server.Checks = append(server.Checks, httpapi.Check{Name: c.Name, Check: c.Ask})
	}
	return server.Handler()
}

// identity finds out who is calling, by what cache keeps and Redis has.
func (p *parts) identity(secrets identity.Secrets, cache *projections.AuthorityCache) *identity.Identity {
	known := p.authentication(cache)
	return &identity.Identity{
		Secrets: secrets, Now: time.Now,
		Lookup: identity.Lookup{ByKey: known.ByKey, ByUser: known.ByUser},
	}
}

func (p *parts) authentication(cache *projections.AuthorityCache) *projections.Authentication {
	return &projections.Authentication{Redis: p.redis, Live: p.generations.Live, Cache: cache}
}

// newID is a UUID of version 7. Making one fails only when there is no
// randomness, and then the process ends.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// checks are the parts without which the API answers nothing. Postgres is asked
// on the readers' connections: the writers' may all be busy, which is no
// outage. No read model is read before a generation of this program's own
// version of it is live.
func (p *parts) checks(known *projections.Authentication) []boot.Check {
	return []boot.Check{
		{Name: "postgres", Ask: p.reader.Ping},
		{Name: "mongo", Ask: p.readModels},
		{Name: "redis", Ask: known.Ready},
	}
}

// readModels tells whether MongoDB answers, and of each read model which
// generation is live.
func (p *parts) readModels(ctx context.Context) error {
	if err := p.mongo.Ping(ctx); err != nil {
		return err
	}
	return p.generations.Ready(ctx)
}

// letGo is how long the stores may take to let go of us. A request that was cut
// may still hold a connection.
const letGo = time.Second

// close lets go of what was opened. The appender has ended by then, or never
// began.
func (p *parts) close(ctx context.Context) error {
	if p.deaf != nil {
		p.deaf()
		p.hearing.Wait()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), letGo)
	defer cancel()
	var errs []error
	for _, pool := range []*boot.Pool{p.writer, p.reader, p.auditor} {
		if pool != nil {
			errs = append(errs, boot.ClosePool(ctx, pool))
		}
	}
	if p.mongo != nil {
		errs = append(errs, p.mongo.Close(ctx))
	}
	if p.redis != nil {
		errs = append(errs, p.redis.Close())
	}
	return errors.Join(errs...)
}
