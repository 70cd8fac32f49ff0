package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/joho/godotenv"
)

// Environment is where settings are read from.
type Environment map[string]string

// ReadEnvironment reads .env, then .env.local, in a directory, and then environ
// as the system gives it. What comes later wins.
func ReadEnvironment(dir string, environ []string) (Environment, error) {
	all := Environment{}
	for _, name := range []string{".env", ".env.local"} {
		values, err := godotenv.Read(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case errors.As(err, new(*fs.PathError)):
			return nil, fmt.Errorf("boot: %w", err)
		case err != nil:
			// The parser quotes what it stumbled over, which may be a secret.
			return nil, fmt.Errorf("boot: %s does not consist of lines NAME=value", filepath.Join(dir, name))
		}
		maps.Copy(all, values)
	}
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			all[name] = value
		}
	}
	return all, nil
}

// Unknown lists what looks like a setting and is none, sorted: most likely a
// misspelled one.
func (e Environment) Unknown() []string {
	known := map[string]bool{}
	for _, v := range Variables() {
		known[v.Name] = true
	}
	var unknown []string
	for name := range e {
		if strings.HasPrefix(name, Prefix) && !known[name] && !reserved(name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// reserved tells whether a name belongs to the local stacks, the tests or the
// benchmarks.
func reserved(name string) bool {
	for _, group := range []string{"LOCAL_", "TEST_", "BENCH_", "COMPOSE_"} {
		if strings.HasPrefix(name, Prefix+group) {
			return true
		}
	}
	return false
}
