package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// place is where things are.
type place struct {
	root string // the checkout
	dir  string // ours: .local, or TENURE_LOCAL_DIR
}

// findPlace looks for the checkout at the working directory and above it.
func findPlace() (place, error) {
	root, err := os.Getwd()
	if err != nil {
		return place{}, fmt.Errorf("local: %w", err)
	}
	for !isRoot(root) {
		if root == filepath.Dir(root) {
			return place{}, errors.New("run this inside a checkout of Tenure")
		}
		root = filepath.Dir(root)
	}
	p := place{root: root, dir: filepath.Join(root, ".local")}
	if named := os.Getenv("TENURE_LOCAL_DIR"); named != "" {
		if p.dir, err = filepath.Abs(named); err != nil {
			return place{}, fmt.Errorf("local: %w", err)
		}
	}
	return p, nil
}

func isRoot(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && strings.HasPrefix(string(text), "module tenure\n")
}

func (p place) bin() string             { return filepath.Join(p.dir, "bin") }
func (p place) log() string             { return filepath.Join(p.dir, "log") }
func (p place) path(name string) string { return filepath.Join(p.dir, name) }
