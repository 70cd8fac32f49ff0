package httpapi

import (
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tenure/internal/events"
	"tenure/internal/projections"
)

// The forms that texts of a request have, as the description says them. The
// checks are elsewhere and stay what decides: they tell callers what is wrong
// in words, which a pattern cannot.
const (
	// textForm is what checkText takes.
	textForm = `^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*$`
	// uuidForm is what canonicalUUID takes, as part of a pattern.
	uuidForm = `[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`
	// tokenForm is what tokenOf takes: 24 bytes in base64, of which the 17th
	// begins with a zero, since no position is negative. Empty is none.
	tokenForm = `^([A-Za-z0-9_-]{21}[A-HQ-Xg-nw-z0-3][A-Za-z0-9_-]{10})?$`
	// tagsForm is what matchOf takes beside the asterisk.
	tagsForm = `^` + tagForm + `([ \t]*,[ \t,]*` + tagForm + `)*[ \t,]*$`
	tagForm  = `(W/)?"[!#-~\x80-\xff]*"`
	// onceForm is what onceOf takes, as far as a header can be sent by all.
	onceForm = `^[!-~]([ -~]*[!-~])?$`
	// capabilityForm is what capabilitiesOf takes.
	capabilityForm = `^[A-Za-z0-9_.:-]{1,64}$`
)

// matchForms are what matchOf takes, apart: a tool that finds no text for the
// longer one still has the other.
func matchForms() []*huma.Schema { return []*huma.Schema{{Enum: []any{"*"}}, {Pattern: tagsForm}} }

// highestNames are what the highest role can be called in a request.
func highestNames() []string { return []string{string(events.SuperAdmin), "admin"} }

// lowerNames are what the roles can be called that a membership can give.
func lowerNames() []string {
	return []string{
		string(events.SupplierAdmin), string(events.SupplierHelpdesk), string(events.AgentAdmin),
		string(events.Agent), string(events.Reseller), string(events.Viewer), string(events.Auditor),
		"standard", "wholesale_admin", "wholesaler_admin", "wholesaler_helpdesk",
	}
}

// roleForm is what events.ParseRole takes: all names, in any case.
func roleForm() string { return anyCase(slices.Concat(highestNames(), lowerNames())) }

// givenForm is that of a role in a membership.
func givenForm() string { return anyCase(lowerNames()) }

// anyCase is the pattern of these names.
func anyCase(names []string) string {
	var forms []string
	for _, name := range names {
		var form strings.Builder
		for _, c := range name {
			if c == '_' {
				form.WriteRune(c)
				continue
			}
			form.WriteString("[" + string(c) + strings.ToUpper(string(c)) + "]")
		}
		forms = append(forms, form.String())
	}
	return "^(" + strings.Join(forms, "|") + ")$"
}

// orderForm is what a list can be ordered by.
func orderForm(sorts []string) string { return "^-?(" + strings.Join(sorts, "|") + ")$" }

// ordered says what the list of an operation can be ordered by.
func ordered(a *api, path string, sorts []string) {
	param(a.OpenAPI().Paths[path].Get, "order_by").Pattern = orderForm(sorts)
}

// param is the schema of one of an operation's parameters, which it must have.
func param(op *huma.Operation, name string) *huma.Schema {
	i := slices.IndexFunc(op.Parameters, func(p *huma.Param) bool { return p.Name == name })
	return op.Parameters[i].Schema
}

// stated makes the description of all operations say what they take beyond what
// the types of their inputs say. It comes after the last operation, so that
// huma, which has read its schemas by then, does not check this as well.
func (s *Server) stated(a *api) {
	for _, item := range a.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil {
				stateOperation(a, op)
			}
		}
	}
	for _, name := range events.Types() {
		types := param(a.OpenAPI().Paths[s.Prefix+"/audit/events"].Get, "type")
		types.Enum = append(types.Enum, name)
	}
	ordered(a, s.Prefix+"/users", projections.UserSorts())
	ordered(a, s.Prefix+"/api-keys", projections.APIKeySorts())
	ordered(a, s.Prefix+"/suppliers", projections.SupplierSorts())
	ordered(a, s.Prefix+"/suppliers/me", projections.SupplierSorts())
}

