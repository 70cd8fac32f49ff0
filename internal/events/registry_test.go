package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// examples has one of each event, with every member filled.
func examples() []Payload {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	capabilities, tenants := []string{"view_data"}, []TenantID{"0197a000-0000-7000-8000-000000000001"}
	details := SupplierDetails{
		Name: "DFL S.r.l.", Slug: "dfl-s-r-l", LogoURL: "https://example.com/l.png", LegalName: "DFL", LegalAddress: "Via 1",
		LegalDetails: "d", LegalEmail: "l@example.com", LegalNumber: "2", TaxID: "3", Status: "active", Active: true,
	}
	return []Payload{
		SupplierCreated{Supplier: "s", SupplierDetails: details},
		SupplierChanged{Supplier: "s", SupplierDetails: details},
		UserCreated{User: "u", Email: "ada@example.com", Name: "Ada", Role: Viewer, Supplier: "s"},
		UserRenamed{User: "u", Name: "Countess"},
		UserRoleChanged{User: "u", Role: Auditor},
		UserActivated{User: "u"},
		UserDisabled{User: "u", Reason: "left"},
		UserEnabled{User: "u", Reason: "came back"},
		UserEmailChanged{User: "u", Email: "countess@example.com"},
		UserDefaultRoleChanged{User: "u", Role: Reseller},
		UserDeleted{User: "u"},
		MembershipSet{User: "u", Supplier: "s", MembershipEntry: MembershipEntry{
			Role: Agent, Capabilities: []string{"place_orders"}, ResellerScope: All, Resellers: []string{"c"}, AddressScope: List, Addresses: []string{"a"},
			Limits: json.RawMessage(`{"orders":3}`), Flags: json.RawMessage(`{"beta":true}`), Metadata: json.RawMessage(`{"team":"north"}`),
		}},
		MembershipRemoved{User: "u", Supplier: "s"},
		APIKeyIssued{
			Key: "k", User: "u", Name: "laptop", Hash: "1.a", Prefix: "tnr_abcd", LastFour: "wxyz",
			Capabilities: &capabilities, Tenants: &tenants, ExpiresAt: &at,
		},
		APIKeyRotated{Key: "k", User: "u", Hash: "1.b", Prefix: "tnr_bcde", LastFour: "vwxy", Previous: "1.a", PreviousExpiresAt: &at, Ended: "1.0"},
		APIKeyRevoked{Key: "k", User: "u", Hashes: []KeyHash{"1.b", "1.a"}},
	}
}

func TestTheBytesOfEachEventAreThoseThatWereCommitted(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range examples() {
		name, schema, data, err := Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		seen[name] = true
		file := filepath.Join("testdata", name+".v"+string(rune('0'+schema))+".json")
		if *update {
			if err := os.WriteFile(file, append(data, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("%s has no golden file: run the tests of this package with -update, once: %v", name, err)
		}
		if got := string(data) + "\n"; got != string(want) {
			t.Errorf("%s is written differently than before. What is in a log stays readable; give it a new schema and an upcaster.\ngot  %swant %s", name, got, want)
		}
		back, err := Decode(name, schema, bytes.TrimSpace(want))
		if err != nil {
			t.Errorf("decode %s: %v", name, err)
		}
		if diff := cmp.Diff(back, p); diff != "" {
			t.Errorf("%s does not come back (- got, + want):\n%s", name, diff)
		}
	}
	for _, name := range Types() {
		if !seen[name] && !registry[name].retired {
			t.Errorf("%s has no example here, and so no golden file", name)
		}
	}
}

func TestEveryMemberOfEachExampleIsFilled(t *testing.T) {
	t.Parallel()
	for _, p := range examples() {
		v := reflect.ValueOf(p)
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s: %s is empty in the example, so the golden file says nothing of it", p.EventType(), v.Type().Field(i).Name)
			}
		}
	}
}

func TestEveryTypeThatIsAnEventIsInTheRegistry(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, e := range registry {
		known[reflect.TypeOf(e.zero).Name()] = true
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Name.Name != "EventType" || f.Recv == nil {
				continue
			}
			name := f.Recv.List[0].Type.(*ast.Ident).Name
			if !known[name] {
				t.Errorf("%s: %s has an EventType and is not in the registry", file, name)
			}
		}
	}
}

// wasNamed is a shape from before, as a later version of the house would keep
// one.
type wasNamed struct {
	First, Last string
}

func (wasNamed) EventType() string { return "test.was_named" }

