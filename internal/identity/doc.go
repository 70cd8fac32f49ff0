// Package identity says who is calling: it reads the credentials of a request
// and asks the authentication read model whose they are. It never decides what
// the caller may do, and it never logs a credential.
package identity
