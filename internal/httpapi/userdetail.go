package httpapi

import (
	"context"
	"slices"

	"tenure/internal/authz"
	"tenure/internal/commands"
	"tenure/internal/events"
	"tenure/internal/projections"
)

// detailOf shows one user, with what ties him to suppliers as far as scope sees
// it.
func (s *Server) detailOf(ctx context.Context, by caller, scope authz.Scope, u projections.User) (userDetailBody, error) {
	memberships, err := s.Memberships.Of(ctx, scope, u)
	if err != nil {
		return userDetailBody{}, err
	}
	memberships = by.told(memberships)
	who, err := s.peopleOf(ctx, map[events.UserID]string{by.UserID(): by.Email(), u.ID: u.Email}, u.CreatedBy, u.UpdatedBy)
	if err != nil {
		return userDetailBody{}, err
	}
	body := userDetailBody{UserBody: showUser(by, u, who)}
	suppliers, err := s.supplierInfos(ctx, body.SupplierID)
	body.UserDetail = showUserDetail(u, suppliers, memberships)
	return body, err
}

// detailAfter shows one user as a command left him. That is known from the
// command itself; only names are asked for, and an answer is given without
// them when they cannot be had.
func (s *Server) detailAfter(ctx context.Context, by caller, r commands.Receipt) (body userDetailBody, whole bool) {
	past := r.Past(events.UserStreams, events.MembershipStreams)
	u := projections.FoldUser(past)
	who := s.peopleAfter(ctx, by, u.CreatedBy, u.UpdatedBy)
	body = userDetailBody{UserBody: showUser(by, u, who)}
	suppliers, err := s.supplierInfos(ctx, body.SupplierID)
	if err != nil {
		s.Logger.WarnContext(ctx, "an answer lacks the name of a supplier", "error", err, "request_id", by.requestID)
	}
	body.UserDetail = showUserDetail(u, suppliers, by.told(membershipsIn(s.sightOf(by, u.ID), past)))
	return body, err == nil && !who.partial
}

// told are those of a user's memberships that the key of c reaches. His scope
// shows him all of his own; a key that is limited to suppliers tells of no
// others, whoever shows it.
func (c caller) told(all []projections.Membership) []projections.Membership {
	return slices.DeleteFunc(all, func(m projections.Membership) bool { return !c.SeesTenant(m.Supplier) })
}

// membershipsIn are the memberships in a history, as far as scope sees them.
func membershipsIn(scope authz.Scope, past []events.Recorded) []projections.Membership {
	histories := make(map[events.Stream][]events.Recorded)
	var order []events.Stream
	for _, e := range past {
		if e.Stream.Type != events.MembershipStreams {
			continue
		}
		if histories[e.Stream] == nil {
			order = append(order, e.Stream)
		}
		histories[e.Stream] = append(histories[e.Stream], e)
	}
	var all []projections.Membership
	for _, stream := range order {
		m := projections.FoldMembership(histories[stream])
		if scope.Sees(m.Tags()) {
			all = append(all, m)
		}
	}
	return all
}

// showUserDetail shows what ties a user to suppliers: the one that made him
// comes first. What comes from links is empty until there are any.
func showUserDetail(u projections.User, suppliers []supplierInfo, memberships []projections.Membership) UserDetail {
	d := UserDetail{Suppliers: suppliers, Customers: []customerInfo{}}
	if len(suppliers) > 0 {
		d.Supplier.value = &suppliers[0]
	}
	if doc := showMemberships(u, memberships); len(doc.Memberships) > 0 || doc.DefaultRole != nil {
		d.Memberships.value = &doc
	}
	return d
}

// supplierInfos names a supplier, if there is one.
func (s *Server) supplierInfos(ctx context.Context, id *events.TenantID) ([]supplierInfo, error) {
	infos := []supplierInfo{}
	if id == nil {
		return infos, nil
	}
	found, err := s.Suppliers.Named(ctx, []events.TenantID{*id})
	if one, ok := found[*id]; ok {
		infos = append(infos, supplierInfo{ID: one.ID, Name: one.Name, Slug: one.Slug, LogoURL: textOrNull(one.LogoURL)})
	}
	return infos, err
}
