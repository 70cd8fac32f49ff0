package eventlog

import (
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"tenure/internal/events"
)

// columns are those that a scanner scans.
const columns = `position, tenant_id, stream_type, stream_id, version, event_id, type, schema, data, meta, recorded_at`

const (
	dataColumn = 8
	metaColumn = 9
)

// scanner reads rows of columns. What it does with each row is most of what
// reading the log costs, so it scans all into the same places, of types that
// the driver knows, and decodes JSON where the driver received it.
type scanner struct {
	rows                         pgx.Rows
	into                         []any
	position, version            int64
	tenant, kind, streamID, name string
	id                           [16]byte
	schema                       int
	at                           time.Time
}

// newScanner reads what follows the columns into more.
func newScanner(rows pgx.Rows, more ...any) *scanner {
	s := &scanner{rows: rows}
	s.into = append([]any{
		&s.position, &s.tenant, &s.kind, &s.streamID, &s.version, &s.id,
		&s.name, &s.schema, nil, nil, &s.at,
	}, more...)
	return s
}

// event reads the row at which rows stand. Raw keeps the bytes of its payload.
func (s *scanner) event(raw bool) (e events.Recorded, err error) {
	if err := s.rows.Scan(s.into...); err != nil {
		return e, fmt.Errorf("eventlog: scan an event: %w", err)
	}
	e = events.Recorded{
		Position: events.Position(s.position), Version: events.Version(s.version),
		Stream: events.Stream{Tenant: events.TenantID(s.tenant), Type: events.StreamType(s.kind), ID: s.streamID},
		ID:     s.id, Type: s.name, Schema: s.schema, RecordedAt: s.at.UTC(),
	}
	values := s.rows.RawValues() // the driver's own; the next row overwrites them
	if e.Payload, err = events.Decode(e.Type, e.Schema, values[dataColumn]); err != nil {
		return e, fmt.Errorf("%w: %s at position %d: %w", ErrUndecodable, e.Type, e.Position, err)
	}
	if e.Meta, err = events.DecodeMeta(values[metaColumn]); err != nil {
		return e, fmt.Errorf("%w: the meta at position %d: %w", ErrUndecodable, e.Position, err)
	}
	if raw {
		e.Data = slices.Clone(values[dataColumn])
	}
	return e, nil
}
