package httpapi

import (
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"tenure/internal/events"
	"tenure/internal/projections"
)

// Paging is what every list can be asked. It is exported since huma looks into
// exported parts only.
type Paging struct {
	Page     int      `query:"page" minimum:"1" maximum:"100000" default:"1"`
	Cursor   string   `query:"cursor" maxLength:"8192" doc:"The next_cursor of the page before, with the same filters and order; not with page."`
	PageSize int      `query:"page_size" minimum:"1" maximum:"100" default:"10"`
	OrderBy  string   `query:"order_by" maxLength:"64" doc:"A field of the list's; with - before it, descending."`
	Search   string   `query:"search" minLength:"0" maxLength:"200" doc:"A part of the text, in any case."`
	IDs      []string `query:"id__in,explode" format:"uuid" maxItems:"100" doc:"Only these. Repeatable."`

	list     string // which list it is of, with all that narrows it
	numbered bool   // a number was given
}

// Resolve is called by huma when the query was read. It notes which list it is
// that a cursor belongs to: the path, the supplier that the request names, the
// order and every filter.
func (p *Paging) Resolve(ctx huma.Context) []error {
	r, _ := humamux.Unwrap(ctx)
	by, _ := callerFrom(ctx.Context())
	values := r.URL.Query()
	p.numbered = values.Has("page")
	for _, name := range []string{"page", "page_size", "cursor"} {
		values.Del(name)
	}
	p.list = concretePath(r, ctx.Operation()) + " " + string(by.Tenant()) + " " + values.Encode()
	return nil
}

func (p Paging) page() projections.Page {
	page := projections.Page{Number: p.Page, Size: p.PageSize, Sort: p.OrderBy, Cursor: p.Cursor, List: p.list}
	if p.Cursor != "" && !p.numbered {
		page.Number = 0 // what stands there is the default
	}
	return page
}

// idsOf are the ids that a list was narrowed to; nil when it was not.
func idsOf[ID events.UserID | events.TenantID | events.KeyID](p Paging) []ID {
	if p.IDs == nil {
		return nil
	}
	ids := make([]ID, len(p.IDs))
	for i, id := range p.IDs {
		ids[i] = ID(id)
	}
	return ids
}

// listBody is the envelope of every list.
type listBody[T any] struct {
	Items      []T     `json:"items"`
	Total      int64   `json:"total"`
	Page       int     `json:"page"`
	PageSize   int     `json:"page_size"`
	TotalPages int64   `json:"total_pages"`
	NextCursor *string `json:"next_cursor"`
}

type listAnswer[T any] struct{ Body listBody[T] }

// listOf puts a page into the envelope.
func listOf[V, T any](p Paging, found projections.Listing[V], show func(V) T) *listAnswer[T] {
	body := listBody[T]{Items: make([]T, len(found.Items)), Total: found.Total, Page: found.Number, PageSize: p.PageSize, NextCursor: textOrNull(found.Next)}
	for i, item := range found.Items {
		body.Items[i] = show(item)
	}
	body.TotalPages = (found.Total + int64(p.PageSize) - 1) / int64(p.PageSize)
	return &listAnswer[T]{body}
}
