package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tenure/internal/authz"
	"tenure/internal/commands"
	"tenure/internal/events"
	"tenure/internal/fault"
	"tenure/internal/projections"
)

// UserPath names a user in a path.
type UserPath struct {
	ID events.UserID `path:"id" format:"uuid"`
}

type usersInput struct {
	Paging
	Email    string `query:"email" maxLength:"254"`
	Role     string `query:"role" maxLength:"64"`
	Status   string `query:"status" enum:"invited,active,disabled"`
	ClerkID  string `query:"clerk_id" maxLength:"255"`
	Supplier string `query:"supplier_id" format:"uuid" doc:"Visible in this supplier."`
}

type userInput struct{ UserPath }

// userCreateInput opens an account. Identities and links join it when there are
// any; until then they are unknown members.
type userCreateInput struct {
	Body struct {
		Email       string        `json:"email" maxLength:"254" example:"ada@example.com"`
		Name        *string       `json:"name,omitempty" minLength:"1" maxLength:"255" example:"Ada Lovelace"`
		Role        *string       `json:"role,omitempty" maxLength:"64" doc:"viewer when absent. Any case, and the names of the former systems." example:"viewer"`
		Memberships *DocumentBody `json:"memberships,omitempty"`
		SendInvite  bool          `json:"send_invite,omitempty" doc:"Needs an identity provider."`
	} `nameHint:"UserCreate"`
}

type userPatchInput struct {
	UserPath
	Body struct {
		Email       *string       `json:"email,omitempty" maxLength:"254"`
		Name        Opt[string]   `json:"name,omitzero" minLength:"1" maxLength:"255"`
		Role        *string       `json:"role,omitempty" maxLength:"64"`
		Memberships *DocumentBody `json:"memberships,omitempty" doc:"Replaces what lies in the active wholesaler; without one, and as super_admin, all."`
	} `nameHint:"UserPatch"`
}

type reasonInput struct {
	UserPath
	Body *struct {
		Reason string `json:"reason,omitempty" maxLength:"1000"`
	} `nameHint:"Reason"`
}

// routeUsers offers the users.
func (s *Server) routeUsers(a *api) {
	op := operations(s.Prefix, "users")
	route(a, may(authz.ReadUsers), readsFrom(op("list-users", http.MethodGet, "/users", "List users"), projections.Users.Name), s.listUsers)
	route(a, may(authz.CreateUsers), limited(created(op("create-user", http.MethodPost, "/users", "Open an account"), http.StatusConflict), userCreations()), s.createUser)
	route(a, selfOr(authz.ReadUsers), readsFrom(op("get-user", http.MethodGet, "/users/{id}", "One user", http.StatusNotFound), projections.Users.Name, projections.Memberships.Name, projections.Suppliers.Name), s.getUser)
	route(a, may(authz.ChangeUsers), op("change-user", http.MethodPatch, "/users/{id}", "Change a user", http.StatusNotFound, http.StatusConflict), s.changeUser)
	route(a, may(authz.DeleteUsers), op("delete-user", http.MethodDelete, "/users/{id}", "End an account", http.StatusNotFound, http.StatusConflict), s.deleteUser)
	route(a, may(authz.DisableUsers), op("disable-user", http.MethodPost, "/users/{id}/disable", "Keep a user out", http.StatusNotFound, http.StatusConflict), s.disableUser)
	route(a, may(authz.DisableUsers), op("enable-user", http.MethodPost, "/users/{id}/enable", "Let a user in again", http.StatusNotFound), s.enableUser)
}

func (s *Server) listUsers(ctx context.Context, by caller, in *usersInput) (*listAnswer[UserBody], error) {
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	if in.Supplier != "" && !by.IsSuperAdmin() {
		return nil, fault.New(fault.Denied, "filter_denied", "Only a super_admin may filter by supplier_id.")
	}
	found, err := s.Users.List(ctx, by.UserScope(), filter, in.page())
	if err != nil {
		return nil, err
	}
	var ids []events.UserID
	for _, u := range found.Items {
		ids = append(ids, u.CreatedBy, u.UpdatedBy)
	}
	who, err := s.peopleOf(ctx, map[events.UserID]string{by.UserID(): by.Email()}, ids...)
	if err != nil {
		return nil, err
	}
	return listOf(in.Paging, found, func(u projections.User) UserBody { return showUser(by, u, who) }), nil
}

// filter reads what the schema of a query cannot say.
func (in *usersInput) filter() (projections.UserFilter, error) {
	f := projections.UserFilter{
		IDs: idsOf[events.UserID](in.Paging), Search: in.Search,
		Status: textOrNull(authz.Status(in.Status)), Supplier: textOrNull(events.TenantID(in.Supplier)), ClerkID: textOrNull(in.ClerkID),
	}
	if in.Role != "" {
		role, ok := events.ParseRole(in.Role)
		if !ok {
			return f, invalid([]fault.Detail{{Location: "query.role", Message: unknownRole}})
		}
		f.Role = &role
	}
	if in.Email != "" {
		email, ok := commands.ParseEmail(in.Email)
		if !ok {
			return f, invalid([]fault.Detail{{Location: "query.email", Message: noEmail}})
		}
		f.Email = &email
	}
	return f, nil
}

