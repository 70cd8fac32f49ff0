package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"tenure/internal/commands"
	"tenure/internal/fault"
)

// handler answers a request whose shape is right and whose caller may ask.
type handler[I, O any] func(ctx context.Context, by caller, in *I) (*O, error)

// route is the only way to offer an operation. What must come before the
// handler runs as the operation's middlewares, in the order of the contract:
// size and type of the body by its headers, who is calling, where, whether he
// may, and only then the shape of path, query and body.
func route[I, O any](a *api, needs access, op huma.Operation, h handler[I, O]) {
	op.Middlewares = huma.Middlewares{a.named, a.headOfBody, a.gate(needs), a.shape}
	// The checks of shape above are stricter than huma's for these.
	op.SkipValidateParams = true
	// Ours has cut the body already; huma's limit must not cut it again.
	op.MaxBodyBytes = maxBody + 2
	op.Security, op.Errors = needs.documented(op)
	op.Parameters = append(op.Parameters, needs.headers(a.server.TenantHeader)...)
	if !needs.open || isCommand(&op) {
		op.Parameters = append(op.Parameters, conventional(op)...)
	}
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{} // huma adds to it
	}
	huma.Register(a, op, func(ctx context.Context, in *I) (*O, error) {
		by, ok := callerFrom(ctx)
		if !ok {
			return nil, a.server.refuse(ctx, errors.New("httpapi: a request passed the gate without a caller"), "")
		}
		out, err := h(ctx, by, in)
		if err != nil {
			by.reply.sayShown()
			return nil, a.server.refuse(ctx, err, by.requestID)
		}
		by.reply.say(out)
		return out, nil
	})
	if !needs.open || isCommand(&op) {
		describeReplies(op, tagOfAnswer(new(O)) != "")
	}
}

// gate finds out who is calling and where, and lets him through when he does
// not ask too often and needs says so.
func (a *api) gate(needs access) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humamux.Unwrap(ctx)
		c, err := a.callerOf(ctx, needs, r)
		if err == nil {
			err = a.count(r.Context(), ctx.Operation(), c)
		}
		if err == nil && !needs.open {
			err = needs.permit(c, ctx.Param)
		}
		if err != nil {
			a.server.refuse(r.Context(), err, requestIDOf(r)).write(w)
			return
		}
		next(huma.WithContext(ctx, c.known(commands.WithOrigin(ctx.Context(), originOf(r)))))
	}
}

// callerOf gives the caller, with the authority that he has at the place in the
// log that he names. Who is not known may be known there: his key may just have
// been made. But of such only a few wait at once, or they would take the place
// of those who are known.
func (a *api) callerOf(ctx huma.Context, needs access, r *http.Request) (caller, error) {
	c, err := a.identify(needs, r)
	if f := fault.As(err); f != nil && f.Kind == fault.Unauthenticated {
		select {
		case a.strangers <- struct{}{}:
			defer func() { <-a.strangers }()
		default:
			return caller{}, err
		}
	} else if err != nil {
		return caller{}, err
	}
	waited, late := a.authorityAt(ctx, needs)
	switch {
	case late != nil:
		return caller{}, late
	case waited:
		return a.identify(needs, r)
	default:
		return c, err
	}
}

// identify gives the caller; nobody, unasked, where anyone may come.
func (a *api) identify(needs access, r *http.Request) (caller, error) {
	c := caller{requestID: requestIDOf(r), nobody: needs.open}
	if needs.open {
		return c, nil
	}
	// Who cannot be known is told so first, whatever else is wrong.
	named, malformed := a.server.tenantOf(r)
	var err error
	if c.Principal, err = a.server.Identity(r.Context(), r, named); err != nil {
		return caller{}, err
	}
	if !c.Known() {
		return caller{}, fault.New(fault.Unauthenticated, "unauthenticated", "Nobody knows who is calling.")
	}
	return c, malformed
}
