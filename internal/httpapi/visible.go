package httpapi

import (
	"context"

	"tenure/internal/commands"
)

// answer is that to a command. Its body is the same whether the read models
// show the change by now or not; only the header tells.
type answer[B any] struct {
	Visible string `header:"Visible" doc:"false: done, and not yet in the lists."`
	Body    B
}

// done is the answer to a command without a body.
type done struct {
	Visible string `header:"Visible" doc:"false: done, and not yet in the lists."`
}

// awaitVisible waits until every live read model shows what a command did, or
// what it found done already, so that a caller who reads next finds it. The
// command is durable by then, so running out of time is no failure.
func (s *Server) awaitVisible(ctx context.Context, r commands.Receipt) bool {
	types := r.Types()
	if len(types) == 0 && len(r.History) > 0 {
		types = []string{r.History[len(r.History)-1].Type}
	}
	ctx, cancel := context.WithTimeout(ctx, s.Wait)
	defer cancel()
	return s.Visible(ctx, r.Log, r.Position, types)
}

// visibleHeader says so only when it is not.
func visibleHeader(visible bool) string {
	if visible {
		return ""
	}
	return "false"
}
