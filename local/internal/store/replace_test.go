package store

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestReaderSeesOneWholeFile reads while the file is replaced again and again.
func TestReaderSeesOneWholeFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run.json")
	write := func(c byte) {
		if err := ReplaceFile(path, bytes.Repeat([]byte{c}, 100_000), 0o600); err != nil {
			t.Error(err)
		}
	}
	write('a')
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 100 {
			write(byte('a' + i%26))
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) != 100_000 || bytes.Count(text, text[:1]) != len(text) {
			t.Fatalf("got a mixture of %d bytes", len(text))
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("beside it there is %v, %v", left, err)
	}
}
