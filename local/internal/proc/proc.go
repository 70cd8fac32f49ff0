// Package proc runs programs so that none outlives this process, however it
// ends. It never decides what is run: it knows nothing of stores or of Tenure.
//
// Two things stand behind the promise. On Linux the kernel sends each child a
// signal when its parent is gone. Everywhere a Guard, a second process that
// holds one end of a pipe, reads the end of file and ends what is left.
package proc

import (
	"os"
	"syscall"
)

// Spec says how a program is run.
type Spec struct {
	Name string   // for people
	Path string   // the program's file
	Args []string // without the program's name
	Env  []string // the whole environment; nothing is inherited
	Dir  string   // where it runs

	// Out and Err take what it prints. They are files, not writers, so that
	// no copying goroutine stands between a program and its log.
	Out, Err *os.File

	// In is what it reads; nil is nothing.
	In *os.File

	// As is whom it runs as; nil is the caller.
	As *syscall.Credential

	// Stop asks it to end in good order, Orphaned ends it when nobody is left
	// to ask. Zero means SIGTERM and SIGKILL.
	Stop, Orphaned syscall.Signal
}

func (s Spec) stop() syscall.Signal {
	if s.Stop == 0 {
		return syscall.SIGTERM
	}
	return s.Stop
}

func (s Spec) orphaned() syscall.Signal {
	if s.Orphaned == 0 {
		return syscall.SIGKILL
	}
	return s.Orphaned
}
