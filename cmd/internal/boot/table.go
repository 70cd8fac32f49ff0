package boot

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Variable is a setting, as operators read of it.
type Variable struct {
	Name     string
	Means    string
	Required bool
	Secret   bool
	// Defaults are by process, since some have one of their own; empty for
	// what has none.
	Defaults []Default
}

// Default is what a setting is in a process when nobody sets it.
type Default struct{ Process, Value string }

// users are the processes, and the commands of tenure, with what they use. It
// is the one list from which everything that is told of settings is made.
func users() []user {
	api, projector, worker := NewAPI(), NewProjector(), NewWorker()
	return []user{
		{"api", &api},
		{"projector", &projector},
		{"worker", &worker},
		{"tenure migrate", &Migrate{}},
		{"tenure admin", &Admin{}},
		{"tenure admin generate-user", &GenerateUser{}},
		{"tenure admin issue-key", &IssueKey{}},
	}
}

type user struct {
	name     string
	settings any
}

// Variables is the table of all settings, in the order in which they are
// declared.
func Variables() []Variable {
	var all []Variable
	for _, u := range users() {
		for _, f := range fieldsOf(u.settings) {
			i := slices.IndexFunc(all, func(v Variable) bool { return v.Name == f.Name })
			if i < 0 {
				i = len(all)
				all = append(all, Variable{Name: f.Name, Means: f.Means, Required: f.required, Secret: f.Secret})
			}
			all[i].Defaults = append(all[i].Defaults, Default{u.name, f.standard})
		}
	}
	return all
}

// Uses names who uses the setting. A command of tenure is left out where all
// of tenure admin is named.
func (v Variable) Uses() []string {
	var names []string
	for _, d := range v.Defaults {
		if !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(d.Process, n+" ") }) {
			names = append(names, d.Process)
		}
	}
	return names
}

// Default says what the setting is when nobody sets it; empty for nothing.
func (v Variable) Default() string {
	first := v.Defaults[0].Value
	same := func(d Default) bool { return d.Value == first }
	if !slices.ContainsFunc(v.Defaults, func(d Default) bool { return !same(d) }) {
		return first
	}
	var each []string
	for _, d := range v.Defaults {
		each = append(each, fmt.Sprintf("%s (%s)", d.Value, d.Process))
	}
	return strings.Join(each, ", ")
}

// Example is the text of .env.example.
func Example() string {
	var b strings.Builder
	b.WriteString(`# Every setting of Tenure. What is commented out has the default that stands
# there. Each process reads .env and .env.local in the directory where it is
# started, and the real environment, which wins.
#
# Written by: go run ./cmd/tenure config --example > .env.example
`)
	for _, v := range Variables() {
		fmt.Fprintf(&b, "\n# %s (%s)\n", v.Means, strings.Join(v.Uses(), ", "))
		switch first := v.Defaults[0].Value; {
		case v.Required:
			fmt.Fprintf(&b, "%s=\n", v.Name)
		case v.Default() != first:
			fmt.Fprintf(&b, "# By default %s.\n# %s=\n", v.Default(), v.Name)
		default:
			fmt.Fprintf(&b, "# %s=%s\n", v.Name, first)
		}
	}
	return b.String()
}

// field is a setting as a struct declares it.
type field struct {
	Variable
	path     string // the field's name and type, by which the parser names it
	standard string
	required bool
}

// fieldsOf lists the settings of a pointer to a struct, those of its groups
// included.
func fieldsOf(settings any) []field {
	var all []field
	walk(reflect.ValueOf(settings).Elem(), func(f reflect.StructField, value reflect.Value) {
		name, options, _ := strings.Cut(f.Tag.Get("env"), ",")
		standard, ok := f.Tag.Lookup("envDefault")
		if !ok && !value.IsZero() {
			standard = fmt.Sprint(value.Interface())
		}
		all = append(all, field{
			Variable: Variable{Name: Prefix + name, Means: f.Tag.Get("means"), Secret: f.Tag.Get("secret") == "true"},
			path:     f.Name + " " + f.Type.String(), standard: standard, required: options != "",
		})
	}, func(any) {})
	return all
}

// groupsOf lists the groups of a pointer to a struct, each as a pointer.
func groupsOf(settings any) []any {
	var all []any
	walk(reflect.ValueOf(settings).Elem(), func(reflect.StructField, reflect.Value) {}, func(group any) { all = append(all, group) })
	return all
}

// walk visits the settings, and the groups that hold them.
func walk(s reflect.Value, setting func(reflect.StructField, reflect.Value), group func(any)) {
	for i := range s.NumField() {
		f, value := s.Type().Field(i), s.Field(i)
		if f.Tag.Get("env") != "" {
			setting(f, value)
			continue
		}
		group(value.Addr().Interface())
		walk(value, setting, group)
	}
}
