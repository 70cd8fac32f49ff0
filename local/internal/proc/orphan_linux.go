package proc

import "syscall"

// dieWithParent has the kernel send sig when the forking thread is gone. It is
// set after the change of user, which would clear it.
func dieWithParent(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }
