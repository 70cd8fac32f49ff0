package httpapi

import (
	"net/url"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
	"github.com/gorilla/mux"

	"tenure/internal/fault"
)

// shape refuses what no handler should have to think about: paths, queries
// and bodies that are not exactly of the form that the operation describes.
// huma takes a good deal more than it describes.
func (a *api) shape(ctx huma.Context, next func(huma.Context)) {
	r, w := humamux.Unwrap(ctx)
	details := a.checkPath(ctx)
	values, wrong := a.checkQuery(r.URL.RawQuery, ctx.Operation())
	details = append(details, wrong...)
	// What was checked is what is parsed: huma reads some encodings otherwise.
	r.URL.RawQuery = values.Encode()

	body, wrong, err := a.checkBody(w, r, ctx.Operation())
	if err != nil {
		a.server.refuse(r.Context(), err, requestIDOf(r)).write(w)
		return
	}
	by, _ := callerFrom(ctx.Context()) // route refuses who has none
	details = append(append(details, wrong...), a.conventions(ctx, &by, body)...)
	if len(details) > 0 {
		newProblem(invalid(details), requestIDOf(r)).write(w)
		return
	}
	if err := a.caughtUp(ctx.Context(), ctx.Operation(), by); err != nil {
		a.server.refuse(r.Context(), err, requestIDOf(r)).write(w)
		return
	}
	next(huma.WithContext(ctx, by.known(ctx.Context())))
}

// invalid is the fault of a request whose shape is wrong in these places.
func invalid(details []fault.Detail) *fault.Fault {
	return &fault.Fault{Kind: fault.Invalid, Code: "invalid", Text: "The request is not acceptable.", Details: details}
}

// named decodes the variables of the path, once, in place. The router matches
// the encoded path, so that an encoded slash does not make another path.
// What cannot be decoded stays as it is and is refused with the shape.
func (a *api) named(ctx huma.Context, next func(huma.Context)) {
	r, _ := humamux.Unwrap(ctx)
	vars := mux.Vars(r)
	for name, raw := range vars {
		if plain, err := url.PathUnescape(raw); err == nil {
			vars[name] = plain
		}
	}
	next(ctx)
}

// checkPath checks the variables of the path against what the operation says
// of them, and gives ids the one form in which they are known.
func (a *api) checkPath(ctx huma.Context) []fault.Detail {
	r, _ := humamux.Unwrap(ctx)
	vars := mux.Vars(r)
	var details []fault.Detail
	for _, p := range ctx.Operation().Parameters {
		if p.In != "path" {
			continue
		}
		value, wrong := checkParam(p.Schema, vars[p.Name])
		if wrong != "" {
			details = append(details, fault.Detail{Location: "path." + p.Name, Message: wrong})
			continue
		}
		vars[p.Name] = value
	}
	return details
}
