package main

import "syscall"

// dyingWithParent ends a program with this process, also when this one is
// killed and cannot.
func dyingWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
