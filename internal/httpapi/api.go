package httpapi

import (
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gorilla/mux"

	"tenure/internal/commands"
)

// api is huma's, speaking JSON only, together with the server whose
// operations it describes.
type api struct {
	huma.API
	server *Server
	// commands are handed to handlers through their caller alone, under the
	// terms of the request; the server here has none.
	commands *commands.Handler
	// patience is how long a body may take to arrive.
	patience time.Duration
	// strangers has room for those who wait to become known.
	strangers chan struct{}
}

// maxStrangers is how many wait at once whom nobody knows yet.
const maxStrangers = 64

// newAPI puts an API without operations on a router. It takes the commands from
// the server, so that no operation of it can carry one out without its terms.
func newAPI(s *Server, router *mux.Router) *api {
	setHuma()
	a := &api{API: huma.NewAPI(describe(s), adapter{router, map[string]bool{}}), server: s, commands: s.Commands, patience: 10 * time.Second, strangers: make(chan struct{}, maxStrangers)}
	s.Commands = nil
	return a
}

// Negotiate answers JSON whatever is asked for. A format that is not there is
// no reason to refuse, and JSON under another name is no format.
func (a *api) Negotiate(string) (string, error) { return "application/json", nil }
