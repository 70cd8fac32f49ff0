// Package httpapi is the HTTP face of the system: one file per resource, and
// in each a handler decodes, makes one call and answers. It never decides what
// is allowed or what becomes of a request; it only puts the questions in the
// order that the contract states.
package httpapi

//go:generate go test -run TestTheCommitted -update .
