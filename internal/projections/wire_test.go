package projections

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// through is the URL of a store by a wire that goes dead when down is closed:
// connections stay open, and nothing comes through any more. Cut breaks the
// connections that there are.
func through(t *testing.T, address string, down <-chan struct{}) (_ string, cut func()) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{to: u.Host, down: down}
	t.Cleanup(func() {
		_ = l.Close()
		w.cut()
	})
	go w.accept(t, l)
	u.Host = l.Addr().String()
	return u.String(), w.cut
}

type wire struct {
	to   string
	down <-chan struct{}

	mu    sync.Mutex
	conns []net.Conn
}

func (w *wire) accept(t *testing.T, l net.Listener) {
	for {
		from, err := l.Accept()
		if err != nil {
			return
		}
		to, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", w.to)
		if err != nil {
			_ = from.Close()
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, from, to)
		w.mu.Unlock()
		go w.copy(to, from)
		go w.copy(from, to)
	}
}

func (w *wire) copy(to io.Writer, from io.Reader) {
	part := make([]byte, 32<<10)
	for {
		n, err := from.Read(part)
		select {
		case <-w.down:
			return
		default:
		}
		if n > 0 {
			if _, err := to.Write(part[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// cut closes every connection.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
}
