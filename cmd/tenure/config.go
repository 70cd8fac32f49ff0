package main

import (
	"fmt"
	"io"
	"strings"

	"tenure/cmd/internal/boot"
)

type config struct {
	Example bool `help:"Print the text of .env.example instead."`
}

// Run lists the settings. It never shows a secret, and fails for nothing: who
// has made a mistake looks here.
func (c config) Run(t *terminal) error {
	if c.Example {
		_, err := io.WriteString(t.stdout, boot.Example())
		return err
	}
	for _, v := range boot.Variables() {
		fmt.Fprintf(t.stdout, "%s  (%s)\n    %s\n    %s\n", v.Name, strings.Join(v.Uses(), ", "), v.Means, standing(v, t.environment))
	}
	for _, name := range t.environment.Unknown() {
		fmt.Fprintf(t.stdout, "%s\n    is set and is no setting\n", name)
	}
	return nil
}

// standing is how a setting is set.
func standing(v boot.Variable, environment boot.Environment) string {
	value := environment[v.Name]
	switch {
	case value != "" && v.Secret:
		return "set (secret)"
	case value != "":
		return "set: " + value + defaulting(v)
	case v.Required:
		return "not set, and required"
	case v.Default() == "":
		return "not set"
	default:
		return "not set" + defaulting(v)
	}
}

func defaulting(v boot.Variable) string {
	if v.Default() == "" {
		return ""
	}
	return "; default " + v.Default()
}
