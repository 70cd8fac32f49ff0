package projections

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"tenure/internal/docstore"
	"tenure/internal/fault"
)

// cursor is where the next page of a list begins. Callers carry it, and make
// nothing of it. It lets nobody see more: what a list shows is bounded by its
// scope, wherever it begins.
type cursor struct {
	// Of is the list that it is from, with its order.
	Of     []byte         `json:"of"`
	Number int            `json:"n"` // of the page that it leads to
	After  docstore.Place `json:"after"`
}

// cursorCode refuses all spellings of a cursor but one.
var cursorCode = base64.RawURLEncoding.Strict()

// print names a list with its order, in few bytes.
func (p Page) print(model, sort string) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", model, sort, p.List))
	return sum[:12]
}

// next is the cursor of the page after one that ends at a place; none when it
// ends nowhere.
func (p Page) next(model, sort string, number int, last *docstore.Place) (string, error) {
	if last == nil {
		return "", nil
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(cursor{p.print(model, sort), number + 1, *last}); err != nil {
		return "", fmt.Errorf("projections: %w", err)
	}
	return cursorCode.EncodeToString(bytes.TrimSpace(text.Bytes())), nil
}

// cursor reads the page's cursor. It fails with an Invalid fault for what is
// none, and for one of another list.
func (p Page) cursor(model, sort string) (cursor, error) {
	var c cursor
	data, err := cursorCode.DecodeString(p.Cursor)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	switch {
	case err != nil || c.Number < 2 || c.After == (docstore.Place{}):
		return cursor{}, fault.At("query.cursor", "cursor_malformed", "This is no cursor of a list.")
	case !bytes.Equal(c.Of, p.print(model, sort)):
		return cursor{}, fault.At("query.cursor", "cursor_foreign", "This cursor is of a list with other filters or another order.")
	case p.Number != 0:
		return cursor{}, fault.At("query.page", "page_and_cursor", "A page is asked for by its number or by a cursor, not by both.")
	}
	return c, nil
}
