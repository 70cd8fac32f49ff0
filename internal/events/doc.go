// Package events is the vocabulary of the system: the names of things, every
// event the log can hold, and how each is written and read. It never does I/O.
package events
