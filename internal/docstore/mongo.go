package docstore

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
)

// How long a store may take before it counts as away.
const (
	readLimit  = 3 * time.Second
	writeLimit = 15 * time.Second
)

// Mongo is a database of read models.
type Mongo struct {
	client *mongo.Client
	db     *mongo.Database
}

// OpenMongo connects to the database that url names. It fails when the server
// is not there within three seconds. Observe may be nil.
func OpenMongo(ctx context.Context, url string, observe Observer) (*Mongo, error) {
	parsed, err := connstring.ParseAndValidate(url)
	if err != nil {
		return nil, fmt.Errorf("docstore: the MongoDB URL: %w", err)
	}
	if parsed.Database == "" {
		return nil, fmt.Errorf("docstore: the MongoDB URL names no database")
	}
	client, err := mongo.Connect(mongoOptions(url, observe))
	if err != nil {
		return nil, fmt.Errorf("docstore: open MongoDB: %w", err)
	}
	m := &Mongo{client: client, db: client.Database(parsed.Database)}
	if err := m.Ping(ctx); err != nil {
		_ = client.Disconnect(context.WithoutCancel(ctx)) // the outage is what counts
		return nil, err
	}
	return m, nil
}

// mongoOptions rule out whatever the URL says: reading from a secondary, which
// may be behind the checkpoint that was waited for; reading what a fail-over
// can take back, on which a checkpoint would then stand; and acknowledging a
// write that a fail-over or a power cut can take back.
func mongoOptions(url string, observe Observer) *options.ClientOptions {
	journal := true
	return options.Client().ApplyURI(url).
		SetReadPreference(readpref.Primary()).
		SetReadConcern(readconcern.Majority()).
		SetWriteConcern(&writeconcern.WriteConcern{W: writeconcern.WCMajority, Journal: &journal}).
		SetServerSelectionTimeout(readLimit).
		SetConnectTimeout(readLimit).
		SetMonitor(monitor(observe))
}

// Ping tells whether the primary answers.
func (m *Mongo) Ping(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	if err := m.client.Ping(limited, readpref.Primary()); err != nil {
		return failed(ctx, "ping MongoDB", err)
	}
	return nil
}

// Close ends all connections.
func (m *Mongo) Close(ctx context.Context) error {
	if err := m.client.Disconnect(ctx); err != nil {
		return fmt.Errorf("docstore: close MongoDB: %w", err)
	}
	return nil
}
