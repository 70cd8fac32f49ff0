package docstore

import (
	"context"
	"sync/atomic"
	"testing"

	"tenure/internal/testkit"
)

// To count is to ask once more, and is done only when the page cannot tell.
func TestTheStoreCountsOnlyWhatAPageDoesNotTell(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	m, err := OpenMongo(t.Context(), testkit.MongoURL(t), func(_ context.Context, command string) func(error) {
		if command == "find" || command == "aggregate" {
			asked.Add(1)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(context.Background()) })
	c := In[note](m, notes)
	if _, err := c.Insert(t.Context(), []Document[note]{doc("a", 1, 0, "one"), doc("b", 2, 0, "two")}); err != nil {
		t.Fatal(err)
	}
	order := Order{By: Text("text")}
	nobody := []Condition{KeyIn([]Key{"z"})}
	for name, tt := range map[string]struct {
		q     Query
		items int
		total int64
		asks  int32
	}{
		"all on one page":       {Query{Order: order, Limit: 10}, 2, 2, 1},
		"more to come":          {Query{Order: order, Limit: 1}, 1, 2, 2},
		"the last page":         {Query{Order: order, Limit: 1, Skip: 1}, 1, 2, 1},
		"beyond the last":       {Query{Order: order, Limit: 1, Skip: 5}, 0, 2, 2},
		"nothing that there is": {Query{Where: nobody, Order: order, Limit: 10}, 0, 0, 1},
	} {
		asked.Store(0)
		found, err := c.List(t.Context(), all(), tt.q)
		if err != nil || len(found.Items) != tt.items || found.Total != tt.total || asked.Load() != tt.asks {
			t.Errorf("%s: %d items of %d, asked %d times, %v; want %d of %d, asked %d times",
				name, len(found.Items), found.Total, asked.Load(), err, tt.items, tt.total, tt.asks)
		}
	}
}
