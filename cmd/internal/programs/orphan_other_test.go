//go:build !linux

package programs_test

import "syscall"

// dyingWithParent does nothing where the kernel has no such signal.
func dyingWithParent() *syscall.SysProcAttr { return nil }
