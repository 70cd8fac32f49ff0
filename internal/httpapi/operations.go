package httpapi

import (
	"context"
	"net/http"

	"tenure/internal/authz"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/projections"
)

type projectionBody struct {
	Name        string          `json:"name"`
	Version     int             `json:"version"`
	Generation  int             `json:"generation"`
	Position    events.Position `json:"position"`
	LagEvents   int64           `json:"lag_events"`
	LagSeconds  float64         `json:"lag_seconds"`
	Parked      []parkedBody    `json:"parked" doc:"The first 100."`
	ParkedCount int64           `json:"parked_count"`
	LastError   *string         `json:"last_error"`
}

// parkedBody is a document to which an event could not be applied.
type parkedBody struct {
	Key      string          `json:"key"`
	Position events.Position `json:"position"`
	Error    string          `json:"error"`
}

type projectionsBody struct {
	Items []projectionBody `json:"items"`
}

type projectionsAnswer struct{ Body projectionsBody }

// routeOperations offers how the read models fare.
func (s *Server) routeOperations(a *api) {
	op := operations(s.Prefix, "operations")
	route(a, may(authz.ReadOperations), readsFrom(op("list-projections", http.MethodGet, "/operations/projections", "How the read models fare")), s.listProjections)
}

func (s *Server) listProjections(ctx context.Context, _ caller, _ *nothing) (*projectionsAnswer, error) {
	body := projectionsBody{Items: []projectionBody{}}
	for _, p := range s.Projections(ctx, s.lagOf) {
		if p.State != projections.IsLive {
			continue // nobody is answered from it; projector status tells of it
		}
		body.Items = append(body.Items, projectionBody{
			Name: p.Name, Version: p.Version, Generation: p.Generation, Position: p.At.Position,
			LagEvents: p.Lag.Events, LagSeconds: p.Lag.For.Seconds(), Parked: showParked(p.Parked), ParkedCount: p.ParkedCount,
			LastError: textOrNull(p.LastError),
		})
	}
	return &projectionsAnswer{body}, nil
}

func showParked(all []projections.ParkedDocument) []parkedBody {
	bodies := make([]parkedBody, len(all))
	for i, p := range all {
		bodies[i] = parkedBody(p)
	}
	return bodies
}

// lagOf is how far the log is ahead of a place: in events, and since when.
func (s *Server) lagOf(ctx context.Context, at events.Mark) (projections.Lag, error) {
	head, err := eventlog.Head(ctx, s.Log)
	if err != nil || head.Position <= at.Position {
		return projections.Lag{}, err
	}
	lag := projections.Lag{Events: int64(head.Position - at.Position)}
	missing, err := eventlog.ReadBatch(ctx, s.Log, at, eventlog.Filter{Limit: 1})
	if err == nil && len(missing.Events) > 0 {
		lag.For = max(0, s.Now().Sub(missing.Events[0].RecordedAt))
	}
	return lag, err
}
