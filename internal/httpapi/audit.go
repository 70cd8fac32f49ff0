package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tenure/internal/authz"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// The bounds of one page of the log.
const (
	auditLimit     = 100
	auditPositions = 10_000
	auditBytes     = 8 << 20
)

// ndjson is the media type of one event a line.
const ndjson = "application/x-ndjson"

type auditInput struct {
	Accept     string    `header:"Accept" hidden:"true"`
	After      int64     `query:"after" minimum:"0" maximum:"9007199254740991" doc:"Only what comes after this position."`
	Limit      int       `query:"limit" minimum:"1" maximum:"1000" doc:"At most so many; 100 when absent, and all of them as JSON lines."`
	StreamType string    `query:"stream_type" enum:"supplier,user,api_key"`
	StreamID   string    `query:"stream_id" maxLength:"255" doc:"The id of the thing."`
	Type       string    `query:"type" maxLength:"255" doc:"A type of event, such as user.created."`
	Actor      string    `query:"actor_id" format:"uuid"`
	From       time.Time `query:"from" doc:"Recorded at this time or later."`
	To         time.Time `query:"to" doc:"Recorded before this time."`
}

type auditEventInput struct {
	Position int64 `path:"position" minimum:"1" maximum:"9007199254740991"`
}

type auditEvent struct {
	Position   events.Position   `json:"position"`
	Tenant     events.TenantID   `json:"tenant_id" doc:"A supplier's id, or platform."`
	StreamType events.StreamType `json:"stream_type"`
	StreamID   string            `json:"stream_id"`
	Version    events.Version    `json:"version"`
	EventID    string            `json:"event_id" format:"uuid"`
	Type       string            `json:"type"`
	Schema     int               `json:"schema"`
	Data       json.RawMessage   `json:"data" doc:"The event as it stands in the log, but for hashes of keys."`
	RecordedAt time.Time         `json:"recorded_at"`
	Meta       auditMeta         `json:"meta"`
}

type auditMeta struct {
	Actor         *events.UserID       `json:"actor_id"`
	Principal     events.PrincipalKind `json:"principal" enum:"user,api_key,system"`
	CorrelationID string               `json:"correlation_id"`
	CausationID   *string              `json:"causation_id"`
	RequestID     *string              `json:"request_id"`
	IP            *string              `json:"ip"`
	UserAgent     *string              `json:"user_agent"`
	Traceparent   *string              `json:"traceparent"`
	AllowedBy     orNull[allowedBy]    `json:"allowed_by"`
}

// allowedBy is events.AllowedBy under a name of its own in the description.
type allowedBy events.AllowedBy

type auditList struct {
	Items     []auditEvent     `json:"items"`
	NextAfter *events.Position `json:"next_after" doc:"Where to go on, also when there are no items; null at the end."`
}

// auditAnswer is written by hand, as a page or as lines.
type auditAnswer struct{ Body func(huma.Context) }

type auditEventAnswer struct{ Body auditEvent }

// routeAudit offers the log to those who may read all of it.
func (s *Server) routeAudit(a *api) {
	op := operations(s.Prefix, "audit")
	list := op("list-events", http.MethodGet, "/audit/events", "Read the log")
	schema := func(t reflect.Type) *huma.MediaType {
		return &huma.MediaType{Schema: a.OpenAPI().Components.Schemas.Schema(t, true, "")}
	}
	list.Responses = map[string]*huma.Response{"200": {Description: "A page, or one event a line.", Content: map[string]*huma.MediaType{
		"application/json": schema(reflect.TypeFor[auditList]()),
		ndjson:             schema(reflect.TypeFor[auditEvent]()),
	}}}
	route(a, may(authz.ReadLog), readsFrom(list), s.listEvents)
	route(a, may(authz.ReadLog), readsFrom(op("get-event", http.MethodGet, "/audit/events/{position}", "One event", http.StatusNotFound)), s.getEvent)
}

func (s *Server) listEvents(ctx context.Context, by caller, in *auditInput) (*auditAnswer, error) {
	if in.Type != "" && !slices.Contains(events.Types(), in.Type) {
		return nil, invalid([]fault.Detail{{Location: "query.type", Message: "must be a type of event"}})
	}
	r, err := s.startReading(ctx, by, in)
	if err != nil {
		return nil, err
	}
	if accepts(in.Accept, ndjson) {
		return s.streamEvents(ctx, by, r, in.Limit)
	}
	page, err := r.page(ctx, cmp.Or(in.Limit, auditLimit))
	if err != nil {
		return nil, err
	}
	return &auditAnswer{func(out huma.Context) {
		out.SetHeader("Content-Type", "application/json")
		_ = json.NewEncoder(out.BodyWriter()).Encode(page) // the caller may be gone
	}}, nil
}

// filterOf is what of the log a request asks for.
func filterOf(in *auditInput) eventlog.Filter {
	f := eventlog.Filter{
		StreamType: events.StreamType(in.StreamType), StreamID: in.StreamID,
		Actor: events.UserID(in.Actor), Raw: true,
	}
	if in.Type != "" {
		f.Types = []string{in.Type}
	}
	return f
}

// logSightOf is what of the log a caller sees, in the words of those who store it:
// Postgres itself shows him nothing else.
func logSightOf(by caller) eventlog.Sight {
	s := by.LogScope()
	return eventlog.Sight{All: s.Everything(), Tenants: s.Tenants()}
}

func (s *Server) getEvent(ctx context.Context, by caller, in *auditEventInput) (*auditEventAnswer, error) {
	e, found, err := s.Audit.Event(ctx, logSightOf(by), events.Position(in.Position), true)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, eventNotFound()
	}
	shown, err := showEvent(by, e)
	return &auditEventAnswer{shown}, err
}

func eventNotFound() *fault.Fault {
	return fault.New(fault.NotFound, "event_not_found", "Event not found")
}
