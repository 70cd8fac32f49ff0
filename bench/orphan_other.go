//go:build !linux

package main

import "syscall"

// dyingWithParent is nothing here: programs end with this process when it can
// end them.
func dyingWithParent() *syscall.SysProcAttr { return nil }
