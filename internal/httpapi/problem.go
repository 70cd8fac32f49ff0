package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"tenure/internal/fault"
)

// problemType is the media type of every error (RFC 9457).
const problemType = "application/problem+json"

// maxDetails bounds how many places one answer names. A body of a megabyte can
// be wrong in half a million.
const maxDetails = 100

// problem is the body of every error. It holds fixed texts and names of
// places, never a value that was sent.
type problem struct {
	Type      string          `json:"type" example:"about:blank"`
	Title     string          `json:"title" doc:"The status in words." example:"Unprocessable Entity"`
	Status    int             `json:"status" example:"422"`
	Detail    string          `json:"detail" doc:"What happened, for people." example:"The request is not acceptable."`
	Code      string          `json:"code" doc:"What happened, for programs. Permanent." example:"invalid"`
	RequestID string          `json:"request_id" doc:"The X-Request-ID of the answer."`
	Errors    []problemDetail `json:"errors,omitempty" nullable:"false" doc:"The places of a 422."`

	headers http.Header
}

// problemDetail is one place in a request and what is wrong there.
type problemDetail struct {
	Location string `json:"location" example:"body.email"`
	Message  string `json:"message" example:"must be an e-mail address"`
}

// newProblem gives the problem that tells of f to the caller of one request.
func newProblem(f *fault.Fault, requestID string) *problem {
	status := statusOf(f.Kind)
	p := &problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: f.Text, Code: f.Code, RequestID: requestID, headers: http.Header{},
	}
	for _, d := range f.Details[:min(len(f.Details), maxDetails)] {
		p.Errors = append(p.Errors, problemDetail{Location: d.Location, Message: d.Message})
	}
	if f.RetryAfter > 0 {
		p.headers.Set("Retry-After", wholeSeconds(f.RetryAfter))
	}
	if f.Kind == fault.Unauthenticated {
		p.headers.Set("WWW-Authenticate", "Bearer")
	}
	return p
}

// wholeSeconds rounds up: a caller that comes back too early is refused again.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// Error is the detail. A problem is returned to huma as an error.
func (p *problem) Error() string { return p.Detail }

// GetStatus is the status that huma answers with.
func (p *problem) GetStatus() int { return p.Status }

// GetHeaders are what huma adds to the answer.
func (p *problem) GetHeaders() http.Header { return p.headers }

// ContentType is what huma answers instead of JSON's.
func (p *problem) ContentType(string) string { return problemType }

// write answers with p where huma is not in the way: before it has parsed
// anything, and where there is no operation at all.
func (p *problem) write(w http.ResponseWriter) {
	for name, values := range p.headers {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	// The caller may be gone; there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(p)
}
