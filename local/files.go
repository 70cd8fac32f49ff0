package main

import (
	"fmt"
	"syscall"
)

// manyFiles lets the stores have many files open: MongoDB needs several for
// each collection. It is said explicitly because Go, left alone, gives the
// programs it starts the lower limit back.
func manyFiles() error {
	const enough = 64000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("local: %w", err)
	}
	limit.Cur = max(limit.Cur, min(limit.Max, enough))
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("local: %w", err)
	}
	return nil
}
