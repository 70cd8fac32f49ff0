package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"tenure/internal/eventlog"
	"tenure/internal/events"
)

// reading is a walk along the log, from a place to one that is fixed when it
// begins, so that it ends however fast others append.
type reading struct {
	log    *eventlog.Auditor
	by     caller
	sight  eventlog.Sight
	filter eventlog.Filter
	at     events.Position
	end    events.Position
	done   bool
}

// startReading finds the first and the last place that a request asks for.
func (s *Server) startReading(ctx context.Context, by caller, in *auditInput) (*reading, error) {
	sight := logSightOf(by)
	head, err := s.Audit.Head(ctx, sight)
	if err != nil {
		return nil, err
	}
	after, end := events.Position(in.After), head.Position
	if !in.From.IsZero() {
		p, err := s.Audit.PositionAt(ctx, sight, in.From)
		if err != nil {
			return nil, err
		}
		after = max(after, p)
	}
	if !in.To.IsZero() {
		p, err := s.Audit.PositionAt(ctx, sight, in.To)
		if err != nil {
			return nil, err
		}
		end = min(end, p)
	}
	return &reading{log: s.Audit, by: by, sight: sight, filter: filterOf(in), at: after, end: end, done: after >= end}, nil
}

// next reads on, at most limit events. None may come back while there is more:
// one step covers a bounded part of the log.
func (r *reading) next(ctx context.Context, limit int) ([]events.Recorded, error) {
	f := r.filter
	f.Limit = limit
	page, err := r.log.Page(ctx, r.sight, r.at, f)
	if err != nil {
		return nil, err
	}
	found := page.Events
	for len(found) > 0 && found[len(found)-1].Position > r.end {
		found = found[:len(found)-1]
	}
	r.done = page.Through >= r.end || page.Through == r.at
	r.at = page.Through
	return found, nil
}

// page collects one page. It is cut short, with a place to go on, before it
// looks at too much of the log or holds too much of it.
func (r *reading) page(ctx context.Context, limit int) (auditList, error) {
	list := auditList{Items: []auditEvent{}}
	last, size := r.at+auditPositions, 0
	for !r.done && len(list.Items) < limit && r.at < last && size < auditBytes {
		found, err := r.next(ctx, min(limit-len(list.Items), eventlog.MaxAudited))
		if err != nil {
			return auditList{}, err
		}
		for _, e := range found {
			shown, err := showEvent(r.by, e)
			if err != nil {
				return auditList{}, err
			}
			list.Items, size = append(list.Items, shown), size+len(shown.Data)
		}
	}
	if !r.done {
		list.NextAfter = &r.at
	}
	return list, nil
}

// lineBatch bounds what is held of the log while it is written out as lines.
const lineBatch = 100

// streamEvents writes events as lines while it reads them, all there are when
// limit is 0. What fails before the first line is told as ever; afterwards the
// connection is broken, so that a part never looks like the whole.
func (s *Server) streamEvents(ctx context.Context, by caller, r *reading, limit int) (*auditAnswer, error) {
	var first []events.Recorded
	if !r.done {
		var err error
		if first, err = r.next(ctx, lines(limit, 0)); err != nil {
			return nil, err
		}
	}
	return &auditAnswer{func(out huma.Context) {
		out.SetHeader("Content-Type", ndjson)
		out.SetStatus(http.StatusOK)
		request, w := humamux.Unwrap(out)
		if request.Method == http.MethodHead {
			return
		}
		if err := writeLines(ctx, w, r, first, limit); err != nil {
			if ctx.Err() == nil {
				s.Logger.ErrorContext(ctx, "the log could not be read to its end", "error", err, "request_id", by.requestID)
			}
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// lines is how many events to read next.
func lines(limit, written int) int {
	if limit == 0 {
		return lineBatch
	}
	return min(limit-written, lineBatch)
}

func writeLines(ctx context.Context, w http.ResponseWriter, r *reading, found []events.Recorded, limit int) error {
	encoder := json.NewEncoder(w)
	for written := 0; ; {
		for _, e := range found {
			shown, err := showEvent(r.by, e)
			if err != nil {
				return err
			}
			if err := encoder.Encode(shown); err != nil {
				return err
			}
		}
		// A caller who reads as we write need not wait for a full buffer.
		if err := http.NewResponseController(w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		if written += len(found); r.done || limit > 0 && written >= limit {
			return nil
		}
		var err error
		if found, err = r.next(ctx, lines(limit, written)); err != nil {
			return err
		}
	}
}
