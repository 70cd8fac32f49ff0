package projections

import (
	"slices"

	"tenure/internal/events"
)

// Shown is a place up to which all of these read models show the log, or every
// one when none is named, as far as was heard: they may be further. It is the
// zero mark when that is not known of one of them, or when they follow
// different logs.
func (p *Progress) Shown(names ...string) events.Mark {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renew()
	var low goal
	met := 0
	for _, t := range p.tracks {
		if len(names) > 0 && !slices.Contains(names, t.of.name) {
			continue
		}
		if met++; met > 1 && t.at.log != low.log {
			return events.Mark{}
		}
		if met == 1 || t.at.position < low.position {
			low = t.at
		}
	}
	if met < len(names) {
		return events.Mark{}
	}
	return events.Mark{Log: low.log, Position: low.position}
}
