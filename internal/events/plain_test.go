package events

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhichEventsArePlain(t *testing.T) {
	t.Parallel()
	type (
		inner   struct{ A *string }
		cycle   struct{ A *cycle }
		unnamed struct{ A string }
		quoted  struct {
			A string `json:"a,string"`
		}
		number struct {
			A int `json:"a"`
		}
		deep struct {
			A *inner `json:"a"`
		}
		round struct {
			A *cycle `json:"a"`
		}
	)
	for _, v := range []any{APIKeyIssued{}, APIKeyRevoked{}, SupplierCreated{}, unnamed{}, quoted{}, number{}, deep{}, round{}, "", json.RawMessage{}} {
		if shapeOf(reflect.TypeOf(v)) != nil {
			t.Errorf("%T is taken for plain", v)
		}
	}
	for _, v := range []any{Meta{}, UserCreated{}, UserRenamed{}, UserDeleted{}} {
		if shapeOf(reflect.TypeOf(v)) == nil {
			t.Errorf("%T is not taken for plain", v)
		}
	}
}

// What is written by Encode is read without encoding/json.
func TestWhatIsWrittenIsPlain(t *testing.T) {
	t.Parallel()
	want := Meta{Actor: "a", Principal: ByUser, UserAgent: "Zoë/1.0", AllowedBy: &AllowedBy{Permission: "p", Membership: "m"}}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Meta
	rest, ok := metaShape.read(string(data), reflect.ValueOf(&got).Elem())
	if !ok || rest != "" || !cmp.Equal(got, want) {
		t.Errorf("read: %v, rest %q\n%s", ok, rest, cmp.Diff(want, got))
	}
}

// FuzzPlain holds against encoding/json whatever bytes stand in the log.
func FuzzPlain(f *testing.F) {
	for _, seed := range []string{
		`{"actor_id":"a","principal":"user","correlation_id":"c","allowed_by":{"permission":"p","role":"r"}}`,
		`{}`, `{ }`, `{"allowed_by":{}}`, `{"allowed_by":null}`, `{"allowed_by":{"permission":"p"},"allowed_by":{"role":"r"}}`,
		`{"system":"x","actor_id":"out of order"}`, `{"actor_id":"a","actor_id":"twice"}`, `{"ACTOR_ID":"a"}`, `{"other":"a"}`,
		`{"actor_id":"\u003c"}`, `{"actor_id":"\\"}`, "{\"actor_id\":\"\xff\"}", "{\"actor_id\":\"\n\"}", `{"actor_id":"Zoë"}`,
		`{"actor_id":"a"`, `{"actor_id":"a",}`, `{"actor_id":"a"}x`, `{"actor_id":1}`, `{"actor_id"}`, `{"actor_id":`, `{,}`, `{`, ``, `"`, `null`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want Meta
		wantErr := json.Unmarshal(data, &want)
		got, err := DecodeMeta(data)
		if (err == nil) != (wantErr == nil) || !cmp.Equal(got, want) {
			t.Errorf("%q: %v, want %v\n%s", data, err, wantErr, cmp.Diff(want, got))
		}
	})
}
