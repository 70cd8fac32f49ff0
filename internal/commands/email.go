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
	if local == "" || len(local) > 64 || !isDomain(domain) {
		return "", false
	}
	return folded, true
}

// isDomain tells whether a text is the name of a host, as far as its spelling
// goes: labels of letters, digits and hyphens inside. The grammar of mail takes
// more, to which no mail was ever sent.
func isDomain(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") || strings.ContainsFunc(label, notInLabel) {
			return false
		}
	}
	return true
}

func notInLabel(c rune) bool {
	return c != '-' && !unicode.IsLetter(c) && !unicode.IsDigit(c) && !unicode.IsMark(c)
}

func strange(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar
}
