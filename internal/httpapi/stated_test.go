package httpapi

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"tenure/internal/events"
)

// TestTheDescriptionNamesTheRolesThatAreTaken: what the description says of
// roles is what is taken, in any case.
func TestTheDescriptionNamesTheRolesThatAreTaken(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(roleForm())
	for _, name := range slices.Concat(highestNames(), lowerNames()) {
		for _, spelled := range []string{name, strings.ToUpper(name)} {
			if _, ok := events.ParseRole(spelled); !ok || !form.MatchString(spelled) {
				t.Errorf("%s is described: %v, taken: %v", spelled, form.MatchString(spelled), ok)
			}
		}
	}
	for _, name := range []string{"", "owner", "admin ", "super admin"} {
		if _, ok := events.ParseRole(name); ok || form.MatchString(name) {
			t.Errorf("%q is described: %v, taken: %v", name, form.MatchString(name), ok)
		}
	}
}

// TestTheDescriptionSaysWhatHeadersAreTaken: the patterns take what the
// readers of these headers take.
func TestTheDescriptionSaysWhatHeadersAreTaken(t *testing.T) {
	t.Parallel()
	token := (&token{position: 7}).text()
	for header, tt := range map[string]struct {
		form string
		read func(header string) (wrong string)
		good []string
		bad  []string
	}{
		ifMatch: {
			`^\*$|` + tagsForm, func(h string) string { _, wrong := matchOf(headerOf(ifMatch, h)); return wrong },
			[]string{`*`, `"3"`, `W/"3"`, `"1", "2"`, `"1",,"2",`, `""`},
			[]string{``, `3`, `"3`, `"1" "2"`, `*,*`, `" "`},
		},
		consistencyToken: {
			tokenForm, func(h string) string { _, wrong := tokenOf(headerOf(consistencyToken, h)); return wrong },
			[]string{``, token},
			[]string{`x`, token + "A", token[:21] + "_" + token[22:], strings.Repeat("=", 32)},
		},
	} {
		form := regexp.MustCompile(tt.form)
		for _, value := range tt.good {
			if wrong := tt.read(value); wrong != "" || !form.MatchString(value) {
				t.Errorf("%s %q is described: %v, and read: %q", header, value, form.MatchString(value), wrong)
			}
		}
		for _, value := range tt.bad {
			if wrong := tt.read(value); wrong == "" || form.MatchString(value) {
				t.Errorf("%s %q is described: %v, and read: %q", header, value, form.MatchString(value), wrong)
			}
		}
	}
}

func headerOf(name, value string) map[string][]string { return map[string][]string{name: {value}} }
