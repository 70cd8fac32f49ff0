package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReaches asks for a user who owns nothing here and is in no group.
func TestReaches(t *testing.T) {
	t.Parallel()
	stranger := &Account{Name: "stranger", UID: 54321, GID: 54321}
	for name, tt := range map[string]struct {
		modes []os.FileMode // of a/b/c
		want  bool
	}{
		"all may be passed":          {[]os.FileMode{0o755, 0o711, 0o701}, true},
		"the last may not":           {[]os.FileMode{0o755, 0o755, 0o700}, false},
		"one on the way may not":     {[]os.FileMode{0o755, 0o750, 0o755}, false},
		"the first may only be read": {[]os.FileMode{0o744, 0o755, 0o755}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, err := resolved(openDir(t))
			if err != nil {
				t.Fatal(err)
			}
			above := []string{}
			for i, mode := range tt.modes {
				dir = filepath.Join(dir, string(rune('a'+i)))
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				above = append(above, dir)
				t.Cleanup(func() { _ = os.Chmod(above[i], 0o755) })
				_ = mode
			}
			for i := len(above) - 1; i >= 0; i-- {
				if err := os.Chmod(above[i], tt.modes[i]); err != nil {
					t.Fatal(err)
				}
			}
			if got := stranger.reaches(dir); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
			if !(*Account)(nil).reaches(dir) {
				t.Error("the caller does not reach his own directory")
			}
		})
	}
}

func TestPassesByGroup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o710); err != nil {
		t.Fatal(err)
	}
	gid := uint32(os.Getegid())
	for name, a := range map[string]*Account{
		"own":     {UID: 54321, GID: gid},
		"another": {UID: 54321, GID: 54321, Groups: []uint32{gid}},
	} {
		if !a.passes(dir) {
			t.Errorf("not by %s group", name)
		}
	}
}

func TestWithinIsElsewhereWhereTheAccountCannotGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	said := ""
	s := Setup{Say: func(format string, _ ...any) { said += format }}
	stranger := &Account{Name: "stranger", UID: 54321, GID: 54321}
	got, err := s.within(stranger, filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(got) })
	again, err := s.within(stranger, filepath.Join(dir, "data"))
	if err != nil || again != got {
		t.Errorf("got %s, %v, want %s as before", again, err, got)
	}
	if !strings.HasPrefix(got, "/var/tmp/tenure-local-") || !stranger.reaches(got) || !strings.Contains(said, "cannot reach") {
		t.Errorf("got %s, and it said %q", got, said)
	}
}

// TestTwinOfSomeoneElseIsRefused: anyone may write to /var/tmp.
func TestTwinOfSomeoneElseIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, err := twin(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(path) })
	if got, err := twin(dir); err == nil {
		t.Errorf("a link was taken for %s", got)
	}
}
