package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// wire is a connection to a server, over which one caller asks one thing after
// the other. It does as little as a client can, because it shares the cores with
// what is measured.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	body bytes.Buffer
}

func dial(ctx context.Context, address string) (*wire, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &wire{conn: conn, in: bufio.NewReader(conn)}, nil
}

func (w *wire) close() error { return w.conn.Close() }

// maxAnswer is how long an answer may take.
const maxAnswer = 30 * time.Second

// ask sends a request and fails unless the answer has a status. What it gives
// holds until the next.
func (w *wire) ask(request []byte, status int) ([]byte, error) {
	if err := w.conn.SetDeadline(time.Now().Add(maxAnswer)); err != nil {
		return nil, err
	}
	if _, err := w.conn.Write(request); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(w.in, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	w.body.Reset()
	if _, err := io.Copy(&w.body, answer.Body); err != nil {
		return nil, err
	}
	if answer.StatusCode != status {
		return nil, fmt.Errorf("answered %s, want %d: %.300s", answer.Status, status, w.body.Bytes())
	}
	return w.body.Bytes(), nil
}

// request writes a request with a key; header are names and values.
func request(method, path, key, body string, header ...string) []byte {
	var b bytes.Buffer
	line := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(p)
		}
		b.WriteString("\r\n")
	}
	line(method, " ", path, " HTTP/1.1")
	line("Host: bench")
	line("X-API-Key: ", key)
	for i := 0; i+1 < len(header); i += 2 {
		line(header[i], ": ", header[i+1])
	}
	if body != "" {
		line("Content-Type: application/json")
		line("Content-Length: ", strconv.Itoa(len(body)))
	}
	line()
	b.WriteString(body)
	return b.Bytes()
}

// clients are how many ask at once where a row does not say otherwise.
const clients = 64

// wires opens connections for so many clients.
func (s *stage) wires(ctx context.Context, address string, n int) ([]*wire, error) {
	all := make([]*wire, n)
	for i := range all {
		w, err := dial(ctx, address)
		if err != nil {
			return nil, err
		}
		s.onClose(func(context.Context) error { return w.close() })
		all[i] = w
	}
	return all, nil
}

// spare are connections of which whoever needs one takes the one used last, or
// a new one.
type spare struct {
	address string
	mu      sync.Mutex
	idle    []*wire
}

// ask asks over some connection. One that failed is not used again.
func (s *spare) ask(ctx context.Context, request []byte, status int) error {
	w, err := s.take(ctx)
	if err != nil {
		return err
	}
	if _, err := w.ask(request, status); err != nil {
		_ = w.close() // what counts is why
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, w)
	return nil
}

func (s *spare) take(ctx context.Context) (*wire, error) {
	s.mu.Lock()
	if n := len(s.idle); n > 0 {
		w := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		return w, nil
	}
	s.mu.Unlock()
	return dial(ctx, s.address)
}

func (s *spare) close(context.Context) error {
	for _, w := range s.idle {
		_ = w.close() // nobody asks any more
	}
	return nil
}
