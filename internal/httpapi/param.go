package httpapi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// checkParam checks a variable of a path or a query against its schema. It
// gives the value in the one form that is used from here on, or says what is
// wrong in words that never hold the value.
func checkParam(schema *huma.Schema, value string) (accepted, wrong string) {
	switch {
	case schema.Type == huma.TypeInteger:
		return value, checkInteger(schema, value)
	case schema.Type == huma.TypeBoolean:
		if value != "true" && value != "false" {
			return "", "must be true or false"
		}
		return value, ""
	case schema.Format == "uuid":
		id, ok := canonicalUUID(value)
		if !ok {
			return "", "must be a UUID"
		}
		return id, ""
	case schema.Format == "date-time":
		if _, err := time.Parse(time.RFC3339Nano, value); err != nil {
			return "", "must be an RFC 3339 time"
		}
		return value, ""
	default:
		return value, checkString(schema, value)
	}
}

// checkInteger takes digits only. Signs, spaces, fractions and exponents,
// which other parsers take, are refused, so that one number has one spelling.
func checkInteger(schema *huma.Schema, value string) string {
	low, high := bounds(schema)
	wrong := fmt.Sprintf("must be a whole number from %d to %d", low, high)
	if value == "" || strings.ContainsFunc(value, notDigit) || len(value) > 1 && value[0] == '0' {
		return wrong
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < low || n > high {
		return wrong
	}
	return ""
}

func notDigit(c rune) bool { return c < '0' || c > '9' }

// bounds are the limits of a schema of whole numbers.
func bounds(schema *huma.Schema) (low, high int64) {
	high = 1<<63 - 1
	if schema.Minimum != nil {
		low = int64(*schema.Minimum)
	}
	if schema.Maximum != nil {
		high = int64(*schema.Maximum)
	}
	return low, high
}

// checkString refuses what is no text, what is over the limit, and what is
// not among the values there are. Only a schema that says so takes nothing.
func checkString(schema *huma.Schema, value string) string {
	if wrong := checkText(value); wrong != "" {
		return wrong
	}
	switch {
	case value == "" && (schema.MinLength == nil || *schema.MinLength > 0):
		return "must not be empty"
	case schema.MaxLength != nil && utf8.RuneCountInString(value) > *schema.MaxLength:
		return over("at most", *schema.MaxLength, "characters")
	case len(schema.Enum) > 0 && !slices.Contains(schema.Enum, any(value)):
		return "must be one of the values there are"
	}
	return ""
}

// over names the limit that was passed.
func over(how string, limit int, of string) string {
	return fmt.Sprintf("must be %s %d %s", how, limit, of)
}
