package httpapi

import (
	"net/http"
	"strings"
)

const (
	prefer            = "Prefer"
	preferenceApplied = "Preference-Applied"
	respondAsync      = "respond-async"
)

// prefersAsync tells whether a request prefers its answer before the read
// models show what it did (RFC 7240). Preferences that are not known, and those
// that cannot be read, are none.
func prefersAsync(h http.Header) bool {
	for _, line := range h.Values(prefer) {
		for _, one := range splitOutside(line, ',') {
			preference := splitOutside(one, ';')[0] // what follows are its parameters
			name, value, _ := strings.Cut(preference, "=")
			value = strings.Trim(value, " \t")
			if strings.EqualFold(strings.Trim(name, " \t"), respondAsync) && (value == "" || value == `""`) {
				return true
			}
		}
	}
	return false
}

// splitOutside splits s at a separator, but not within quotes.
func splitOutside(s string, separator byte) []string {
	var parts []string
	from, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case quoted && s[i] == '\\':
			i++
		case !quoted && s[i] == separator:
			parts, from = append(parts, s[from:i]), i+1
		}
	}
	return append(parts, s[from:])
}
