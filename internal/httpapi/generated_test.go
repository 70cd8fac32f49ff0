package httpapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"tenure/internal/events"
)

var update = flag.Bool("update", false, "write the generated files in docs anew")

// docs is where what is generated is committed.
const docs = "../../docs"

// TestTheCommittedDescriptionIsCurrent: docs/openapi.yaml is what is served.
func TestTheCommittedDescriptionIsCurrent(t *testing.T) {
	t.Parallel()
	server := testServer(io.Discard)
	server.Version = ""
	s, err := server.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	a := newAPI(s, newRouter())
	s.routes(a)
	text, err := a.OpenAPI().YAML()
	if err != nil {
		t.Fatal(err)
	}
	mustBeCommitted(t, "openapi.yaml", text)
}

// TestTheCommittedSchemasAreCurrent: docs/events has the schema of each event,
// for those who read the log with programs of their own.
func TestTheCommittedSchemasAreCurrent(t *testing.T) {
	t.Parallel()
	setHuma() // or it depends on which test comes first
	for _, name := range events.Types() {
		sample, _ := events.Sample(name)
		if sample.EventType() != name {
			continue // retired: it is read as its successor
		}
		schema := eventSchema(t, name, reflect.TypeOf(sample))
		text, err := json.MarshalIndent(schema, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		mustBeCommitted(t, filepath.Join("events", name+".json"), append(text, '\n'))
	}
}

// eventSchema is one event's, without references to others.
func eventSchema(t *testing.T, name string, typ reflect.Type) map[string]any {
	t.Helper()
	registry := huma.NewMapRegistry("#/$defs/", huma.DefaultSchemaNamer)
	text, err := json.Marshal(huma.SchemaFromType(registry, typ))
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = name
	properties, _ := schema["properties"].(map[string]any)
	for _, f := range reflect.VisibleFields(typ) {
		property, ok := properties[jsonName(f)].(map[string]any)
		if !ok {
			continue
		}
		for _, tag := range []string{"personal", "secret"} {
			if f.Tag.Get(tag) == "true" {
				property["x-"+tag] = true
			}
		}
	}
	return schema
}

func jsonName(f reflect.StructField) string {
	name, _, _ := bytes.Cut([]byte(f.Tag.Get("json")), []byte(","))
	return string(name)
}

func mustBeCommitted(t *testing.T, file string, want []byte) {
	t.Helper()
	path := filepath.Join(docs, file)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/%s is not what the program says (%v): run `make generate`", file, err)
	}
}
