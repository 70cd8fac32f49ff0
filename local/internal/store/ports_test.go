package store

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

func ports(t *testing.T, file string) *Ports {
	t.Helper()
	p, err := LoadPorts(file)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pick(t *testing.T, p *Ports, name string, prefer ...int) int {
	t.Helper()
	port, err := p.Pick(t.Context(), name, prefer...)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func occupy(t *testing.T, port int) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
}

func TestPortsAreRemembered(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ports.json")
	first := pick(t, ports(t, file), "api")
	if got := pick(t, ports(t, file), "api", first+1); got != first {
		t.Errorf("got %d, want %d as before", got, first)
	}
	occupy(t, first)
	second := pick(t, ports(t, file), "api")
	if second == first {
		t.Errorf("%d is taken", first)
	}
	if got := pick(t, ports(t, file), "api"); got != second {
		t.Errorf("got %d, want %d as the last time", got, second)
	}
}

func TestPreferredPort(t *testing.T) {
	t.Parallel()
	p := ports(t, "")
	wanted := pick(t, ports(t, ""), "other")
	if got := pick(t, p, "api", wanted); got != wanted {
		t.Errorf("got %d, want %d", got, wanted)
	}
	if got := pick(t, p, "worker", wanted); got == wanted {
		t.Errorf("%d was given out twice", got)
	}
	p.Forget("api")
	occupy(t, wanted)
	if got := pick(t, p, "api", wanted); got == wanted {
		t.Errorf("%d is taken", got)
	}
}

func TestBrokenPortsFileKnowsNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "null", "{\"api\":", "[]"} {
		file := filepath.Join(t.TempDir(), "ports.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		first := pick(t, ports(t, file), "api")
		if got := pick(t, ports(t, file), "api"); got != first {
			t.Errorf("after %q: got %d, want %d", text, got, first)
		}
	}
}
