// Package commands carries out what callers want changed: it checks that they
// may, decides by the events that were, and appends what follows. It never
// reads a read model (a principal's authority alone comes from one, and is
// handed in), and has no effect beside the append.
package commands
