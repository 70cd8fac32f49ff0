package docstore

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/google/uuid"

	"tenure/internal/authz"
	"tenure/internal/events"
	"tenure/internal/testkit"
)

// note is a small document.
type note struct {
	Text string `bson:"text" json:"text"`
}

var notes = Model{Projection: "notes", Version: 1, Generation: 1}

// all is a scope that sees everything.
func all() authz.Scope { return authz.SystemScope("test") }

func testMongo(t *testing.T) *Mongo {
	t.Helper()
	m, err := OpenMongo(t.Context(), testkit.MongoURL(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(context.Background()) })
	return m
}

func testRedis(t *testing.T) *Redis {
	t.Helper()
	url, prefix := testkit.RedisURL(t)
	r, err := OpenRedis(t.Context(), url, RedisOptions{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// at is a place in a log.
func at(p events.Position) events.Mark {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[8:], uint64(p))
	return events.Mark{Log: events.LogID{15: 1}, Position: p, Event: id}
}

// doc is a document at a position, over the one that was loaded at another.
func doc(k Key, position, loaded events.Position, text string) Document[note] {
	return Document[note]{
		Key: k, Position: position, Loaded: loaded, Body: &note{text},
		Tags: authz.Tags{Tenants: []events.TenantID{"acme"}, Owner: "ada"}, Texts: map[string]string{"text": text},
	}
}
