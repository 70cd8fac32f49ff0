package main

import (
	"net/http"

	"tenure/cmd/internal/boot"
)

// parting tells a caller with the answer that the connection ends, once the
// process was told to end. His next request then goes elsewhere, instead of
// into a connection that is closed while it is on its way.
type parting struct {
	http.ResponseWriter
	ready *boot.Readiness
	wrote bool
}

// WriteHeader asks as late as it can: the signal may have come while the
// request was carried out.
func (p *parting) WriteHeader(code int) {
	if !p.wrote && code >= http.StatusOK {
		p.wrote = true
		if p.ready.Ending() {
			p.Header().Set("Connection", "close")
		}
	}
	p.ResponseWriter.WriteHeader(code)
}

// Write begins the answer when nobody has.
func (p *parting) Write(b []byte) (int, error) {
	p.begin()
	return p.ResponseWriter.Write(b)
}

// Flush sends what is there.
func (p *parting) Flush() {
	p.begin()
	_ = http.NewResponseController(p.ResponseWriter).Flush() // one that cannot sends it later
}

// Unwrap gives the writer of the connection to those who set its deadlines.
func (p *parting) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *parting) begin() {
	if !p.wrote {
		p.WriteHeader(http.StatusOK)
	}
}