func stateOperation(a *api, op *huma.Operation) {
	for _, p := range op.Parameters {
		if p.In != "header" {
			stateVariable(p)
		}
	}
	if op.RequestBody == nil {
		return
	}
	b := bodyForms{schemas: a.OpenAPI().Components.Schemas, seen: map[*huma.Schema]bool{}}
	b.schema(op.RequestBody.Content["application/json"].Schema)
}

// stateVariable says what checkParam takes.
func stateVariable(p *huma.Param) {
	switch s := p.Schema; {
	case s.Type != huma.TypeString || s.Format != "" || len(s.Enum) > 0:
	case p.Name == "role":
		s.Pattern = roleForm()
	case p.Name == "email":
		stateFormat(s, "email")
	case p.Name == "scope_id":
		s.Pattern = `^(-|` + uuidForm + `)$`
	default:
		s.Pattern = textForm
		if s.MinLength == nil {
			one := 1
			s.MinLength = &one
		}
	}
}

// bodyForms walks the schemas of a body.
type bodyForms struct {
	schemas huma.Registry
	seen    map[*huma.Schema]bool
}

func (b bodyForms) schema(s *huma.Schema) {
	for s != nil && s.Ref != "" {
		s = b.schemas.SchemaFromRef(s.Ref)
	}
	if s == nil || b.seen[s] {
		return
	}
	b.seen[s] = true
	if s.Type == huma.TypeString && s.Format == "" && s.Extensions == nil && s.Pattern == "" && len(s.Enum) == 0 {
		s.Pattern = textForm
	}
	if open, ok := s.AdditionalProperties.(bool); ok && open {
		b.free(s)
	}
	if s.Properties["scope_type"] != nil {
		stateScope(s)
	}
	b.schema(s.Items)
	for name, member := range s.Properties {
		stateMember(name, member)
		if _, ofUser := s.Properties["email"]; name == "role" && ofUser {
			member.Pattern = roleForm() // an account has all roles there are
		}
		b.schema(member)
	}
}

// free says of an object of the client's own what checkJSON says of all of
// it: its texts are texts too.
func (b bodyForms) free(s *huma.Schema) {
	const name = "AnyText"
	ref := &huma.Schema{Ref: "#/components/schemas/" + name}
	names := map[string]any{"propertyNames": map[string]any{"pattern": textForm}}
	if b.schemas.Map()[name] == nil {
		b.schemas.Map()[name] = &huma.Schema{
			Description: "Anything, without control characters in its texts, and at most 16 deep with what it lies in.",
			Pattern:     textForm, Items: ref, AdditionalProperties: ref, Extensions: names,
		}
	}
	s.AdditionalProperties, s.Extensions = ref, names
}

// stateFormat says a format that huma is not to check: what it says of a wrong
// one is not what we say.
func stateFormat(s *huma.Schema, format string) {
	s.Extensions = map[string]any{"format": format}
}

// stateScope says what an entry's two names of its scope have to do with each
// other.
func stateScope(s *huma.Schema) {
	s.Extensions = map[string]any{"oneOf": []any{
		map[string]any{"properties": map[string]any{
			"scope_type": map[string]any{"const": "supplier"},
			"scope_id":   map[string]any{"type": huma.TypeString},
		}, "required": []string{"scope_id"}},
		map[string]any{"properties": map[string]any{
			"scope_type": map[string]any{"const": "global"},
			"scope_id":   map[string]any{"type": "null"},
		}},
	}}
}

// stateMember says what the handlers take of a member beyond text.
func stateMember(name string, s *huma.Schema) {
	switch name {
	case "role", "default_role":
		s.Pattern = givenForm()
	case "email":
		stateFormat(s, "email")
	case "legal_email":
		none := 0
		s.AnyOf = []*huma.Schema{{Format: "email"}, {MaxLength: &none}}
	case "scope_id":
		stateFormat(s, "uuid")
	case "capabilities":
		s.Items.Pattern = capabilityForm
	case "tenants", "reseller_account_ids", "address_ids":
		stateFormat(s.Items, "uuid")
	}
}
