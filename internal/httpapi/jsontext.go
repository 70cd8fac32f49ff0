package httpapi

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// text notes what is wrong with a string literal. It looks at the literal,
// since decoding makes a replacement character of everything that is wrong.
func (c *jsonCheck) text(where string, raw []byte) {
	if !utf8.Valid(raw) || hasLoneSurrogate(raw) {
		c.note(where, notText)
		return
	}
	if wrong := checkText(unquote(raw)); wrong != "" {
		c.note(where, wrong)
	}
}

// unquote is the text that a valid string literal stands for.
func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	// The literal is part of a text that is valid JSON.
	_ = json.Unmarshal(raw, &s)
	return s
}

// hasLoneSurrogate finds an escaped half of a character without the other.
func hasLoneSurrogate(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		first, ok := escapedUnit(raw, i)
		if !ok || !utf16.IsSurrogate(first) {
			continue
		}
		second, ok := escapedUnit(raw, i+6)
		if !ok || raw[i+5] != '\\' || utf16.DecodeRune(first, second) == utf8.RuneError {
			return true
		}
		i += 10 // both halves
	}
	return false
}

// escapedUnit reads the four digits of an escape whose u stands at i.
func escapedUnit(raw []byte, i int) (rune, bool) {
	if i+5 > len(raw) || raw[i] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(raw[i+1:i+5]), 16, 16)
	return rune(n), err == nil
}
