package projections

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

func TestWhatABatchDrops(t *testing.T) {
	t.Parallel()
	h := newHistory(1)
	h.user("ada", events.UserCreated{User: "ada"}, events.UserRenamed{User: "ada"})
	h.key("k1", events.APIKeyIssued{Key: "k1", User: "ada", Hash: "1.aa"})
	h.key("k1", events.APIKeyRevoked{Key: "k1", User: "ada", Hashes: []events.KeyHash{"1.aa"}})
	m, of := Authorities.Model(), dropsOf(Authorities)
	made := of(m, h.batch(0, 3, Authorities.Types()))
	want := []uint32{markOf("user/ada"), markOf("key/k1"), markOf("secret/1.aa")}
	if diff := cmp.Diff(want, made.Marks); diff != "" || made.Awaited || made.From != 0 || made.Through != 3 || made.model() != m {
		t.Errorf("what is new: %+v\n%s", made, diff)
	}
	if ended := of(m, h.batch(3, 4, Authorities.Types())); !ended.Awaited || ended.From != 3 || len(ended.Marks) != 2 {
		t.Errorf("what ends: %+v", ended)
	}
	both := made.and(of(m, h.batch(3, 4, Authorities.Types())))
	if both.From != 0 || both.Through != 4 || len(both.Marks) != 5 || both.All || !both.Awaited {
		t.Errorf("both: %+v", both)
	}
}

func TestWhatIsSaidTogether(t *testing.T) {
	t.Parallel()
	at := func(from, through events.Position, marks ...uint32) drops {
		return drops{Log: "l", From: from, Through: through, Marks: marks}
	}
	other := at(20, 20)
	other.Log = "m"
	many := at(20, 30, make([]uint32, maxDropped)...)
	all := func(from, through events.Position) drops {
		return drops{Log: "l", From: from, Through: through, All: true}
	}
	otherAll := other
	otherAll.All = true
	for name, tt := range map[string]struct{ former, next, want drops }{
		"one after the other":          {at(10, 20, 1), at(20, 30, 2), at(10, 30, 1, 2)},
		"a beat after it":              {at(10, 20, 1), at(20, 20), at(10, 20, 1)},
		"a beat from before it":        {at(10, 20, 1), at(10, 10), at(10, 20, 1)},
		"the same again":               {at(10, 20, 1), at(10, 20, 1), at(10, 20, 1, 1)},
		"somebody did what is between": {at(10, 20, 1), at(25, 30, 2), all(25, 30)},
		"folded again from the start":  {at(10, 20, 1), at(0, 5, 2), at(10, 20, 1, 2)},
		"too many to name":             {at(10, 20, 1), many, all(10, 30)},
		"another log":                  {at(10, 20, 1), other, otherAll},
		"all, and then one more":       {all(10, 20), at(20, 21, 3), all(10, 21)},
	} {
		if diff := cmp.Diff(tt.want, tt.former.and(tt.next)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Every type of event of authentication takes away but these.
func TestWhatTakesAway(t *testing.T) {
	t.Parallel()
	var not []string
	for name, takes := range takers(Authorities.Types()) {
		if !takes {
			not = append(not, name)
		}
	}
	slices.Sort(not)
	if got := strings.Join(not, " "); got != "api_key.issued supplier.created user.created user.default_role_changed user.renamed" {
		t.Errorf("these take nothing away: %s", got)
	}
}

func TestAMarkTellsNoHash(t *testing.T) {
	t.Parallel()
	seen := make(map[uint32]bool)
	for n := range 1000 {
		seen[markOf(docstore.Key(fmt.Sprint("user/", n)))%epochCount] = true
	}
	if len(seen) < 800 {
		t.Errorf("1000 documents share %d epochs", len(seen))
	}
}

// What is not in Redis yet, someone would read again in its former state.
func TestNothingIsDroppedBeforeItIsWritten(t *testing.T) {
	t.Parallel()
	h := newHistory(1).user("ada", events.UserCreated{User: "ada"}, events.UserDisabled{User: "ada"})
	d, fails := newOutbox[drops](), errRaces
	b := dropping(&build{
		model: Authorities.Model(),
		fold: func(context.Context, events.Batch) (events.Mark, error) {
			if said := d.take(); len(said) > 0 {
				t.Errorf("it is said before the fold: %+v", said)
			}
			return h.mark(0), fails
		},
		beat: func(context.Context) (events.Mark, error) { return events.Mark{}, fails },
	}, d, dropsOf(Authorities))
	batch := h.batch(0, 2, Authorities.Types())
	_, _ = b.fold(t.Context(), batch)
	_, _ = b.beat(t.Context())
	if said := d.take(); len(said) > 0 {
		t.Errorf("what failed is said: %+v", said)
	}
	fails = nil
	if _, err := b.beat(t.Context()); err != nil || len(d.take()) > 0 {
		t.Errorf("a place that nobody knows is said, %v", err)
	}
	if _, err := b.fold(t.Context(), batch); err != nil {
		t.Error(err)
	}
	if said := d.take(); len(said) != 1 || said[0].Through != 2 || len(said[0].Marks) != 1 || !said[0].Awaited {
		t.Errorf("said %+v", said)
	}
}
