package testkit

import (
	"context"
	"net/url"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// MongoURL names a database of the test's own and drops it at the end.
func MongoURL(t testing.TB) string {
	t.Helper()
	server := storeURL(t, "TENURE_TEST_MONGO_URL")
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("TENURE_TEST_MONGO_URL is not a URL: %v", err)
	}
	name := databaseName("tenure_test")
	u.Path = "/" + name
	t.Cleanup(func() {
		ctx := context.Background() // the test's own has ended
		client, err := mongo.Connect(options.Client().ApplyURI(server))
		if err != nil {
			t.Errorf("testkit: %v", err)
			return
		}
		if err := client.Database(name).Drop(ctx); err != nil {
			t.Errorf("testkit: drop the test's database: %v", err)
		}
		if err := client.Disconnect(ctx); err != nil {
			t.Errorf("testkit: %v", err)
		}
	})
	return u.String()
}
