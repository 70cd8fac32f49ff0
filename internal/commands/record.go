package commands

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"tenure/internal/authz"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// A lost race is run again this often. More means that many write one stream
// at once, which trying harder does not mend.
const maxAttempts = 20

// maxReload is how long a command waits until the authority it rests on is
// known in its present state.
const maxReload = 2 * time.Second

// change is a command made ready for record.
type change struct {
	// needs is the permission. A change that names none is refused.
	needs authz.Permission
	// load reads what is needed to decide, the stream the command is about
	// first. It fails with NotFound when there is no such thing. It is called
	// anew for each attempt.
	load func(ctx context.Context, p *past) error
	// over is the instance check: it refuses a caller who may not do this to
	// what was loaded, with NotFound where he may not even see it; nil when only
	// the general permission counts.
	over func(by authz.Principal, p *past) error
	// decide says what happens. It is pure, and judges by the authority that by
	// has at this attempt.
	decide func(by authz.Principal, p *past) (decision, error)
	// version is that of what the command is about, where it is not the one of
	// its stream.
	version func(by authz.Principal, p *past) events.Version
	// taken is the fault for a claim of this kind that another holds.
	taken map[string]*fault.Fault
	// shownOnce: the answer holds a secret that nobody keeps, so it cannot be
	// given again.
	shownOnce bool
}

// decision is what a command comes to. The zero decision changes nothing.
type decision struct {
	writes        []write
	take, release []eventlog.Claim
	add, remove   []eventlog.Lookup
}

// write is what happens to one stream.
type write struct {
	stream events.Stream
	events []events.Payload
}

// record carries out every command: general permission, the answer that a
// repeated request was given, load, permission on what was loaded, decide,
// precondition, append.
func (h *Handler) record(ctx context.Context, by authz.Principal, c change) (_ Receipt, err error) {
	if h.Observe != nil {
		var done func(error)
		ctx, done = h.Observe(ctx, c.needs.Name())
		defer func() { done(err) }()
	}
	if _, err := by.Allow(c.needs); err != nil {
		return Receipt{}, err
	}
	receipt, found, err := h.former(ctx, by, c)
	if err == nil && !found {
		receipt, err = h.carryOut(ctx, by, c)
	}
	switch {
	case err != nil:
		return Receipt{}, explain(err, c)
	case h.terms.Answered != nil:
		h.terms.Answered(receipt)
	}
	return receipt, nil
}

// carryOut tries a command until it is decided. What is refused may be refused
// because the same request has been carried out meanwhile: then its answer
// counts, as long as whoever asks still may.
func (h *Handler) carryOut(ctx context.Context, by authz.Principal, c change) (Receipt, error) {
	receipt, by, err := h.attempts(ctx, by, c)
	if f := fault.As(err); f == nil || f.Kind == fault.Unavailable {
		return receipt, err
	}
	if _, denied := by.Allow(c.needs); denied != nil {
		return Receipt{}, err
	}
	former, found, failed := h.former(ctx, by, c)
	if !found {
		return Receipt{}, errors.Join(err, failed)
	}
	return former, failed
}

// attempts tries a command. A race that was lost is run again, with authority
// loaded anew when that was what moved. It gives the authority it came to.
func (h *Handler) attempts(ctx context.Context, by authz.Principal, c change) (Receipt, authz.Principal, error) {
	for attempt := 1; ; attempt++ {
		receipt, err := h.attempt(ctx, by, c, attempt)
		var moved *eventlog.MovedError
		switch {
		case err == nil:
			return receipt, by, nil
		case !errors.Is(err, eventlog.ErrMoved) && !errors.Is(err, eventlog.ErrSetChanged):
			return Receipt{}, by, explain(err, c)
		case attempt == maxAttempts:
			return Receipt{}, by, fmt.Errorf("%w: %w", contended(), err)
		case errors.As(err, &moved) && restsOn(by, moved.Stream):
			if by, err = h.reload(ctx, by, moved); err != nil {
				return Receipt{}, by, err
			}
		}
		if err := pause(ctx, time.Duration(rand.Int64N(int64(attempt)*int64(time.Millisecond)))); err != nil {
			return Receipt{}, by, fmt.Errorf("commands: %w", err)
		}
	}
}

