package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"tenure/internal/authz"
	"tenure/internal/commands"
	"tenure/internal/events"
	"tenure/internal/fault"
	"tenure/internal/projections"
)

type membershipDoc struct {
	UserKey     string            `json:"user_key" doc:"The server's name of the user."`
	DefaultRole *events.Role      `json:"default_role" doc:"What entries get that name no role; null: the user's."`
	Memberships []membershipEntry `json:"memberships"`
	UpdatedAt   *time.Time        `json:"updated_at"`
	Version     events.Version    `json:"version" doc:"The sum of the versions of all memberships, those that ended included."`
}

type membershipEntry struct {
	ScopeType     string      `json:"scope_type" enum:"supplier,global"`
	ScopeID       *string     `json:"scope_id"`
	Role          events.Role `json:"role"`
	Capabilities  []string    `json:"capabilities" nullable:"false"`
	ResellerScope string      `json:"reseller_scope" enum:"all,list"`
	Resellers     []string    `json:"reseller_account_ids" nullable:"false"`
	AddressScope  string      `json:"address_scope" enum:"all,list"`
	Addresses     []string    `json:"address_ids" nullable:"false"`
	Limits        Object      `json:"limits"`
	Flags         Object      `json:"flags"`
	Metadata      Object      `json:"metadata"`
}

type documentInput struct {
	UserPath
	Body DocumentBody `nameHint:"MembershipDocument"`
}

// ScopePath names one membership in a path. It is exported since huma looks
// into exported parts only.
type ScopePath struct {
	UserPath
	Type string `path:"scope_type" enum:"supplier,global"`
	ID   string `path:"scope_id" maxLength:"36" doc:"A supplier's id, or - for global."`
}

type membershipInput struct{ ScopePath }

// entryAnswer has its tag beside the body, which has no version.
type entryAnswer struct {
	Visible string `header:"Visible" doc:"false: done, and not yet in the lists."`
	ETag    string `header:"ETag" doc:"The version of this membership."`
	Body    membershipEntry
}

type membershipSetInput struct {
	ScopePath
	Body EntryTerms `nameHint:"MembershipTerms"`
}

// routeMemberships offers what users may do in suppliers.
func (s *Server) routeMemberships(a *api) {
	op := operations(s.Prefix, "memberships")
	route(a, may(authz.ReadMemberships), readsFrom(op("get-memberships", http.MethodGet, "/users/{id}/memberships", "All memberships of a user", http.StatusNotFound), projections.Users.Name, projections.Memberships.Name), s.getMemberships)
	route(a, may(authz.ManageMemberships), op("replace-memberships", http.MethodPut, "/users/{id}/memberships", "Make these a user's memberships", http.StatusNotFound, http.StatusConflict), s.replaceMemberships)
	route(a, may(authz.ManageMemberships), op("set-membership", http.MethodPut, "/users/{id}/memberships/{scope_type}/{scope_id}", "Make this a user's membership", http.StatusNotFound, http.StatusConflict), s.setMembership)
	route(a, may(authz.ManageMemberships), op("remove-membership", http.MethodDelete, "/users/{id}/memberships/{scope_type}/{scope_id}", "End a user's membership", http.StatusNotFound), s.removeMembership)
}

func (s *Server) getMemberships(ctx context.Context, by caller, in *userInput) (*answer[membershipDoc], error) {
	scope := s.sightOf(by, in.ID)
	u, err := s.Users.Get(ctx, scope, in.ID)
	if err != nil {
		return nil, orMissing(err, userNotFound())
	}
	memberships, err := s.Memberships.Of(ctx, scope, u)
	if err != nil {
		return nil, err
	}
	return &answer[membershipDoc]{Body: showMemberships(u, by.told(memberships))}, nil
}

func (s *Server) replaceMemberships(ctx context.Context, by caller, in *documentInput) (*answer[membershipDoc], error) {
	doc, err := in.Body.document("body")
	if err != nil {
		return nil, err
	}
	receipt, err := by.commands.ReplaceMemberships(ctx, by.Principal, commands.ReplaceMemberships{User: in.ID, Document: doc})
	if err != nil {
		return nil, err
	}
	visible := s.awaitVisible(ctx, by, receipt)
	past := receipt.Past(events.UserStreams, events.MembershipStreams)
	body := showMemberships(projections.FoldUser(past), by.told(membershipsIn(s.sightOf(by, in.ID), past)))
	return &answer[membershipDoc]{visibleHeader(visible), body}, nil
}

func (s *Server) setMembership(ctx context.Context, by caller, in *membershipSetInput) (*entryAnswer, error) {
	supplier, err := in.supplier()
	if err != nil {
		return nil, err
	}
	entry, wrong := in.Body.entry("body")
	if len(wrong) > 0 {
		return nil, invalid(wrong)
	}
	receipt, err := by.commands.SetMembership(ctx, by.Principal, commands.SetMembership{User: in.UserPath.ID, Entry: commands.Entry{Supplier: supplier, MembershipEntry: entry}})
	if err != nil {
		return nil, err
	}
	visible := s.awaitVisible(ctx, by, receipt)
	return &entryAnswer{visibleHeader(visible), tagOf(receipt.Version), showMembership(projections.FoldMembership(receipt.History))}, nil
}

func (s *Server) removeMembership(ctx context.Context, by caller, in *membershipInput) (*done, error) {
	supplier, err := in.supplier()
	if err != nil {
		return nil, err
	}
	receipt, err := by.commands.RemoveMembership(ctx, by.Principal, commands.RemoveMembership{User: in.UserPath.ID, Supplier: supplier})
	if err != nil {
		return nil, err
	}
	return &done{visibleHeader(s.awaitVisible(ctx, by, receipt))}, nil
}

// supplier is the one that the path names; empty for global.
func (p ScopePath) supplier() (events.TenantID, error) {
	if p.Type == "global" && p.ID == "-" {
		return "", nil
	}
	id, ok := canonicalUUID(p.ID)
	if !ok || p.Type == "global" {
		return "", invalid([]fault.Detail{{Location: "path.scope_id", Message: "must be a UUID, or - for global"}})
	}
	return events.TenantID(id), nil
}

// showMemberships shows the document of a user, as far as its memberships were
// found. They are in the order of their suppliers, the global one first.
func showMemberships(u projections.User, all []projections.Membership) membershipDoc {
	doc := membershipDoc{UserKey: string(u.ID), DefaultRole: textOrNull(u.DefaultRole), Memberships: []membershipEntry{}}
	slices.SortFunc(all, func(a, b projections.Membership) int { return cmp.Compare(a.Supplier, b.Supplier) })
	for _, m := range all {
		doc.Version += m.Version
		if at := m.UpdatedAt.UTC(); doc.UpdatedAt == nil || at.After(*doc.UpdatedAt) {
			doc.UpdatedAt = &at
		}
		if !m.Ended {
			doc.Memberships = append(doc.Memberships, showMembership(m))
		}
	}
	return doc
}

func showMembership(m projections.Membership) membershipEntry {
	scope := "supplier"
	if m.Supplier == "" {
		scope = "global"
	}
	e := m.Entry()
	return membershipEntry{
		ScopeType: scope, ScopeID: textOrNull(string(m.Supplier)), Role: e.Role, Capabilities: orNone(e.Capabilities),
		ResellerScope: string(e.ResellerScope), Resellers: orNone(e.Resellers),
		AddressScope: string(e.AddressScope), Addresses: orNone(e.Addresses),
		Limits: Object(e.Limits), Flags: Object(e.Flags), Metadata: Object(e.Metadata),
	}
}

// orNone is an empty list for none: clients get lists.
func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