func TestARetiredEventIsReadAsItsSuccessorAndNotAppended(t *testing.T) {
	t.Parallel()
	e := upcast(1, func(old wasNamed) UserRenamed { return UserRenamed{Name: old.First + " " + old.Last} })
	got, err := e.decode([]byte(`{"First":"Ada","Last":"Lovelace"}`))
	if err != nil || got != (UserRenamed{Name: "Ada Lovelace"}) {
		t.Errorf("decoded %#v, %v", got, err)
	}
	if !e.retired || e.name != "test.was_named" {
		t.Errorf("the entry: %+v", e)
	}
	if _, _, _, err := Encode(wasNamed{}); !errors.Is(err, ErrUnknownType) {
		t.Errorf("append it: %v", err)
	}
	for name, e := range registry {
		if e.retired != (name != e.zero.EventType()) {
			t.Errorf("%s is retired: %v, and decodes as %s", name, e.retired, e.zero.EventType())
		}
	}
}

func TestTwoEventsOfOneNameDoNotStart(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("the table was made")
		}
	}()
	index(event[UserCreated](1), event[UserCreated](1))
}

func TestWhatIsNotInTheRegistryIsNotRead(t *testing.T) {
	t.Parallel()
	for name, schema := range map[string]int{"user.crowned": 1, "user.created": 2, "user.deleted": 0} {
		if _, err := Decode(name, schema, []byte(`{}`)); !errors.Is(err, ErrUnknownType) {
			t.Errorf("%s of schema %d: %v", name, schema, err)
		}
	}
	if _, err := Decode("user.created", 1, []byte(`{"email":1}`)); err == nil || errors.Is(err, ErrUnknownType) {
		t.Errorf("bytes of another shape: %v", err)
	}
}

// Personal fields carry a tag, so that what is to be forgotten can be found.
func TestFieldsThatIdentifyAPersonAreTagged(t *testing.T) {
	t.Parallel()
	personal := []string{"email", "name", "ip", "user_agent", "legal_email", "reason"}
	for _, of := range append(examples(), Payload(nil)) {
		typ := reflect.TypeOf(Meta{})
		if of != nil {
			typ = reflect.TypeOf(of)
		}
		for _, f := range reflect.VisibleFields(typ) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			business := strings.HasPrefix(typ.Name(), "Supplier") && name == "name" || strings.HasPrefix(typ.Name(), "APIKey")
			if slices.Contains(personal, name) && !business && f.Tag.Get("personal") != "true" {
				t.Errorf("%s.%s is not tagged personal", typ.Name(), f.Name)
			}
		}
	}
}

func TestSecretsAreTagged(t *testing.T) {
	t.Parallel()
	for _, p := range examples() {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(p)) {
			hash := f.Type == reflect.TypeFor[KeyHash]() || f.Type == reflect.TypeFor[[]KeyHash]()
			if hash != (f.Tag.Get("secret") == "true") {
				t.Errorf("%s.%s: a hash of a key is tagged secret, and nothing else", p.EventType(), f.Name)
			}
		}
	}
}

func TestRolesAreReadInAnyCaseAndUnderTheirFormerNames(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]Role{
		"ADMIN": SuperAdmin, "standard": Viewer, "Wholesale_Admin": SupplierAdmin, "wholesaler_admin": SupplierAdmin,
		"wholesaler_helpdesk": SupplierHelpdesk, "agent_admin": AgentAdmin, "Viewer": Viewer, "auditor": Auditor,
	} {
		if got, ok := ParseRole(s); !ok || got != want {
			t.Errorf("ParseRole(%q) = %q, %v", s, got, ok)
		}
	}
	for _, r := range Roles() {
		if got, ok := ParseRole(string(r)); !ok || got != r {
			t.Errorf("ParseRole(%q) = %q, %v", r, got, ok)
		}
	}
	for _, s := range []string{"", "king", "super admin", "supplier-admin"} {
		if got, ok := ParseRole(s); ok {
			t.Errorf("ParseRole(%q) = %q", s, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, p := range examples() {
		name, schema, data, err := Encode(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(name, schema, data)
	}
	f.Fuzz(func(t *testing.T, name string, schema int, data []byte) {
		p, err := Decode(name, schema, data)
		if err != nil {
			return
		}
		// What was read can be written, and comes back the same.
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(name, schema, again)
		if err != nil {
			t.Fatalf("decode what was encoded: %v", err)
		}
		if diff := cmp.Diff(back, p); diff != "" {
			t.Error(diff)
		}
	})
}
