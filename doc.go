// Package tenure is the root of the module. It holds the rules of the house
// and no code.
package tenure
