package boot

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Mistakes is everything that is missing or wrong in an environment.
type Mistakes []Mistake

// Mistake is one setting and what is wrong with it.
type Mistake struct {
	Name string
	Text string // continues the name, and never holds a secret
}

// Error lists all of them, one on a line.
func (m Mistakes) Error() string {
	var b strings.Builder
	if len(m) == 1 {
		b.WriteString("a setting is missing or wrong:\n")
	} else {
		fmt.Fprintf(&b, "%d settings are missing or wrong:\n", len(m))
	}
	for _, x := range m {
		fmt.Fprintf(&b, "  %s %s\n", x.Name, x.Text)
	}
	b.WriteString("`tenure config` lists all settings.")
	return b.String()
}

// Load reads the settings of one process, a pointer to a struct of this
// package, from the environment. What the struct holds before is the default
// of settings that name none. It fails with Mistakes, all at once.
func Load(settings any, environment Environment) error {
	var found Mistakes
	err := env.ParseWithOptions(settings, env.Options{Prefix: Prefix, Environment: environment})
	var several env.AggregateError
	switch {
	case errors.As(err, &several):
		found = explain(several.Errors, settings, environment)
	case err != nil:
		return fmt.Errorf("boot: %w", err)
	}
	found = append(found, judge(settings, found)...)
	if len(found) > 0 {
		return found
	}
	return nil
}

// explain says what was wrong in the words of whoever set it, each setting
// once.
func explain(errs []error, settings any, environment Environment) Mistakes {
	fields := map[string]field{}
	for _, f := range fieldsOf(settings) {
		fields[f.path] = f
		fields[f.Name] = f
	}
	var found Mistakes
	said := map[string]bool{}
	for _, err := range errs {
		m := mistakeOf(err, fields, environment)
		if !said[m.Name] {
			said[m.Name] = true
			found = append(found, m)
		}
	}
	return found
}

func mistakeOf(err error, fields map[string]field, environment Environment) Mistake {
	var unset env.VarIsNotSetError
	var empty env.EmptyVarError
	var parse env.ParseError
	switch {
	case errors.As(err, &unset):
		return Mistake{unset.Key, "is missing: " + fields[unset.Key].Means}
	case errors.As(err, &empty):
		return Mistake{empty.Key, "is empty: " + fields[empty.Key].Means}
	case errors.As(err, &parse):
		f := fields[parse.Name+" "+parse.Type.String()]
		text := wrongText(parse)
		if !f.Secret {
			text = fmt.Sprintf("is %q, which %s", environment[f.Name], text)
		}
		return Mistake{f.Name, text}
	default:
		return Mistake{"a setting", "cannot be read"}
	}
}

// wrongText says what a text is not, without quoting it.
func wrongText(e env.ParseError) string {
	switch e.Type {
	case reflect.TypeFor[time.Duration]():
		return "is not a duration such as 2s or 500ms"
	case reflect.TypeFor[slog.Level]():
		return "is not a level: debug, info, warn or error"
	case reflect.TypeFor[bool]():
		return "is neither true nor false"
	case reflect.TypeFor[int]():
		return "is not a whole number"
	default:
		return e.Err.Error() // of this package's own types
	}
}
