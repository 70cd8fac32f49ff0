package httpapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"tenure/internal/commands"
	"tenure/internal/events"
	"tenure/internal/fault"
)

// EntryTerms is what a membership gives, as it is asked for. It is exported
// since huma looks into exported parts only.
type EntryTerms struct {
	Role          *string  `json:"role,omitempty" maxLength:"64" doc:"The user's default role when absent, else his own."`
	Capabilities  []string `json:"capabilities,omitempty" nullable:"false" maxItems:"64" doc:"None: the defaults of the role."`
	ResellerScope string   `json:"reseller_scope,omitempty" enum:"all,list" default:"list"`
	Resellers     []string `json:"reseller_account_ids,omitempty" nullable:"false" maxItems:"1000"`
	AddressScope  string   `json:"address_scope,omitempty" enum:"all,list" default:"list"`
	Addresses     []string `json:"address_ids,omitempty" nullable:"false" maxItems:"1000"`
	Limits        Object   `json:"limits,omitempty"`
	Flags         Object   `json:"flags,omitempty"`
	Metadata      Object   `json:"metadata,omitempty"`
}

// EntryBody is a membership as it is asked for.
type EntryBody struct {
	ScopeType string      `json:"scope_type" enum:"supplier,global"`
	ScopeID   Opt[string] `json:"scope_id,omitzero" maxLength:"36" doc:"A supplier's id; null for global."`
	EntryTerms
}

// DocumentBody is all of a user's memberships as they are asked for.
type DocumentBody struct {
	UserKey     Opt[string] `json:"user_key,omitzero" maxLength:"255" doc:"Accepted, and not read: the name is the server's."`
	DefaultRole Opt[string] `json:"default_role,omitzero" maxLength:"64" doc:"Absent leaves it as it is."`
	Memberships []EntryBody `json:"memberships" nullable:"false" maxItems:"100"`
}

// asked is the document, nil when none is asked for.
func (b *DocumentBody) asked() (*commands.Document, error) {
	if b == nil {
		return nil, nil
	}
	doc, err := b.document("body.memberships")
	return &doc, err
}

// document reads what the schema of a document cannot say. At is where it
// stands in the request.
func (b *DocumentBody) document(at string) (commands.Document, error) {
	doc := commands.Document{Entries: []commands.Entry{}, At: at}
	var wrong []fault.Detail
	if b.DefaultRole.Set {
		role, bad := lowerRole(b.DefaultRole.Value)
		if bad != "" && !b.DefaultRole.Null {
			wrong = append(wrong, fault.Detail{Location: at + ".default_role", Message: bad})
		}
		doc.DefaultRole = &role
	}
	for i := range b.Memberships {
		where := at + ".memberships[" + strconv.Itoa(i) + "]"
		supplier, bad := b.Memberships[i].supplier(where)
		entry, worse := b.Memberships[i].entry(where)
		wrong = slices.Concat(wrong, bad, worse)
		doc.Entries = append(doc.Entries, commands.Entry{Supplier: supplier, MembershipEntry: entry})
	}
	if len(wrong) > 0 {
		return doc, invalid(wrong)
	}
	return doc, nil
}

// supplier is the scope of an entry; empty for global.
func (b *EntryBody) supplier(where string) (events.TenantID, []fault.Detail) {
	given := b.ScopeID.Set && !b.ScopeID.Null
	id, ok := canonicalUUID(b.ScopeID.Value)
	switch {
	case b.ScopeType == "global" && given:
		return "", []fault.Detail{{Location: where + ".scope_id", Message: "must be null for global"}}
	case b.ScopeType == "supplier" && !ok:
		return "", []fault.Detail{{Location: where + ".scope_id", Message: "must be a UUID"}}
	default:
		return events.TenantID(id), nil
	}
}

// entry reads what the schema of an entry cannot say.
func (t *EntryTerms) entry(where string) (events.MembershipEntry, []fault.Detail) {
	e := events.MembershipEntry{
		ResellerScope: events.Extent(cmp.Or(t.ResellerScope, "list")), AddressScope: events.Extent(cmp.Or(t.AddressScope, "list")),
		Limits: json.RawMessage(t.Limits), Flags: json.RawMessage(t.Flags), Metadata: json.RawMessage(t.Metadata),
	}
	var wrong []fault.Detail
	if t.Role != nil {
		role, bad := lowerRole(*t.Role)
		if e.Role = role; bad != "" {
			wrong = append(wrong, fault.Detail{Location: where + ".role", Message: bad})
		}
	}
	for _, list := range []struct {
		name string
		from []string
		to   *[]string
		read func(where string, given []string) ([]string, []fault.Detail)
	}{
		{"capabilities", t.Capabilities, &e.Capabilities, capabilitiesOf},
		{"reseller_account_ids", t.Resellers, &e.Resellers, idsIn},
		{"address_ids", t.Addresses, &e.Addresses, idsIn},
	} {
		read, bad := list.read(where+"."+list.name, list.from)
		*list.to, wrong = read, append(wrong, bad...)
	}
	for name, object := range map[string]Object{"limits": t.Limits, "flags": t.Flags, "metadata": t.Metadata} {
		if len(object) > maxObject {
			wrong = append(wrong, fault.Detail{Location: where + "." + name, Message: fmt.Sprintf("must be at most %d bytes", maxObject)})
		}
	}
	return e, wrong
}

// lowerRole reads a role that a membership can give. super_admin is none for
// anyone, whatever there is, so it is refused before anything is looked at, as
// the description says; what is wrong with its If-Match comes later.
func lowerRole(name string) (role events.Role, wrong string) {
	role, ok := events.ParseRole(name)
	switch {
	case !ok:
		return "", unknownRole
	case role == events.SuperAdmin:
		return "", "must be a role below super_admin, which no membership gives"
	default:
		return role, ""
	}
}

// idsIn are ids in their one form, each once.
func idsIn(where string, given []string) ([]string, []fault.Detail) {
	ids := []string{}
	var wrong []fault.Detail
	for i, id := range given {
		canonical, ok := canonicalUUID(id)
		switch {
		case !ok:
			wrong = append(wrong, fault.Detail{Location: where + "[" + strconv.Itoa(i) + "]", Message: "must be a UUID"})
		case !slices.Contains(ids, canonical):
			ids = append(ids, canonical)
		}
	}
	return ids, wrong
}
