// Package testkit gives each test real stores of its own. It never fakes one,
// and a store that is missing fails the test and says what to do.
package testkit

import (
	"context"
	"os"
	"testing"
	"time"
)

// storeURL is the address of a store that the test command was given.
func storeURL(t testing.TB, name string) string {
	t.Helper()
	url := os.Getenv(name)
	if url == "" {
		t.Fatalf("%s is not set: run the tests by `make test`, which starts the stores, "+
			"or set it to a store that is running", name)
	}
	return url
}

// Eventually waits until ok is true, and fails the test when it is not within
// 15 seconds. What is what the test waits for, for the message.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	Within(t, 15*time.Second, what, ok)
}

// Within is Eventually with another limit.
func Within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}
