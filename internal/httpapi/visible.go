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
// command is durable by then, so running out of time is no failure. A caller
// who prefers not to wait is told whether they show it already.
func (s *Server) awaitVisible(ctx context.Context, by caller, r commands.Receipt) bool {
	shown := r.Events // none: whoever did what was found done, all have to show it
	wait := s.Wait
	if by.reply.async {
		wait = 0
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return s.Visible(ctx, r.Log, r.Position, shown)
}

// visibleHeader says so only when it is not.
func visibleHeader(visible bool) string {
	if visible {
		return ""
	}
	return "false"
}

// fromLog tells whether an answer is made of a command's events alone: that of
// a repetition, which is the one of then, and that to a caller in a hurry.
func (c caller) fromLog(r commands.Receipt) bool { return r.Replayed || c.reply.async }
