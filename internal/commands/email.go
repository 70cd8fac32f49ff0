package commands

import (
	"net/mail"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// MaxEmail is how many bytes an e-mail has at most.
const MaxEmail = 254

// ParseEmail gives an e-mail as it is stored and compared: composed (NFC) and
// in lower case, in both parts. It returns false for what is not one address
// and nothing else.
func ParseEmail(s string) (string, bool) {
	// Composed again: a lower-case letter may compose where its upper-case did not.
	folded := norm.NFC.String(strings.ToLower(norm.NFC.String(s)))
	if len(folded) > MaxEmail || strings.ContainsFunc(folded, strange) {
		return "", false
	}
	a, err := mail.ParseAddress(folded)
	if err != nil || a.Address != folded || a.Name != "" {
		return "", false
	}
	local, domain, _ := strings.Cut(folded, "@")
	if local == "" || domain == "" || len(local) > 64 {
		return "", false
	}
	return folded, true
}

func strange(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar
}