func (s *Server) getUser(ctx context.Context, by caller, in *userInput) (*answer[userDetailBody], error) {
	u, err := s.Users.Get(ctx, s.sightOf(by, in.ID), in.ID)
	if err != nil {
		return nil, orMissing(err, userNotFound())
	}
	body, err := s.detailOf(ctx, by, s.sightOf(by, in.ID), u)
	if err != nil {
		return nil, err
	}
	return &answer[userDetailBody]{Body: body}, nil
}

// sightOf is the scope in which by asks for one user: himself wherever he is.
func (s *Server) sightOf(by caller, id events.UserID) authz.Scope {
	if id == by.UserID() {
		return by.SelfScope()
	}
	return by.UserScope()
}

func (s *Server) createUser(ctx context.Context, by caller, in *userCreateInput) (*answer[userDetailBody], error) {
	email, ok := commands.ParseEmail(in.Body.Email)
	if !ok {
		return nil, invalid([]fault.Detail{{Location: "body.email", Message: noEmail}})
	}
	role, err := roleOf(in.Body.Role)
	if err != nil {
		return nil, err
	}
	memberships, err := in.Body.Memberships.asked()
	if err != nil {
		return nil, err
	}
	if in.Body.SendInvite {
		return nil, noProvider()
	}
	c := commands.CreateUser{ID: events.UserID(s.NewID().String()), Email: email, Memberships: memberships}
	if in.Body.Name != nil {
		c.Name = *in.Body.Name
	}
	if role != nil {
		c.Role = *role
	}
	receipt, err := by.commands.CreateUser(ctx, by.Principal, c)
	return s.userAfter(ctx, by, receipt, err)
}

func (s *Server) changeUser(ctx context.Context, by caller, in *userPatchInput) (*answer[userDetailBody], error) {
	role, err := roleOf(in.Body.Role)
	if err != nil {
		return nil, err
	}
	memberships, err := in.Body.Memberships.asked()
	if err != nil {
		return nil, err
	}
	c := commands.ChangeUser{ID: in.ID, Name: in.Body.Name.orEmpty(), Role: role, Memberships: memberships}
	if in.Body.Email != nil {
		email, ok := commands.ParseEmail(*in.Body.Email)
		if c.Email = &email; !ok {
			return nil, invalid([]fault.Detail{{Location: "body.email", Message: noEmail}})
		}
	}
	receipt, err := by.commands.ChangeUser(ctx, by.Principal, c)
	return s.userAfter(ctx, by, receipt, err)
}

func (s *Server) deleteUser(ctx context.Context, by caller, in *userInput) (*answer[detailBody], error) {
	receipt, err := by.commands.DeleteUser(ctx, by.Principal, commands.DeleteUser{ID: in.ID})
	if err != nil {
		return nil, err
	}
	return &answer[detailBody]{visibleHeader(s.awaitVisible(ctx, by, receipt)), detailBody{"Deleted user " + string(in.ID)}}, nil
}

func (s *Server) disableUser(ctx context.Context, by caller, in *reasonInput) (*answer[userDetailBody], error) {
	receipt, err := by.commands.DisableUser(ctx, by.Principal, commands.DisableUser{ID: in.ID, Reason: in.reason()})
	return s.userAfter(ctx, by, receipt, err)
}

func (s *Server) enableUser(ctx context.Context, by caller, in *reasonInput) (*answer[userDetailBody], error) {
	receipt, err := by.commands.EnableUser(ctx, by.Principal, commands.EnableUser{ID: in.ID, Reason: in.reason()})
	return s.userAfter(ctx, by, receipt, err)
}

func (in *reasonInput) reason() string {
	if in.Body == nil {
		return ""
	}
	return in.Body.Reason
}

// userAfter answers a command about a user.
func (s *Server) userAfter(ctx context.Context, by caller, r commands.Receipt, err error) (*answer[userDetailBody], error) {
	if err != nil {
		return nil, err
	}
	visible := s.awaitVisible(ctx, by, r)
	body, whole := s.detailAfter(ctx, by, r)
	return &answer[userDetailBody]{visibleHeader(visible && whole), body}, nil
}

// noProvider is told to who wants somebody invited where no identity provider
// is there to do it.
func noProvider() *fault.Fault {
	return fault.New(fault.Unavailable, "no_identity_provider", "There is no identity provider that could send an invitation. Nothing was written.")
}

func userNotFound() *fault.Fault {
	return fault.New(fault.NotFound, "user_not_found", "User not found")
}

// What the texts say that a schema cannot.
const (
	noEmail     = "must be an e-mail address of at most 254 characters"
	unknownRole = "must be one of the roles there are"
)

// roleOf reads a role of a body; nil when none was given.
func roleOf(given *string) (*events.Role, error) {
	if given == nil {
		return nil, nil
	}
	role, ok := events.ParseRole(*given)
	if !ok {
		return nil, invalid([]fault.Detail{{Location: "body.role", Message: unknownRole}})
	}
	return &role, nil
}

// operations makes the operations of one resource.
func operations(prefix, tag string) func(id, method, path, summary string, errors ...int) huma.Operation {
	return func(id, method, path, summary string, errors ...int) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: prefix + path, Summary: summary, Tags: []string{tag}, Errors: errors}
	}
}

// created is an operation that answers 201.
func created(op huma.Operation, errors ...int) huma.Operation {
	op.DefaultStatus, op.Errors = http.StatusCreated, append(op.Errors, errors...)
	return op
}
