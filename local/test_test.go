package main

import "testing"

// named are stores that nobody has to start.
func named() []string {
	return []string{
		"TENURE_TEST_POSTGRES_URL=postgres://a/b", "TENURE_TEST_MONGO_URL=mongodb://c/d", "TENURE_TEST_REDIS_URL=redis://e/0",
	}
}

func TestTestEndsAsTheCommandEnds(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -9 $$": 137} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			l := start(t, newDir(t), named(), "test", "--", "sh", "-c", script)
			if code := l.wait(); code != want {
				t.Errorf("got %d, want %d", code, want)
			}
		})
	}
}

// TestTestTellsTheStores, those that were named as they were named, and runs
// the command in the root of the checkout.
func TestTestTellsTheStores(t *testing.T) {
	t.Parallel()
	l := start(t, newDir(t), named(), "test", "--", "sh", "-c",
		`test "$TENURE_TEST_POSTGRES_URL $TENURE_TEST_MONGO_URL $TENURE_TEST_REDIS_URL" = "postgres://a/b mongodb://c/d redis://e/0" &&
		test -f cmd/api/main.go`)
	if code := l.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

func TestTestWithoutACommand(t *testing.T) {
	t.Parallel()
	if code := start(t, newDir(t), named(), "test", "--").wait(); code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
}
