package programs_test

import "syscall"

// dyingWithParent ends a program with the tests, also when these are killed and
// cannot.
func dyingWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
