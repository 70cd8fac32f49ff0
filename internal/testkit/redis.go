package testkit

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
)

// RedisURL names the server and a prefix that only the test's keys have, and
// deletes those at the end.
func RedisURL(t testing.TB) (url, prefix string) {
	t.Helper()
	url = storeURL(t, "TENURE_TEST_REDIS_URL")
	prefix = databaseName("tenure_test") + ":"
	t.Cleanup(func() {
		if err := deleteKeys(context.Background(), url, prefix); err != nil {
			t.Errorf("testkit: delete the test's keys: %v", err)
		}
	})
	return url, prefix
}

func deleteKeys(ctx context.Context, url, prefix string) error {
	o, err := redis.ParseURL(url)
	if err != nil {
		return err
	}
	client := redis.NewClient(o)
	defer client.Close()
	keys := client.Scan(ctx, 0, prefix+"*", 1000).Iterator()
	for keys.Next(ctx) {
		if err := client.Unlink(ctx, keys.Val()).Err(); err != nil {
			return err
		}
	}
	return keys.Err()
}
