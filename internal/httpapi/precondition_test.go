package httpapi

import (
	"net/http"
	"slices"
	"testing"

	"tenure/internal/events"
)

func TestIfMatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		lines    []string
		any      bool
		versions []events.Version
		wrong    bool
	}{
		{lines: []string{`"3"`}, versions: []events.Version{3}},
		{lines: []string{`"3", "4"`, `"5"`}, versions: []events.Version{3, 4, 5}},
		{lines: []string{` "3" ,, "4",`}, versions: []events.Version{3, 4}},
		{lines: []string{`*`}, any: true},
		{lines: []string{" *\t"}, any: true},
		{lines: []string{`W/"3"`}},
		{lines: []string{`W/"3", "4"`}, versions: []events.Version{4}},
		{lines: []string{`"x"`, `"03"`, `"+3"`, `""`, `"99999999999999999999"`, `"a,b"`}},
		{lines: []string{`3`}, wrong: true},
		{lines: []string{`"3`}, wrong: true},
		{lines: []string{`"3" "4"`}, wrong: true},
		{lines: []string{`"3""4"`}, wrong: true},
		{lines: []string{`*, "3"`}, wrong: true},
		{lines: []string{`"3", *`}, wrong: true},
		{lines: []string{`w/"3"`}, wrong: true},
		{lines: []string{`W/3`}, wrong: true},
		{lines: []string{`"a b"`}, wrong: true},
		{lines: []string{``}, wrong: true},
		{lines: []string{`,`}, wrong: true},
	} {
		got, wrong := matchOf(http.Header{"If-Match": tt.lines})
		if tt.wrong != (wrong != "") || !tt.wrong && (!got.Asked || got.Any != tt.any || !slices.Equal(got.Versions, tt.versions)) {
			t.Errorf("%q: got %+v, %q", tt.lines, got, wrong)
		}
	}
	if got, wrong := matchOf(http.Header{}); got.Asked || wrong != "" {
		t.Errorf("none: got %+v, %q", got, wrong)
	}
}

func FuzzIfMatch(f *testing.F) {
	for _, seed := range []string{`"3"`, `*`, `W/"3", "4"`, `"`, `,`, `"a,b" , "3"`, "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		m, wrong := matchOf(http.Header{"If-Match": {line}})
		if !m.Asked || m.Any && len(m.Versions) > 0 {
			t.Errorf("%q: %+v, %q", line, m, wrong)
		}
	})
}

func TestPrefer(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"respond-async":                          true,
		"Respond-Async":                          true,
		"wait=10, respond-async":                 true,
		"respond-async; x=1, wait=10":            true,
		`return=minimal;a="x,y;z",respond-async`: true,
		`respond-async=""`:                       true,
		" respond-async ; foo":                   true,
		"respond-async=yes":                      false,
		"respond-asynchronous":                   false,
		`x="a, respond-async"`:                   false,
		`x="\", respond-async"`:                  false,
		`x=1; respond-async`:                     false,
		"":                                       false,
		`"`:                                      false,
	} {
		if got := prefersAsync(http.Header{"Prefer": {line}}); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
	if !prefersAsync(http.Header{"Prefer": {"wait=1", "respond-async"}}) {
		t.Error("a second line does not count")
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	want := token{events.LogID{1, 15: 9}, 1 << 40}
	got, wrong := tokenOf(http.Header{consistencyToken: {want.text()}})
	if wrong != "" || got == nil || *got != want {
		t.Errorf("got %v, %q", got, wrong)
	}
	none := http.Header{}
	if got, wrong := tokenOf(none); got != nil || wrong != "" {
		t.Errorf("none: got %v, %q", got, wrong)
	}
	for _, lines := range [][]string{
		{"x"},
		{want.text() + "="},
		{want.text()[1:]},
		{want.text() + "AA"},
		{want.text(), want.text()},
		{token{events.LogID{}, -1}.text()},
		{" "},
		{"%"},
	} {
		if got, wrong := tokenOf(http.Header{consistencyToken: lines}); wrong == "" {
			t.Errorf("%q: got %v", lines, got)
		}
	}
}
