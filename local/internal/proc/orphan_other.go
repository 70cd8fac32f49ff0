//go:build !linux

package proc

import "syscall"

// dieWithParent does nothing where the kernel has no such signal; there the
// guard alone keeps the promise.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