// attempt is one try at a command.
func (h *Handler) attempt(ctx context.Context, by authz.Principal, c change, attempt int) (Receipt, error) {
	allowed, err := by.Allow(c.needs)
	if err != nil {
		return Receipt{}, err
	}
	p := &past{reader: h.Reader, attempt: attempt, certain: h.terms.IfMatch.Asked}
	if err := load(ctx, by, c, p); err != nil {
		return Receipt{}, err
	}
	if c.over != nil {
		if err := c.over(by, p); err != nil {
			return Receipt{}, err
		}
	}
	d, err := c.decide(by, p)
	if d, err = h.terms.IfMatch.weigh(c.versionOf(by, p), d, err); err != nil {
		return Receipt{}, err
	}
	if len(d.writes) == 0 && h.terms.Once == nil {
		return p.unchanged(ctx)
	}
	r, done, err := h.append(ctx, by, allowed, p, d)
	switch {
	case err != nil:
		return Receipt{}, err
	case done.Replayed: // another was first, between the look and the append
		return h.again(ctx, c, done.Response, done.Last)
	default:
		return r, nil
	}
}

// versionOf is the version that a precondition is about.
func (c change) versionOf(by authz.Principal, p *past) events.Version {
	if c.version != nil {
		return c.version(by, p)
	}
	return p.version(p.main())
}

// maxLoad is how long it may take to read what a command is decided by. The
// server has limits of its own; this one also acts when nothing comes back.
const maxLoad = 5 * time.Second

func load(ctx context.Context, by authz.Principal, c change, p *past) error {
	ctx, cancel := context.WithTimeout(ctx, maxLoad)
	defer cancel()
	named, err := namedSupplier(ctx, by, c.needs, p)
	if err != nil {
		return err
	}
	if err := c.load(ctx, p); err != nil {
		return err
	}
	for s, history := range named {
		p.keep(s, history)
	}
	return nil
}

// namedSupplier reads the supplier that a super_admin names, who may name any:
// one that there is not is told before anything is looked for in it. Whoever
// else names one has authority in it, which says that it is there.
func namedSupplier(ctx context.Context, by authz.Principal, needs authz.Permission, p *past) (map[events.Stream][]events.Recorded, error) {
	if by.Tenant() == "" || !by.IsSuperAdmin() || needs.Own() {
		return nil, nil
	}
	found := &past{reader: p.reader, attempt: p.attempt}
	s := events.SupplierStream(by.Tenant())
	if err := found.read(ctx, s); err != nil {
		return nil, err
	}
	if !foldSupplier(found.of(s)).exists {
		return nil, fault.At("header.tenant", "unknown_reference", "This supplier is unknown.")
	}
	return found.streams, nil
}

// append appends a decision, and with it states everything it rests on. If the
// process dies before the answer, the decision is in the log whole or not at
// all, and the caller knows of neither.
func (h *Handler) append(ctx context.Context, by authz.Principal, allowed events.AllowedBy, p *past, d decision) (Receipt, eventlog.Receipt, error) {
	c := eventlog.Command{
		Meta: h.meta(ctx, by, allowed), Take: d.take, Release: d.release, Add: d.add, Remove: d.remove, Seen: p.seen,
	}
	written := make(map[events.Stream]bool, len(d.writes))
	for _, w := range d.writes {
		written[w.stream] = true
		one := eventlog.Write{Stream: w.stream, Expected: p.version(w.stream)}
		for _, payload := range w.events {
			one.Events = append(one.Events, eventlog.Event{ID: h.NewID(), Payload: payload})
		}
		c.Writes = append(c.Writes, one)
	}
	for _, s := range p.order {
		if !written[s] {
			c.Reads = append(c.Reads, eventlog.Read{Stream: s, Version: p.version(s)})
		}
	}
	for _, f := range by.Facts() {
		_, loaded := p.streams[f.Stream]
		switch {
		case loaded && p.version(f.Stream) != f.Version:
			return Receipt{}, eventlog.Receipt{}, &eventlog.MovedError{Stream: f.Stream, Expected: f.Version, Actual: p.version(f.Stream)}
		case !loaded && !written[f.Stream]:
			c.Reads = append(c.Reads, eventlog.Read{Stream: f.Stream, Version: f.Version})
		}
	}
	var err error
	if c.Idempotency, err = h.remembered(by, p, c.Writes); err != nil {
		return Receipt{}, eventlog.Receipt{}, err
	}
	r, err := h.Appender.Append(ctx, c)
	if err != nil || r.Replayed {
		return Receipt{}, r, err
	}
	return p.receipt(c, r), r, nil
}

