package feed

import (
	"errors"

	"tenure/internal/events"
)

// page is the row that Watermill is given.
type page struct {
	former *int64 // the newest offset in the table; nil: none
	batch  events.Batch
}

// rows is a result of one page or none: Watermill's Rows.
type rows struct {
	page *page
	more bool
}

// Next tells whether there is a row that was not read yet.
func (r *rows) Next() bool {
	more := r.more
	r.more = false
	return more
}

// Scan hands over the page itself; nothing is copied.
func (r *rows) Scan(into ...any) error {
	if to, ok := into[0].(**page); ok && len(into) == 1 {
		*to = r.page
		return nil
	}
	return errors.New("feed: a row of the log is scanned into one page")
}

// Close does nothing.
func (r *rows) Close() error { return nil }
