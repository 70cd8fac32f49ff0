package events

// UserCreated records that a person got an account, invited until he is first
// known by a token or enabled by an administrator.
type UserCreated struct {
	User     UserID   `json:"user_id"`
	Email    string   `json:"email" personal:"true"`
	Name     string   `json:"name,omitempty" personal:"true"`
	Role     Role     `json:"role"`
	Supplier TenantID `json:"supplier_id,omitempty"` // empty when a super_admin made him
}

// UserRenamed records another display name. Empty means none.
type UserRenamed struct {
	User UserID `json:"user_id"`
	Name string `json:"name" personal:"true"`
}

// UserRoleChanged records another role.
type UserRoleChanged struct {
	User UserID `json:"user_id"`
	Role Role   `json:"role"`
}

// UserEmailChanged records another address, under which he is known from now on.
type UserEmailChanged struct {
	User  UserID `json:"user_id"`
	Email string `json:"email" personal:"true"`
}

// UserDefaultRoleChanged records the role that memberships get which name none.
// Empty means that they get the user's own.
type UserDefaultRoleChanged struct {
	User UserID `json:"user_id"`
	Role Role   `json:"role,omitempty"`
}

// UserActivated records that an invited user became active.
type UserActivated struct {
	User UserID `json:"user_id"`
}

// UserDisabled records that a user may no longer enter.
type UserDisabled struct {
	User   UserID `json:"user_id"`
	Reason string `json:"reason,omitempty" personal:"true"`
}

// UserEnabled records that a disabled user has the status from before again.
type UserEnabled struct {
	User   UserID `json:"user_id"`
	Reason string `json:"reason,omitempty" personal:"true"`
}

// UserDeleted records that an account ended. Its id is not used again.
type UserDeleted struct {
	User UserID `json:"user_id"`
}

// EventType is the permanent name of the event.
func (UserCreated) EventType() string { return "user.created" }

// EventType is the permanent name of the event.
func (UserRenamed) EventType() string { return "user.renamed" }

// EventType is the permanent name of the event.
func (UserRoleChanged) EventType() string { return "user.role_changed" }

// EventType is the permanent name of the event.
func (UserEmailChanged) EventType() string { return "user.email_changed" }

// EventType is the permanent name of the event.
func (UserDefaultRoleChanged) EventType() string { return "user.default_role_changed" }

// EventType is the permanent name of the event.
func (UserActivated) EventType() string { return "user.activated" }

// EventType is the permanent name of the event.
func (UserDisabled) EventType() string { return "user.disabled" }

// EventType is the permanent name of the event.
func (UserEnabled) EventType() string { return "user.enabled" }

// EventType is the permanent name of the event.
func (UserDeleted) EventType() string { return "user.deleted" }