// meta says who did it, by what right and from where.
func (h *Handler) meta(ctx context.Context, by authz.Principal, allowed events.AllowedBy) events.Meta {
	o, _ := ctx.Value(originKey{}).(Origin)
	if o.CorrelationID == "" {
		o.CorrelationID = o.RequestID
	}
	if o.CorrelationID == "" {
		o.CorrelationID = h.NewID().String()
	}
	return events.Meta{
		Actor: by.UserID(), System: by.SystemReason(), Principal: by.Kind(),
		CorrelationID: o.CorrelationID, RequestID: o.RequestID, IP: o.IP, UserAgent: o.UserAgent,
		Traceparent: o.Traceparent, AllowedBy: &allowed,
	}
}

func restsOn(by authz.Principal, s events.Stream) bool {
	for _, f := range by.Facts() {
		if f.Stream == s {
			return true
		}
	}
	return false
}

// reload loads authority until it is as new as what has moved. Authority that
// is gone is a Denied fault.
func (h *Handler) reload(ctx context.Context, by authz.Principal, moved *eventlog.MovedError) (authz.Principal, error) {
	within, cancel := context.WithTimeout(ctx, maxReload)
	defer cancel()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
		fresh, err := h.Reload(ctx, by)
		if err != nil {
			return by, fmt.Errorf("commands: load authority again: %w", err)
		}
		if !fresh.Known() {
			return fresh, authorityLost()
		}
		// What it knows may have been the newer one: then what was read of the
		// stream was old, and the next attempt reads it again. What it does not
		// know any more has ended.
		if now := fresh.VersionOf(moved.Stream); now >= moved.Actual || now == 0 {
			return fresh, nil
		}
		if pause(within, wait) != nil {
			return by, &fault.Fault{
				Kind: fault.Unavailable, Code: "authority_behind", RetryAfter: time.Second,
				Text: "The present authority of the caller is not known yet. Nothing was changed; try again.",
			}
		}
	}
}

// explain makes a caller's fault of what an append answered.
func explain(err error, c change) error {
	var taken *eventlog.TakenError
	switch {
	case errors.As(err, &taken):
		if f := c.taken[taken.Kind]; f != nil {
			return f
		}
		return fmt.Errorf("commands: %w", err)
	case errors.Is(err, eventlog.ErrKeyReused):
		return keyReused()
	case errors.Is(err, eventlog.ErrUnknownOutcome):
		return fmt.Errorf("%w: %w", &fault.Fault{
			Kind: fault.Unavailable, Code: "outcome_unknown", RetryAfter: time.Second,
			Text: "The event log did not answer in time. The change may have been made or not; look before trying again.",
		}, err)
	case errors.Is(err, eventlog.ErrUnavailable):
		return fmt.Errorf("%w: %w", &fault.Fault{
			Kind: fault.Unavailable, Code: "log_unavailable", RetryAfter: time.Second,
			Text: "The event log cannot be reached. Nothing was changed; try again.",
		}, err)
	case errors.Is(err, eventlog.ErrRefused):
		return fmt.Errorf("%w: %w", fault.New(fault.Invalid, "not_storable", "The event log cannot hold this as it is."), err)
	case fault.As(err) != nil:
		return err
	default:
		return fmt.Errorf("commands: %w", err)
	}
}

func contended() *fault.Fault {
	return &fault.Fault{
		Kind: fault.Unavailable, Code: "contended", RetryAfter: time.Second,
		Text: "Too many others change the same thing at once. Nothing was changed; try again.",
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
