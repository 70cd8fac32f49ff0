package main

import "strings"

// quoted writes NAME=value so that a shell reads it back as it is.
func quoted(line string) string {
	name, value, _ := strings.Cut(line, "=")
	return name + "='" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
