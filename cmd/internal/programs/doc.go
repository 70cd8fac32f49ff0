// Package programs holds the tests of what only whole processes have: settings,
// signals, exit codes, and one reading what the other wrote. It has no code of
// its own.
package programs
