package eventlog

import (
	"strconv"
	"unicode/utf8"
)

// unreadable names what in a JSON text would make it unreadable or would not be
// what was meant: a NUL, half a surrogate pair, or the escape that Go's encoder
// writes for invalid UTF-8. (A replacement character that was meant is written
// as itself, not as an escape.)
func unreadable(data []byte) string {
	if !utf8.Valid(data) {
		return "invalid UTF-8"
	}
	high := false // the escape before was the first half of a pair
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			if high {
				return "half a surrogate pair"
			}
			continue
		}
		i++ // the character after a backslash is never the start of an escape
		unit, escape := unicodeEscape(data[i-1:])
		low := escape && 0xDC00 <= unit && unit <= 0xDFFF
		switch {
		case high != low:
			return "half a surrogate pair"
		case escape && unit == 0:
			return "a NUL"
		case escape && unit == 0xFFFD:
			return "invalid UTF-8"
		}
		high = escape && 0xD800 <= unit && unit <= 0xDBFF
		if escape {
			i += 4
		}
	}
	return ""
}

// unicodeEscape reads the escape \uXXXX at the start of data, when it is one.
func unicodeEscape(data []byte) (unit uint64, ok bool) {
	if len(data) < 6 || data[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	return unit, err == nil
}
