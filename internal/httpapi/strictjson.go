package httpapi

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"tenure/internal/fault"
)

// maxDepth is how deep objects and lists may lie in each other.
const maxDepth = 16

// checkJSON checks what encoding/json lets pass, and huma after it: members
// given twice or in another case, unknown ones, null where there is none,
// numbers that are whole in value and not in spelling, lone surrogates,
// invalid UTF-8, control characters, and nesting without end.
func checkJSON(data []byte, schemas huma.Registry, schema *huma.Schema) []fault.Detail {
	if !json.Valid(data) {
		return []fault.Detail{{Location: "body", Message: "must be JSON"}}
	}
	c := jsonCheck{data: data, schemas: schemas}
	c.value("body", schema, 0)
	return c.details
}

// jsonCheck walks a text that is known to be valid JSON, so that it needs to
// tell only what is there, never whether it is right.
type jsonCheck struct {
	data    []byte
	at      int
	schemas huma.Registry
	details []fault.Detail
	stop    bool
}

// note records what is wrong at a place, and ends the walk when that is more
// than an answer tells.
func (c *jsonCheck) note(where, message string) {
	c.details = append(c.details, fault.Detail{Location: where, Message: message})
	c.stop = c.stop || len(c.details) >= maxDetails
}

// value walks one value. The schema is nil where nothing is known of it.
func (c *jsonCheck) value(where string, schema *huma.Schema, depth int) {
	schema = c.resolve(schema)
	switch c.space(); c.data[c.at] {
	case '{':
		c.object(where, schema, depth+1)
	case '[':
		c.list(where, schema, depth+1)
	case '"':
		c.text(where, c.literal())
	case 'n':
		c.literal()
		if schema != nil && schema.Type != "" && !schema.Nullable {
			c.note(where, "must not be null")
		}
	default:
		c.number(where, schema, c.literal())
	}
}

// resolve follows references.
func (c *jsonCheck) resolve(schema *huma.Schema) *huma.Schema {
	for schema != nil && schema.Ref != "" {
		schema = c.schemas.SchemaFromRef(schema.Ref)
	}
	return schema
}

// tooDeep notes nesting over the limit, which ends the walk: what lies below
// may be a megabyte of brackets.
func (c *jsonCheck) tooDeep(where string, depth int) bool {
	if depth > maxDepth {
		c.note(where, fmt.Sprintf("must not be nested deeper than %d", maxDepth))
		c.stop = true
	}
	return c.stop
}

// object walks an object and its members.
func (c *jsonCheck) object(where string, schema *huma.Schema, depth int) {
	if c.tooDeep(where, depth) {
		return
	}
	seen := map[string]bool{}
	for c.enter('}') {
		raw := c.literal()
		name := unquote(raw)
		c.text(where, raw)
		at := place(where, name)
		if seen[name] {
			c.note(at, "must be given once")
		}
		seen[name] = true
		c.space()
		c.at++ // the colon
		c.value(at, c.member(at, schema, name), depth)
		if c.stop {
			return
		}
	}
}

// member is what the schema of an object says of one of its members. A member
// that is not in the schema, letter for letter, is unknown.
func (c *jsonCheck) member(where string, schema *huma.Schema, name string) *huma.Schema {
	if schema == nil || schema.Type != huma.TypeObject {
		return nil
	}
	if known, ok := schema.Properties[name]; ok {
		return known
	}
	if closed, ok := schema.AdditionalProperties.(bool); ok && !closed {
		c.note(where, "unknown member")
	}
	return nil
}

// list walks a list.
func (c *jsonCheck) list(where string, schema *huma.Schema, depth int) {
	if c.tooDeep(where, depth) {
		return
	}
	var items *huma.Schema
	if schema != nil {
		items = schema.Items
	}
	for i := 0; c.enter(']'); i++ {
		c.value(where+"["+strconv.Itoa(i)+"]", items, depth)
		if c.stop {
			return
		}
	}
}

// enter moves past the opening bracket or the comma before the next element,
// or past the closing bracket, and tells whether there is an element.
func (c *jsonCheck) enter(end byte) bool {
	c.space()
	if c.data[c.at] == end {
		c.at++
		return false
	}
	c.at++ // the opening bracket or a comma
	c.space()
	if c.data[c.at] == end {
		c.at++
		return false
	}
	return true
}

// literal moves past a string, a number or a word and gives its bytes.
func (c *jsonCheck) literal() []byte {
	start := c.at
	if c.data[c.at] != '"' {
		for c.at < len(c.data) && !isDelimiter(c.data[c.at]) {
			c.at++
		}
		return c.data[start:c.at]
	}
	for c.at++; c.data[c.at] != '"'; c.at++ {
		if c.data[c.at] == '\\' {
			c.at++
		}
	}
	c.at++
	return c.data[start:c.at]
}

func isDelimiter(b byte) bool {
	return b == ',' || b == ']' || b == '}' || b == ' ' || b == '\t' || b == '\r' || b == '\n'
}

func (c *jsonCheck) space() {
	for c.at < len(c.data) && (c.data[c.at] == ' ' || c.data[c.at] == '\t' || c.data[c.at] == '\r' || c.data[c.at] == '\n') {
		c.at++
	}
}

// number notes a number that no parser can hold, and one that has to be whole
// and is not.
func (c *jsonCheck) number(where string, schema *huma.Schema, raw []byte) {
	if raw[0] == 't' || raw[0] == 'f' {
		return
	}
	if schema != nil && schema.Type == huma.TypeInteger {
		if _, ok := wholeOf(raw); !ok {
			low, high := bounds(schema)
			c.note(where, fmt.Sprintf("must be a whole number from %d to %d", low, high))
		}
		return
	}
	if _, err := strconv.ParseFloat(string(raw), 64); err != nil {
		c.note(where, "must be a number of at most 64 bits")
	}
}
