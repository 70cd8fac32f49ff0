package httpapi

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"tenure/internal/fault"
)

// maxBody is how long a body may be.
const maxBody = 1 << 20

// headOfBody refuses a body by what its headers say of it, before anybody
// asks who is calling.
func (a *api) headOfBody(ctx huma.Context, next func(huma.Context)) {
	r, w := humamux.Unwrap(ctx)
	var f *fault.Fault
	switch {
	case r.ContentLength > maxBody:
		f = tooLarge()
	case r.ContentLength != 0 && ctx.Operation().RequestBody != nil && !isJSON(r.Header):
		newUnsupported(requestIDOf(r)).write(w)
		return
	default:
		next(ctx)
		return
	}
	newProblem(f, requestIDOf(r)).write(w)
}

func tooLarge() *fault.Fault {
	return fault.New(fault.TooLarge, "body_too_large", "The body is over the limit of 1 MiB (1048576 bytes).")
}

// newUnsupported is the one status that is about HTTP alone, so no fault has it.
func newUnsupported(requestID string) *problem {
	return bare(http.StatusUnsupportedMediaType, "media_type", "The body must be application/json in UTF-8.", requestID)
}

// bare is a problem that no fault stands behind.
func bare(status int, code, detail, requestID string) *problem {
	p := newProblem(fault.New(fault.Internal, code, detail), requestID)
	p.Status, p.Title = status, http.StatusText(status)
	return p
}

// isJSON tells whether the headers announce JSON in the one encoding that
// JSON has. Two content types are none.
func isJSON(h http.Header) bool {
	values := h.Values("Content-Type")
	if len(values) != 1 {
		return false
	}
	media, params, err := mime.ParseMediaType(values[0])
	if err != nil || media != "application/json" {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}

// checkBody reads the body, if the operation takes one, and checks it against
// the operation's schema as far as huma does not. It leaves what it read for
// huma, and gives it. It fails when the body is over the limit or does not arrive.
func (a *api) checkBody(w http.ResponseWriter, r *http.Request, op *huma.Operation) ([]byte, []fault.Detail, error) {
	if op.RequestBody == nil {
		return nil, nil, nil
	}
	data, err := a.readBody(w, r)
	if err != nil {
		return nil, nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	if len(bytes.TrimLeft(data, " \t\r\n")) > 0 {
		return data, checkJSON(data, a.OpenAPI().Components.Schemas, op.RequestBody.Content["application/json"].Schema), nil
	}
	if op.RequestBody.Required {
		return nil, []fault.Detail{{Location: "body", Message: "a body is needed"}}, nil
	}
	r.Body = http.NoBody
	return nil, nil, nil
}

// readBody reads no more than the limit and waits no longer than its time, so
// that a caller who sends nothing holds nothing.
func (a *api) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	// Not every writer has a deadline to set; a server's has.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(a.patience))
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var cut *http.MaxBytesError
	switch {
	case err == nil:
		return data, nil
	case errors.As(err, &cut):
		return nil, tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fault.At("body", "body_late", "The body did not arrive in time.")
	default:
		return nil, fault.At("body", "body_broken", "The body could not be read.")
	}
}
