package httpapi

import (
	"bytes"
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"
)

// FuzzStrictJSON: whatever the bytes, the check ends; and what it lets pass
// means one thing to every parser and can be written to every store.
func FuzzStrictJSON(f *testing.F) {
	for _, seed := range []string{
		`{"email":"a@b.c"}`, `{"email":"a","email":"b"}`, `{"data":{"a":[1,2,{"b":null}]}}`, `{"name":"\ud83d\ude00"}`, `{"name":"\ud83d"}`,
		"{\"name\":\"\xff\"}", `[[[]]]`, ` [ 1 , "a" , true ] `, `{"size":1e3}`, `{"a\"b":1,"a\u0022b":2}`, `"\\"`, `{}`, `{"":{"":""}}`, strings.Repeat("[", 40) + strings.Repeat("]", 40),
		`"\ud800\\udc00"`, `{"a":"\\","b":1}`, `-0.0e+1`, `1E1000`,
	} {
		f.Add([]byte(seed))
	}
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schema := schemas.Schema(reflect.TypeFor[thing](), true, "")
	f.Fuzz(func(t *testing.T, data []byte) {
		known := checkJSON(data, schemas, schema)
		free := checkJSON(data, schemas, nil)
		if len(known) == 0 && len(free) > 0 {
			t.Errorf("a schema allows what none allows: %v", free)
		}
		if len(free) > 0 {
			return
		}
		var v any
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatalf("accepted: %v", err)
		}
		mustBePlain(t, v, 0)
		if got, want := members(v), tokens(t, data); got != want {
			t.Errorf("%d members of %d are left", got, want)
		}
	})
}

// mustBePlain checks all texts and the depth of a decoded value.
func mustBePlain(t *testing.T, v any, depth int) {
	t.Helper()
	if depth > maxDepth {
		t.Fatal("deeper than the limit")
	}
	switch v := v.(type) {
	case string:
		if wrong := checkText(v); wrong != "" {
			t.Errorf("%q %s", v, wrong)
		}
	case []any:
		for _, item := range v {
			mustBePlain(t, item, depth+1)
		}
	case map[string]any:
		for name, item := range v {
			mustBePlain(t, name, depth)
			mustBePlain(t, item, depth+1)
		}
	}
}

// members counts the members of all objects after decoding.
func members(v any) int {
	n := 0
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			n += members(item)
		}
	case map[string]any:
		for _, item := range v {
			n += 1 + members(item)
		}
	}
	return n
}

// tokens counts the members of all objects before decoding: the strings that
// stand where a name stands.
func tokens(t *testing.T, data []byte) int {
	d := json.NewDecoder(bytes.NewReader(data))
	n := 0
	var inObject, named []bool
	for {
		token, err := d.Token()
		if err != nil {
			return n
		}
		last := len(inObject) - 1
		switch token {
		case json.Delim('}'), json.Delim(']'):
			inObject, named = inObject[:last], named[:last]
			continue
		}
		if last >= 0 && inObject[last] {
			if named[last] = !named[last]; named[last] {
				n++
				continue
			}
		}
		if token == json.Delim('{') || token == json.Delim('[') {
			inObject, named = append(inObject, token == json.Delim('{')), append(named, false)
		}
	}
}

// FuzzQuery: whatever the text, the check ends; and what it lets pass is what
// the standard library reads, and nothing else.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"", "page=1", "page=1&page=2", "page=+1", "search=a+b%20c", "a;b", "%zz", "id__in=x&id__in=y", "&&&", "=", "page", "%70age=1", "search=%00", "search=%ff", "status=active&active=true",
	} {
		f.Add(seed)
	}
	low, high, limit := 1.0, 100000.0, 200
	zero := 0
	op := &huma.Operation{Parameters: []*huma.Param{
		{Name: "page", In: "query", Schema: &huma.Schema{Type: huma.TypeInteger, Minimum: &low, Maximum: &high}},
		{Name: "search", In: "query", Schema: &huma.Schema{Type: huma.TypeString, MinLength: &zero, MaxLength: &limit}},
		{Name: "status", In: "query", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"active"}}},
		{Name: "active", In: "query", Schema: &huma.Schema{Type: huma.TypeBoolean}},
		{Name: "id__in", In: "query", Schema: &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}}},
	}}
	f.Fuzz(func(t *testing.T, raw string) {
		values, wrong := (&api{}).checkQuery(raw, op)
		if len(wrong) > 0 {
			return
		}
		want, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatalf("accepted: %v", err)
		}
		if diff := cmp.Diff(want, values); diff != "" {
			t.Error(diff)
		}
		again, err := url.ParseQuery(values.Encode())
		if err != nil || !cmp.Equal(values, again) {
			t.Errorf("%v becomes %v when it is written again", values, again)
		}
	})
}
