package httpapi

import (
	"unicode"
	"unicode/utf8"
)

// The two things that no text may hold.
const (
	noControls = "must not hold control characters other than newline"
	notText    = "must be valid Unicode text"
)

// checkText says what is wrong with a text, or nothing. The stores do not
// agree on what they take beyond this, so nothing beyond it gets to them.
func checkText(s string) string {
	if !utf8.ValidString(s) {
		return notText
	}
	for _, c := range s {
		if c != '\n' && unicode.IsControl(c) {
			return noControls
		}
	}
	return ""
}
