package events

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"unicode/utf8"
)

// shape is how a plain struct stands in the log: an object of strings, and of
// pointers to such structs, in the order of its fields, as Encode writes it.
// Most events are plain, and so is the meta of all. To read them takes a fourth
// of the time of encoding/json, which was half of what reading the log takes.
type shape []member

type member struct {
	key   string // with its quotes and colon
	field int
	to    reflect.Type // what a pointer points to; nil: a string
	inner shape        // its shape
}

// shapeOf is nil for a type whose values can be other than plain.
func shapeOf(t reflect.Type) shape { return shapeWithin(t, true) }

func shapeWithin(t reflect.Type, pointers bool) shape {
	if t.Kind() != reflect.Struct || readsItself(t) {
		return nil
	}
	s := shape{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		m := member{key: `"` + name + `":`, field: i}
		if pointers && f.Type.Kind() == reflect.Pointer {
			m.to = f.Type.Elem()
			m.inner = shapeWithin(m.to, false)
		}
		plain := m.inner != nil || f.Type.Kind() == reflect.String && !readsItself(f.Type)
		if name == "" || name == "-" || options != "" && options != "omitempty" || !f.IsExported() || !plain {
			return nil
		}
		s = append(s, m)
	}
	return s
}

func readsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// unmarshal does what json.Unmarshal does, which reads all that is not plain.
// Into points to a zero value of the type that s is the shape of.
func (s shape) unmarshal(data []byte, into any) error {
	if s == nil {
		return json.Unmarshal(data, into)
	}
	v := reflect.ValueOf(into).Elem()
	if rest, ok := s.read(string(data), v); ok && rest == "" {
		return nil
	}
	v.SetZero()
	return json.Unmarshal(data, into)
}

// read reads the object that text begins with and gives what follows it. The
// strings in v are parts of text.
func (s shape) read(text string, v reflect.Value) (rest string, ok bool) {
	if rest, ok = strings.CutPrefix(text, "{}"); ok {
		return rest, true
	}
	rest, ok = strings.CutPrefix(text, "{")
	for ok {
		for len(s) > 0 && !strings.HasPrefix(rest, s[0].key) {
			s = s[1:]
		}
		if len(s) == 0 {
			break
		}
		if rest, ok = s[0].read(rest[len(s[0].key):], v.Field(s[0].field)); !ok || rest == "" {
			break
		}
		if rest[0] == '}' {
			return rest[1:], true
		}
		s = s[1:]
		rest, ok = strings.CutPrefix(rest, ",")
	}
	return "", false
}

func (m member) read(text string, v reflect.Value) (rest string, ok bool) {
	if m.inner != nil {
		v.Set(reflect.New(m.to))
		return m.inner.read(text, v.Elem())
	}
	value, rest, ok := plainString(text)
	v.SetString(value)
	return rest, ok
}

// plainString reads the string that text begins with, if it stands there as it
// is: without an escape, and in valid UTF-8.
func plainString(text string) (value, rest string, ok bool) {
	if text == "" || text[0] != '"' {
		return "", "", false
	}
	bits := byte(0)
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			value = text[1:i]
			return value, text[i+1:], bits < utf8.RuneSelf || utf8.ValidString(value)
		case c < ' ' || c == '\\':
			return "", "", false
		default:
			bits |= c
		}
	}
	return "", "", false
}

// DecodeMeta reads the meta of an event. It fails with what is wrong with the
// bytes.
func DecodeMeta(data []byte) (m Meta, err error) {
	err = metaShape.unmarshal(data, &m)
	return m, err
}

var metaShape = shapeOf(reflect.TypeFor[Meta]())
