package programs_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/projections"
	"tenure/internal/testkit"
)

// check compares what the clients were told, the log, and what was folded.
func (h *hunt) check() {
	h.t.Helper()
	history := h.history()
	recorded := h.checkCommands(history)
	h.t.Logf("%d commands: %d acknowledged, of these %d again, %d recorded and not acknowledged; %d events",
		len(h.journal.said), h.journal.acks.Load(), h.journal.replayed.Load(), recorded, len(history))
	h.caughtUp(events.Position(len(history)))
	streams := map[events.Stream][]events.Recorded{}
	for _, e := range history {
		streams[e.Stream] = append(streams[e.Stream], e)
	}
	h.checkUsers(streams)
	h.checkSuppliers(streams)
	h.checkKeys(streams)
	h.checkCallers(streams)
}

// history is the whole log, which must be dense, as each stream in it.
func (h *hunt) history() []events.Recorded {
	h.t.Helper()
	db := testkit.OpenPostgres(h.t, h.postgres.url, nil)
	var all []events.Recorded
	ids := map[events.EventID]bool{}
	versions := map[events.Stream]events.Version{}
	for at := (events.Mark{}); ; {
		page, err := eventlog.ReadBatch(h.t.Context(), db, at, eventlog.Filter{})
		if err != nil {
			h.t.Fatal(err)
		}
		if len(page.Events) == 0 {
			return all
		}
		for _, e := range page.Events {
			all = append(all, e)
			versions[e.Stream]++
			if e.Position != events.Position(len(all)) || e.Version != versions[e.Stream] || ids[e.ID] {
				h.t.Fatalf("%s at %d, version %d, where %d and %d were to be, or its id was there before", e.Type, e.Position, e.Version, len(all), versions[e.Stream])
			}
			ids[e.ID] = true
		}
		at = page.Through
	}
}

// checkCommands finds each acknowledged command in the log once, no refused one
// at all, and none twice. It tells how many are there whose client does not
// know.
func (h *hunt) checkCommands(history []events.Recorded) (unknown int) {
	h.t.Helper()
	found := map[string][]events.Recorded{}
	for _, e := range history {
		if e.Meta.RequestID != "" && e.Meta.Principal != events.BySystem {
			found[e.Meta.RequestID] = append(found[e.Meta.RequestID], e)
		}
	}
	for _, s := range h.journal.said {
		in := found[s.request]
		delete(found, s.request)
		if !s.acknowledged() {
			unknown += len(in)
		}
		switch {
		case s.acknowledged() && len(in) != 1, s.refused() && len(in) != 0, len(in) > 1:
			h.t.Errorf("%s, %s, was answered %d and is in the log %d times", s.request, s.makes, s.status, len(in))
		case len(in) == 1 && (in[0].Type != s.makes || s.stream != "" && in[0].Stream.ID != s.stream):
			h.t.Errorf("%s, %s of %q, is in the log as %s of %s", s.request, s.makes, s.stream, in[0].Type, in[0].Stream.ID)
		}
	}
	for request := range found {
		h.t.Errorf("%s is in the log and nobody sent it", request)
	}
	return unknown
}

// caughtUp waits until every read model says that it is at the end of the log.
func (h *hunt) caughtUp(head events.Position) {
	h.t.Helper()
	var answer struct {
		Items []struct {
			Name        string          `json:"name"`
			Position    events.Position `json:"position"`
			ParkedCount int             `json:"parked_count"`
		} `json:"items"`
	}
	testkit.Within(h.t, 30*time.Second, "every read model has reached the end of the log", func() bool {
		if h.read("/operations/projections", h.keys[0], &answer) != http.StatusOK || len(answer.Items) == 0 {
			return false
		}
		for _, p := range answer.Items {
			if p.ParkedCount != 0 {
				h.t.Fatalf("%s has parked %d documents", p.Name, p.ParkedCount)
			}
			if p.Position < head {
				return false
			}
		}
		return true
	})
}

// read asks the first API, and decodes what it answers with 200.
func (h *hunt) read(path, key string, into any) (status int) {
	h.t.Helper()
	status, text := get(h.t, *h.urls[0].Load()+"/api/v1"+path, key)
	if status == http.StatusOK && into != nil {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			h.t.Fatalf("%s: %q: %v", path, text, err)
		}
	}
	return status
}

