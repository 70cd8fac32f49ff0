package store

import (
	"os"
	"testing"
)

// TestMiniredisIsTheLastResort: it serves from this process, it says so, and
// unlike miniredis alone it lets keys expire.
func TestMiniredisIsTheLastResort(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.Machine = Machine{}
	mini, err := openRedis(t.Context(), s, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mini.stop(true) })
	if !mini.Mini || mini.Pid() != os.Getpid() {
		t.Errorf("got %+v", mini)
	}
	if got, err := redis(t, mini.URL, "SET short 1 PX 200"); err != nil || got != "+OK" {
		t.Fatal(got, err)
	}
	if got, err := redis(t, mini.URL, "GET short"); err != nil || got != "1" {
		t.Fatal(got, err)
	}
	eventually(t, "the key has expired", func() bool {
		got, err := redis(t, mini.URL, "GET short")
		return err == nil && got == "$-1"
	})
}
