package eventlog_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
)

// wire is the network between an appender and its server. A test may cut it
// at an append, or take the server away.
type wire struct {
	mu      sync.Mutex
	cuts    []cut
	appends int
	gone    bool
	after   func() // what happens when a line was cut, before its client knows
	lines   map[*line]struct{}
}

// cut is where a connection breaks while an append is on its way.
type cut struct {
	// reaches is the share of the request that the server gets. Only with all
	// of it is the append carried out.
	reaches float64
	// answered is how many bytes of the answer come back, when all of the
	// request was sent; below zero, how many do not.
	answered int
}

// The connection breaks before the server got anything, when it got half of
// the request, and when it carried it out and nobody heard.
func lost() cut               { return cut{} }
func torn() cut               { return cut{reaches: 0.5} }
func unheard() cut            { return cut{reaches: 1} }
func heardOnly(bytes int) cut { return cut{reaches: 1, answered: bytes} }

var errCut = errors.New("the wire was cut")

// lay puts the wire below a pool.
func (w *wire) lay(config *pgxpool.Config) {
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if w.isAway() {
			return nil, errCut
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		l := &line{Conn: conn, wire: w}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.lines == nil {
			w.lines = make(map[*line]struct{})
		}
		w.lines[l] = struct{}{}
		return l, nil
	}
}

// cut makes the next appends break, one after the other.
func (w *wire) cut(cuts ...cut) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cuts = append(w.cuts, cuts...)
}

// onCut makes something happen when the next line was cut, before its client
// learns of it.
func (w *wire) onCut(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.after = f
}

// wasCut lets that happen.
func (w *wire) wasCut() {
	w.mu.Lock()
	f := w.after
	w.after = nil
	w.mu.Unlock()
	if f != nil {
		f()
	}
}

// left is how many cuts have not happened yet.
func (w *wire) left() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.cuts)
}

// sent is how many appends were sent so far, each time that a batch was.
func (w *wire) sent() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.appends
}

// full lets no new connection through.
func (w *wire) full() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = true
}

// away takes the server away: connections break, and none can be made.
func (w *wire) away() {
	w.full()
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.lines {
		_ = l.Conn.Close()
	}
	w.lines = nil
}

// back gives the server back.
func (w *wire) back() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = false
}

func (w *wire) isAway() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gone
}

// next counts an append and gives the cut that is meant for it.
func (w *wire) next() (cut, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.appends++
	if len(w.cuts) == 0 {
		return cut{}, false
	}
	c := w.cuts[0]
	w.cuts = w.cuts[1:]
	return c, true
}

// line is one connection. Only its reader and its writer use it, in turns.
type line struct {
	net.Conn
	wire *wire
	mu   sync.Mutex
	cut  *cut
	rest []byte // what may still be read, when the line is cut
	over bool
}

// Write sends on what the client says, and cuts the line at an append.
func (l *line) Write(p []byte) (int, error) {
	if !isAppend(p) {
		return l.Conn.Write(p)
	}
	c, ok := l.wire.next()
	if !ok {
		return l.Conn.Write(p)
	}
	l.mu.Lock()
	l.cut, l.over = &c, c.reaches < 1
	l.mu.Unlock()
	if _, err := l.Conn.Write(p[:int(c.reaches*float64(len(p)))]); err != nil {
		return 0, err
	}
	if c.reaches < 1 {
		_ = l.Conn.Close()
		l.wire.wasCut()
	}
	return len(p), nil // a client cannot tell what becomes of what it sent
}

// Read gives on what the server says. Of a line that is cut, it first waits
// until the server has carried out the append.
func (l *line) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut == nil {
		return l.Conn.Read(p)
	}
	if !l.over {
		l.over = true
		answer := untilReady(l.Conn)
		n := l.cut.answered
		if n < 0 {
			n += len(answer)
		}
		l.rest = answer[:max(0, min(n, len(answer)))]
		_ = l.Conn.Close()
		l.wire.wasCut()
	}
	if len(l.rest) == 0 {
		return 0, errCut
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// untilReady reads what a server says until it is ready for the next request,
// which is when a transaction has ended.
func untilReady(r io.Reader) []byte {
	var answer []byte
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(r, head); err != nil {
			return answer
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(r, body); err != nil {
			return answer
		}
		answer = append(append(answer, head...), body...)
		if head[0] == 'Z' {
			return answer
		}
	}
}

// isAppend tells whether a client's message binds the many parameters that
// only an append has.
func isAppend(p []byte) bool {
	if len(p) < 5 || p[0] != 'B' {
		return false
	}
	p = p[5:]
	for range 2 { // the names of the portal and of the statement
		end := bytes.IndexByte(p, 0)
		if end < 0 {
			return false
		}
		p = p[end+1:]
	}
	if len(p) < 2 {
		return false
	}
	formats := int(binary.BigEndian.Uint16(p))
	p = p[2:]
	return len(p) >= 2*formats+2 && binary.BigEndian.Uint16(p[2*formats:]) > 50
}
