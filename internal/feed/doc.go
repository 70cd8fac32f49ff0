// Package feed hands the log to its consumers, each at its own pace, batch by
// batch and in order. It never writes the log and knows no event by name.
//
// The messages are Watermill's. Its SQL subscriber opens a turn, asks it for
// one row, and sends what it gets as a message; the row is a whole batch, so
// one acknowledgement moves up to 500 events. A turn is one transaction: it
// takes the consumer's lock, finds the place, reads the batch, waits for the
// consumer, and moves the offset from where it stood. What is true after a
// crash is what is true after a rollback: the batch comes again.
package feed
