package projections

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/fault"
)

// The bounds of a page (api.md, "Lists").
const (
	defaultSize = 10
	maxSize     = 100
	maxNumber   = 100_000
)

// Page is a part of a list.
type Page struct {
	// Number counts from 1; 0 is 1.
	Number int
	// Size is at most 100; 0 is 10.
	Size int
	// Sort is a field from the list's allow list, with "-" before it to
	// descend; empty is the list's own order. The id always decides last.
	Sort string
	// Cursor is that of the page before; empty for none. It counts instead of
	// Number.
	Cursor string
	// List names the list with everything that narrows it but the page. A
	// cursor counts in the list that it is from.
	List string
}

// Listing is a page of what a scope sees.
type Listing[T any] struct {
	Items []T
	// Total is how many there are on all pages.
	Total int64
	// Number is that of the page.
	Number int
	// Next is the cursor of the next page; empty when this is the last.
	Next string
}

// UserSorts are the fields that a list of users can be ordered by.
func UserSorts() []string { return slices.Sorted(maps.Keys(userSorts)) }

// SupplierSorts are the fields that a list of suppliers can be ordered by.
func SupplierSorts() []string { return slices.Sorted(maps.Keys(supplierSorts)) }

// APIKeySorts are the fields that a list of API keys can be ordered by.
func APIKeySorts() []string { return slices.Sorted(maps.Keys(apiKeySorts)) }

// get reads one document of p.
func get[T any](ctx context.Context, m *docstore.Mongo, live Live, p Projection[T], s authz.Scope, key docstore.Key) (T, error) {
	p, err := p.resolve(live)
	if err != nil {
		var none T
		return none, err
	}
	found, err := docstore.In[T](m, p.Model()).Get(ctx, s, key)
	return p.shown(found), err
}

// list reads a page of p. Sorts is the allow list, and own the list's order.
func list[T any](ctx context.Context, m *docstore.Mongo, live Live, p Projection[T], s authz.Scope, where []docstore.Condition,
	page Page, sorts map[string]docstore.Field, own string,
) (Listing[T], error) {
	q, number, err := page.query(p.Name, sorts, own)
	if err != nil {
		return Listing[T]{}, err
	}
	q.Where = where
	if p, err = p.resolve(live); err != nil {
		return Listing[T]{}, err
	}
	found, err := docstore.In[T](m, p.Model()).List(ctx, s, q)
	if err != nil {
		return Listing[T]{}, err
	}
	next, err := page.next(p.Name, cmp.Or(page.Sort, own), number, found.Last)
	return Listing[T]{p.allShown(found.Items), found.Total, number, next}, err
}

// query is the page as its store knows it, with its number.
func (p Page) query(model string, sorts map[string]docstore.Field, own string) (docstore.Query, int, error) {
	number, size, sort := cmp.Or(p.Number, 1), cmp.Or(p.Size, defaultSize), cmp.Or(p.Sort, own)
	name, down := strings.CutPrefix(sort, "-")
	field, known := sorts[name]
	switch {
	case !known:
		return docstore.Query{}, 0, fault.At("query.order_by", "unknown_order", "The list cannot be ordered by this.")
	case number < 1 || number > maxNumber:
		return docstore.Query{}, 0, fault.At("query.page", "out_of_range", "The page must be between 1 and 100000.")
	case size < 1 || size > maxSize:
		return docstore.Query{}, 0, fault.At("query.page_size", "out_of_range", "The page size must be between 1 and 100.")
	}
	q := docstore.Query{Order: docstore.Order{By: field, Down: down}, Limit: size}
	if p.Cursor == "" {
		q.Skip = (number - 1) * size
		return q, number, nil
	}
	c, err := p.cursor(model, sort)
	q.After = &c.After
	return q, c.Number, err
}

// common are the conditions that every list knows.
func common[ID ~string](ids []ID, search string) []docstore.Condition {
	var all []docstore.Condition
	if ids != nil {
		all = append(all, docstore.KeyIn(keys(ids)))
	}
	if search != "" {
		all = append(all, docstore.Search(search))
	}
	return all
}

func keys[ID ~string](ids []ID) []docstore.Key {
	all := make([]docstore.Key, len(ids))
	for i, id := range ids {
		all[i] = docstore.Key(id)
	}
	return all
}