// list reads all pages of a list, by id.
func list[T any](h *hunt, path, key string, id func(T) string) map[string]T {
	h.t.Helper()
	all := map[string]T{}
	for page := 1; ; page++ {
		var answer struct {
			Items      []T `json:"items"`
			TotalPages int `json:"total_pages"`
		}
		if status := h.read(path+"?page_size=100&page="+strconv.Itoa(page), key, &answer); status != http.StatusOK {
			h.t.Fatalf("%s: %d", path, status)
		}
		for _, item := range answer.Items {
			if _, twice := all[id(item)]; twice {
				h.t.Errorf("%s has %s twice", path, id(item))
			}
			all[id(item)] = item
		}
		if page >= answer.TotalPages {
			return all
		}
	}
}

// user is what both the API and the log say of one.
type user struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Name      string    `json:"name"`
	Role      string    `json:"role"`
	Status    string    `json:"status"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Version   int       `json:"version"`
}

func (h *hunt) checkUsers(streams map[events.Stream][]events.Recorded) {
	h.t.Helper()
	want := map[string]user{}
	for stream, past := range streams {
		if u := projections.FoldUser(past); stream.Type == events.UserStreams && u.ID != "" {
			want[string(u.ID)] = user{string(u.ID), u.Email, u.Name, string(u.Role), string(u.Status), u.CreatedAt, u.UpdatedAt, int(u.Version)}
		}
	}
	if d := cmp.Diff(want, list(h, "/users", h.keys[0], func(u user) string { return u.ID })); d != "" {
		h.t.Errorf("the users are not what the log says (-log +list):\n%s", d)
	}
}

// supplier is what both the API and the log say of one.
type supplier struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Slug      string    `json:"slug"`
	LegalName string    `json:"legal_name"`
	Active    bool      `json:"is_active"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Version   int       `json:"version"`
}

func (h *hunt) checkSuppliers(streams map[events.Stream][]events.Recorded) {
	h.t.Helper()
	want := map[string]supplier{}
	for stream, past := range streams {
		if s := projections.FoldSupplier(past); stream.Type == events.SupplierStreams && s.ID != "" {
			want[string(s.ID)] = supplier{string(s.ID), s.Name, s.Slug, s.LegalName, s.Active, s.CreatedAt, s.UpdatedAt, int(s.Version)}
		}
	}
	if d := cmp.Diff(want, list(h, "/suppliers", h.keys[0], func(s supplier) string { return s.ID })); d != "" {
		h.t.Errorf("the suppliers are not what the log says (-log +list):\n%s", d)
	}
}

// apiKey is what both the API and the log say of one.
type apiKey struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Prefix    string    `json:"prefix"`
	LastFour  string    `json:"last_four"`
	CreatedAt time.Time `json:"created_at"`
}

func (h *hunt) checkKeys(streams map[events.Stream][]events.Recorded) {
	h.t.Helper()
	want := make([]map[string]apiKey, admins)
	for stream, past := range streams {
		k := projections.FoldAPIKey(past)
		for i, owner := range h.shared {
			if stream.Type == events.APIKeyStreams && string(k.User) == owner {
				if want[i] == nil {
					want[i] = map[string]apiKey{}
				}
				want[i][string(k.ID)] = apiKey{string(k.ID), k.Name, k.Prefix, k.LastFour, k.CreatedAt}
			}
		}
	}
	for i := range admins {
		if d := cmp.Diff(want[i], list(h, "/api-keys", h.keys[i], func(k apiKey) string { return k.ID })); d != "" {
			h.t.Errorf("the keys of an admin are not what the log says (-log +list):\n%s", d)
		}
	}
}

// checkCallers tries every key that a client was given: one that lives opens,
// one that was revoked does not. Where the client was told, the log must say
// the same; where he was not, the log decides.
func (h *hunt) checkCallers(streams map[events.Stream][]events.Recorded) {
	h.t.Helper()
	if len(h.journal.keys) == 0 {
		h.t.Error("no client was given a key")
	}
	for _, k := range h.journal.keys {
		live := projections.FoldAPIKey(streams[events.APIKeyStream(events.Platform, events.KeyID(k.id))]).ID != ""
		if !k.unsure && live == k.revoked {
			h.t.Errorf("key %s lives in the log: %t; its client was told that it is revoked: %t", k.id, live, k.revoked)
		}
		h.opens(k.plain, live)
	}
	doorman := projections.FoldUser(streams[events.UserStream(events.Platform, events.UserID(h.doorman.id))])
	h.opens(h.doorKey, doorman.Status != "disabled")
}

// opens waits until a key opens, or does not; a cache may remember for moments.
func (h *hunt) opens(key string, yes bool) {
	h.t.Helper()
	want := http.StatusUnauthorized
	if yes {
		want = http.StatusOK
	}
	testkit.Within(h.t, 10*time.Second, "a key is answered "+strconv.Itoa(want), func() bool { return h.read("/me", key, nil) == want })
}
