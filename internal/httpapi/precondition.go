package httpapi

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"tenure/internal/commands"
	"tenure/internal/events"
)

const ifMatch = "If-Match"

// matchOf reads If-Match: "*", or entity tags in quotes. A weak tag and a tag
// that is no version are well-formed, and match nothing.
func matchOf(h http.Header) (m commands.Match, wrong string) {
	lines := h.Values(ifMatch)
	if len(lines) == 0 {
		return m, ""
	}
	m.Asked = true
	rest := strings.Trim(strings.Join(lines, ","), " \t")
	if rest == "*" {
		m.Any = true
		return m, ""
	}
	for rest != "" {
		tag, after, ok := cutTag(rest)
		if !ok {
			return m, `must be * or versions in quotes, such as "3"`
		}
		if v, ok := versionOf(tag); ok {
			m.Versions = append(m.Versions, v)
		}
		met := false
		for after != "" && strings.ContainsAny(after[:1], ", \t") { // a list may have empty elements
			met = met || after[0] == ','
			after = after[1:]
		}
		if rest = after; rest != "" && !met {
			return m, `must be * or versions in quotes, with commas between them`
		}
	}
	if len(m.Versions) == 0 && strings.Trim(strings.Join(lines, ""), " \t,") == "" {
		return m, `must be * or versions in quotes, such as "3"`
	}
	return m, ""
}

// cutTag takes the first entity tag from a list; a weak one is given as it is.
func cutTag(s string) (tag, rest string, ok bool) {
	opening := 0
	if strings.HasPrefix(s, "W/") {
		opening = 2
	}
	if len(s) <= opening || s[opening] != '"' {
		return "", "", false
	}
	closing := strings.IndexByte(s[opening+1:], '"')
	if closing < 0 {
		return "", "", false
	}
	end := opening + 1 + closing + 1
	if strings.ContainsFunc(s[opening+1:end-1], func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return "", "", false
	}
	return s[:end], s[end:], true
}

// versionOf is the version that a tag of ours names. Another spelling of the
// number is another tag.
func versionOf(tag string) (events.Version, bool) {
	v, err := strconv.ParseInt(strings.Trim(tag, `"`), 10, 64)
	return events.Version(v), err == nil && tagOf(events.Version(v)) == tag
}

func tagOf(v events.Version) string { return `"` + strconv.FormatInt(int64(v), 10) + `"` }

// tagOfAnswer is the tag of an answer whose body has a version; empty for
// others.
func tagOfAnswer(out any) string {
	answer := reflect.Indirect(reflect.ValueOf(out))
	if answer.Kind() != reflect.Struct {
		return ""
	}
	body := answer.FieldByName("Body")
	if !body.IsValid() || body.Kind() != reflect.Struct {
		return ""
	}
	version := body.FieldByName("Version")
	if !version.IsValid() {
		return ""
	}
	v, ok := version.Interface().(events.Version)
	if !ok {
		return ""
	}
	return tagOf(v)
}
