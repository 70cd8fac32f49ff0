package projections

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
)

// User is what is shown of a user. His counts of links come from the links'
// own read model.
type User struct {
	ID       events.UserID   `bson:"id"`
	Email    string          `bson:"email"`
	Name     string          `bson:"name"` // empty: none
	Role     events.Role     `bson:"role"`
	Status   authz.Status    `bson:"status"`
	Supplier events.TenantID `bson:"supplier_id"` // empty: none
	// DefaultRole is what memberships get that name no role; empty: his own.
	DefaultRole events.Role `bson:"default_role"`
	// Scopes are the suppliers in which he has a membership, sorted.
	Scopes []events.TenantID `bson:"scopes"`
	// Memberships are all that he has or had, by supplier, as long as they are
	// few: then this one document answers what is asked about one user. Many
	// says that they are not, or were not once; the read model of memberships
	// has them.
	Memberships []Membership `bson:"memberships"`
	Many        bool         `bson:"many_memberships"`
	// Former is the status that enabling restores; empty when he is not
	// disabled.
	Former    authz.Status   `bson:"former_status"`
	CreatedAt time.Time      `bson:"created_at"`
	CreatedBy events.UserID  `bson:"created_by"` // empty: the system
	UpdatedAt time.Time      `bson:"updated_at"`
	UpdatedBy events.UserID  `bson:"updated_by"` // empty: the system
	Version   events.Version `bson:"version"`    // of his stream
	// Parked is not kept with it: a query sets it to the position of the event
	// that could not be applied; 0 when there is none.
	Parked events.Position `bson:"-" json:"-"`
}

// userEvents are those of a user's own stream.
var userEvents = []events.Payload{
	events.UserCreated{},
	events.UserRenamed{},
	events.UserEmailChanged{},
	events.UserRoleChanged{},
	events.UserDefaultRoleChanged{},
	events.UserActivated{},
	events.UserDisabled{},
	events.UserEnabled{},
	events.UserDeleted{},
}

// Users is the read model behind GET /users. A user is visible in the supplier
// that made him, and in those that he has a membership in; a global membership
// makes him visible nowhere.
var Users = Projection[User]{
	Name:    "users",
	Version: 3,
	Handles: slices.Concat(userEvents, membershipEvents),
	Keys:    userKeys,
	Apply:   applyToUser,
	Tags: func(u *User) authz.Tags {
		return authz.Tags{Tenants: u.visibleIn(), Owner: u.ID}
	},
	Texts: func(u *User) map[string]string {
		return map[string]string{"email": u.Email, "name": u.Name}
	},
	Indexes: docstore.Indexes{Sorts: fieldsOf(userSorts)},
	Parked:  func(u *User) *events.Position { return &u.Parked },
}

// userKeys are the user whose stream it is, for what Users handles.
func userKeys(e events.Recorded) []docstore.Key {
	if id, ok := userOf(e); ok {
		return []docstore.Key{docstore.Key(id)}
	}
	return nil
}

// userOf is the user whose own or whose membership's an event is, and false for
// all others.
func userOf(e events.Recorded) (events.UserID, bool) {
	switch p := e.Payload.(type) {
	case events.UserCreated, events.UserRenamed, events.UserEmailChanged, events.UserRoleChanged, events.UserDefaultRoleChanged,
		events.UserActivated, events.UserDisabled, events.UserEnabled, events.UserDeleted:
		return events.UserID(e.Stream.ID), true
	case events.MembershipSet:
		return p.User, true
	case events.MembershipRemoved:
		return p.User, true
	default:
		return "", false
	}
}

// visibleIn are the suppliers in which a user is visible, each once.
func (u *User) visibleIn() []events.TenantID {
	if u.Supplier == "" || slices.Contains(u.Scopes, u.Supplier) {
		return u.Scopes
	}
	return append([]events.TenantID{u.Supplier}, u.Scopes...)
}

func applyToUser(u *User, _ docstore.Key, e events.Recorded) {
	if created, ok := e.Payload.(events.UserCreated); ok {
		*u = User{
			ID: created.User, Email: created.Email, Name: created.Name, Role: created.Role,
			Status: authz.Invited, Supplier: created.Supplier,
			CreatedAt: moment(e), CreatedBy: e.Meta.Actor,
		}
	}
	if u.ID == "" {
		return // nothing happens to one who is not
	}
	switch p := e.Payload.(type) {
	case events.MembershipSet:
		u.join(p.Supplier)
		u.keep(p.Supplier, e)
		return
	case events.MembershipRemoved:
		u.leave(p.Supplier)
		u.keep(p.Supplier, e)
		return
	case events.UserRenamed:
		u.Name = p.Name
	case events.UserEmailChanged:
		u.Email = p.Email
	case events.UserDefaultRoleChanged:
		u.DefaultRole = p.Role
	case events.UserRoleChanged:
		u.Role = p.Role
	case events.UserActivated:
		u.stand(authz.Standing.Activated)
	case events.UserDisabled:
		u.stand(authz.Standing.Disabled)
	case events.UserEnabled:
		u.stand(authz.Standing.Enabled)
	case events.UserDeleted:
		*u = User{}
		return
	}
	u.UpdatedAt, u.UpdatedBy, u.Version = moment(e), e.Meta.Actor, e.Version
}

