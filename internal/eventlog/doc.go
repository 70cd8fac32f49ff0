// Package eventlog is the log in Postgres: it appends what was decided, and
// reads it again in the order in which it was appended. It never decides, and
// nothing else writes the log.
//
// Appends take turns, so positions are handed out in the order of commits and
// without gaps: a reader that has seen position n has seen all before it.
package eventlog
