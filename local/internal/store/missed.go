package store

import (
	"errors"
	"fmt"
	"strings"
)

// missed collects why a store could not be had in one way or the other.
type missed struct{ reasons []string }

func (m *missed) add(format string, args ...any) {
	m.reasons = append(m.reasons, fmt.Sprintf(format, args...))
}

// fault says all of it, and what to do.
func (m *missed) fault(what, service, setting, url string) error {
	return errors.New("store: no " + what + ":\n  - " + strings.Join(m.reasons, "\n  - ") + "\n" +
		"Start the stores with `docker compose up -d postgres mongo redis`, then name this one, as\n" +
		"  " + setting + "=" + url + " (`" + service + "` of docker-compose.yml; TENURE_TEST_... for tests).")
}