// join notes a membership. Global ones are no scope.
func (u *User) join(t events.TenantID) {
	if i, found := slices.BinarySearch(u.Scopes, t); !found && t != "" {
		u.Scopes = slices.Insert(slices.Clone(u.Scopes), i, t)
	}
}

// leave notes the end of a membership.
func (u *User) leave(t events.TenantID) {
	i, found := slices.BinarySearch(u.Scopes, t)
	switch {
	case found && len(u.Scopes) == 1:
		u.Scopes = nil // as it was before the first
	case found:
		u.Scopes = slices.Delete(slices.Clone(u.Scopes), i, i+1)
	}
}

// Few memberships are so many at most, of so many bytes in all.
const (
	fewMemberships   = 8
	smallMemberships = 4096
)

// keep notes what became of a membership.
func (u *User) keep(t events.TenantID, e events.Recorded) {
	if u.Many {
		return
	}
	all := slices.Clone(u.Memberships)
	i, found := slices.BinarySearchFunc(all, t, func(m Membership, t events.TenantID) int { return cmp.Compare(m.Supplier, t) })
	if !found {
		all = slices.Insert(all, i, Membership{})
	}
	applyToMembership(&all[i], "", e)
	size := 0
	for _, m := range all {
		size += m.size()
	}
	if u.Memberships = all; len(all) > fewMemberships || size > smallMemberships {
		u.Memberships, u.Many = nil, true
	}
}

// stand moves the user's status.
func (u *User) stand(moved func(authz.Standing) authz.Standing) {
	s := moved(authz.Standing{Status: u.Status, Former: u.Former})
	u.Status, u.Former = s.Status, s.Former
}

// FoldUser is the user as past, the whole history of his stream and of his
// memberships in the order of the log, leaves him: what the read model shows as
// soon as it is there. The zero User is deleted, or never was.
func FoldUser(past []events.Recorded) User {
	return foldStream(Users, past)
}

// UserQueries answers questions about users.
type UserQueries struct {
	Mongo *docstore.Mongo
	Live  Live
}

// UserFilter narrows a list of users. What is nil is not asked for.
type UserFilter struct {
	Email    *string // without regard to case
	Role     *events.Role
	Status   *authz.Status
	Supplier *events.TenantID // visible in it
	ClerkID  *string
	IDs      []events.UserID // nil: any
	Search   string          // in e-mail and name; empty: any
}

// userSorts are the fields that a list of users can be ordered by.
var userSorts = map[string]docstore.Field{
	"created_at": docstore.Body("created_at"),
	"email":      docstore.Text("email"),
	"name":       docstore.Text("name"),
	"role":       docstore.Body("role"),
	"status":     docstore.Body("status"),
	"updated_at": docstore.Body("updated_at"),
}

// Get returns the user if s may see him. It fails with docstore.ErrNotFound
// and docstore.ErrUnavailable.
func (q *UserQueries) Get(ctx context.Context, s authz.Scope, id events.UserID) (User, error) {
	return get(ctx, q.Mongo, q.Live, Users, s, docstore.Key(id))
}

// List returns the page of users that s may see and that match f. It fails
// with an Invalid fault for a page that there cannot be, and with
// docstore.ErrUnavailable.
func (q *UserQueries) List(ctx context.Context, s authz.Scope, f UserFilter, p Page) (Listing[User], error) {
	return list(ctx, q.Mongo, q.Live, Users, s, f.conditions(), p, userSorts, "-created_at")
}

func (f UserFilter) conditions() []docstore.Condition {
	var all []docstore.Condition
	if f.Email != nil {
		all = append(all, docstore.TextIs("email", *f.Email))
	}
	if f.Role != nil {
		all = append(all, docstore.Is(docstore.Body("role"), *f.Role))
	}
	if f.Status != nil {
		all = append(all, docstore.Is(docstore.Body("status"), *f.Status))
	}
	if f.Supplier != nil {
		all = append(all, docstore.VisibleIn(*f.Supplier))
	}
	if f.ClerkID != nil {
		all = append(all, docstore.Condition{}) // no user has one yet
	}
	return append(all, common(f.IDs, f.Search)...)
}

// Emails returns the addresses of those users who are still there: by whom
// something was done is stored as an id and joined when it is asked for. Who
// may see the thing may see by whom it was done, so this takes no scope. It
// fails with docstore.ErrUnavailable.
func (q *UserQueries) Emails(ctx context.Context, ids []events.UserID) (map[events.UserID]string, error) {
	p, err := Users.resolve(q.Live)
	if err != nil {
		return nil, err
	}
	users, err := docstore.In[User](q.Mongo, p.Model()).
		GetAll(ctx, authz.SystemScope("who did it"), keys(ids))
	if err != nil {
		return nil, err
	}
	emails := make(map[events.UserID]string, len(users))
	for _, u := range users {
		emails[u.Body.ID] = u.Body.Email
	}
	return emails, nil
}
