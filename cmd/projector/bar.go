package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"tenure/internal/projections"
)

// speaks is how often a line is printed where there is no terminal.
const speaks = 2 * time.Second

// bar shows how far a rebuild is: a bar on a terminal, lines elsewhere.
type bar struct {
	to       io.Writer
	terminal bool
	phase    projections.Phase
	began    time.Time
	spoke    time.Time
	line     *progressbar.ProgressBar
}

func newBar(to io.Writer) *bar {
	f, ok := to.(*os.File)
	if ok {
		info, err := f.Stat()
		ok = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return &bar{to: to, terminal: ok}
}

// units are what is counted in each phase.
func unit(p projections.Phase) string {
	if p == projections.Writing {
		return "documents"
	}
	return "events"
}

// show shows a step. It is called by one at a time.
func (b *bar) show(s projections.Step) {
	if s.Note != "" {
		b.end()
		fmt.Fprintln(b.to, s.Note)
		return
	}
	if s.Phase != b.phase {
		b.begin(s)
	}
	if b.line != nil {
		_ = b.line.Set64(s.Done) // to a terminal; what fails shows there
		return
	}
	if now := time.Now(); now.Sub(b.spoke) >= speaks {
		b.spoke = now
		fmt.Fprintln(b.to, b.words(s, now))
	}
}

func (b *bar) begin(s projections.Step) {
	b.end()
	b.phase, b.began, b.spoke = s.Phase, time.Now(), time.Now()
	if !b.terminal {
		return
	}
	total := s.Total
	if total == 0 {
		total = -1 // not known: it only turns
	}
	b.line = progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(b.to), progressbar.OptionSetDescription(string(s.Phase)), progressbar.OptionSetItsString(unit(s.Phase)),
		progressbar.OptionShowIts(), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionFullWidth())
}

// words are a step as a line.
func (b *bar) words(s projections.Step, now time.Time) string {
	took := now.Sub(b.began).Seconds()
	text := fmt.Sprintf("%s: %d", s.Phase, s.Done)
	if s.Total > 0 {
		text += fmt.Sprintf(" of %d", s.Total)
	}
	rate := float64(s.Done) / took
	text += fmt.Sprintf(" %s, %.0f/s", unit(s.Phase), rate)
	if s.Total > 0 && rate > 0 {
		text += fmt.Sprintf(", %s left", time.Duration(float64(s.Total-s.Done)/rate*float64(time.Second)).Round(time.Second))
	}
	return text
}

// end ends the phase that is shown.
func (b *bar) end() {
	if b.line != nil {
		_ = b.line.Exit() // leaves it where it is
		fmt.Fprintln(b.to)
	}
	b.line, b.phase = nil, ""
}
