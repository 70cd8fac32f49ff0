package httpapi

import (
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tenure/internal/fault"
)

// checkQuery reads a query as the operation describes it, and nothing else:
// every parameter known, given once unless it is a list, never empty, and of
// the form its schema states. It gives the accepted values and the rest.
func (a *api) checkQuery(raw string, op *huma.Operation) (url.Values, []fault.Detail) {
	values := url.Values{}
	var details []fault.Detail
	if raw == "" {
		return values, nil
	}
	for pair := range strings.SplitSeq(raw, "&") {
		if len(details) > maxDetails {
			break
		}
		name, value, wrong := splitPair(pair)
		if wrong != "" {
			details = append(details, fault.Detail{Location: "query", Message: wrong})
			continue
		}
		if value, wrong = checkPair(op, values, name, value); wrong != "" {
			details = append(details, fault.Detail{Location: place("query", name), Message: wrong})
			continue
		}
		values.Add(name, value)
	}
	return values, details
}

// splitPair decodes one parameter. A semicolon once parted parameters, and
// still does in some programs; the two readings must not meet here.
func splitPair(pair string) (name, value, wrong string) {
	if strings.Contains(pair, ";") {
		return "", "", "a semicolon must be percent-encoded"
	}
	name, value, _ = strings.Cut(pair, "=")
	name, errName := url.QueryUnescape(name)
	value, errValue := url.QueryUnescape(value)
	if errName != nil || errValue != nil {
		return "", "", "must be percent-encoded UTF-8"
	}
	return name, value, ""
}

// checkPair checks one decoded parameter beside those that came before it.
func checkPair(op *huma.Operation, before url.Values, name, value string) (string, string) {
	i := slices.IndexFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "query" && p.Name == name })
	if i < 0 {
		return "", "unknown parameter"
	}
	schema := op.Parameters[i].Schema
	if schema.Type == huma.TypeArray {
		if schema.MaxItems != nil && len(before[name]) >= *schema.MaxItems {
			return "", over("at most", *schema.MaxItems, "values")
		}
		return checkParam(schema.Items, value)
	}
	if before.Has(name) {
		return "", "must be given once"
	}
	return checkParam(schema, value)
}

// place is where in a request something is. Names that came from outside are
// part of it only when they are plain words; others could be anything.
func place(parent, name string) string {
	if name == "" || len(name) > 64 || strings.ContainsFunc(name, notWord) {
		return parent
	}
	return parent + "." + name
}

func notWord(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-'
}
