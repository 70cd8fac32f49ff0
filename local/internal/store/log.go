package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// OpenLog begins a new log for the program called name and keeps the last one
// beside it, so that the directory never holds more than two of each.
func OpenLog(dir, name string) (*os.File, error) {
	path := filepath.Join(dir, name+".log")
	if err := os.Rename(path, path+".1"); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("store: %w", err)
	}
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return log, nil
}

// Tail is the end of a log, for a message that says why something failed.
func Tail(path string) string {
	const most = 15
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-most):], "\n  ")
}
