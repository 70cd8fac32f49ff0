package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestARequestIsWhatAServerReads(t *testing.T) {
	t.Parallel()
	text := request(http.MethodPost, "/api/v1/users", "k", `{"a":1}`, "Prefer", "respond-async")
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || string(body) != `{"a":1}` || r.Header.Get("X-Api-Key") != "k" || r.Header.Get("Prefer") != "respond-async" || r.URL.Path != "/api/v1/users" {
		t.Errorf("read %s %v %q, %v", r.URL, r.Header, body, err)
	}
}

func TestAWireAsksAgainAndTellsWhatItDidNotWant(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/known" {
			http.Error(w, "not here", http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, "known")
	}))
	t.Cleanup(server.Close)
	w, err := dial(t.Context(), server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.close() })
	for range 2 {
		if got, err := w.ask(request(http.MethodGet, "/known", "k", ""), http.StatusOK); err != nil || string(got) != "known" {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if _, err := w.ask(request(http.MethodGet, "/other", "k", ""), http.StatusOK); err == nil || !strings.Contains(err.Error(), "not here") {
		t.Errorf("got %v", err)
	}
}

func TestWhereAProgramServesIsReadFromWholeLines(t *testing.T) {
	t.Parallel()
	for log, want := range map[string]string{
		"": "",
		`{"msg":"started","metrics":"127.0.0.1:1"}` + "\n":                                        "",
		`{"msg":"serving","addr":"127.0.0.1`:                                                      "",
		`{"msg":"started"}` + "\n" + `{"msg":"serving","addr":"127.0.0.1:2","prefix":"/"}` + "\n": "127.0.0.1:2",
	} {
		if got := served(log); got != want {
			t.Errorf("in %q: got %q, want %q", log, got, want)
		}
	}
}
