package events

import "time"

// KeyHash is what is kept of an API key: the id of the secret it was hashed
// with, a dot, and the HMAC-SHA256 in hexadecimal. It is never answered, also
// not to auditors.
type KeyHash string

// APIKeyIssued records that a user got a key. The key itself is nowhere.
type APIKeyIssued struct {
	Key      KeyID   `json:"key_id"`
	User     UserID  `json:"user_id"`
	Name     string  `json:"name"`
	Hash     KeyHash `json:"hash" secret:"true"`
	Prefix   string  `json:"prefix"`
	LastFour string  `json:"last_four"`
	// Capabilities narrow the key; nil leaves it as its owner.
	Capabilities *[]string `json:"capabilities"`
	// Tenants narrow the key; nil leaves it as its owner.
	Tenants   *[]TenantID `json:"tenants"`
	ExpiresAt *time.Time  `json:"expires_at,omitempty"`
}

// APIKeyRotated records that a key got another secret. The former one lives on
// until PreviousExpiresAt, or ended at once when that is nil.
type APIKeyRotated struct {
	Key               KeyID      `json:"key_id"`
	User              UserID     `json:"user_id"`
	Hash              KeyHash    `json:"hash" secret:"true"`
	Prefix            string     `json:"prefix"`
	LastFour          string     `json:"last_four"`
	Previous          KeyHash    `json:"previous_hash" secret:"true"`
	PreviousExpiresAt *time.Time `json:"previous_expires_at,omitempty"`
	// Ended is the secret from the rotation before, which no longer opens
	// anything; empty when there was none.
	Ended KeyHash `json:"ended_hash,omitempty" secret:"true"`
}

// APIKeyRevoked records that a key, and a former one that lived on, opens
// nothing any more.
type APIKeyRevoked struct {
	Key  KeyID  `json:"key_id"`
	User UserID `json:"user_id"`
	// Hashes are all that could still open something.
	Hashes []KeyHash `json:"hashes" secret:"true"`
}

// EventType is the permanent name of the event.
func (APIKeyIssued) EventType() string { return "api_key.issued" }

// EventType is the permanent name of the event.
func (APIKeyRotated) EventType() string { return "api_key.rotated" }

// EventType is the permanent name of the event.
func (APIKeyRevoked) EventType() string { return "api_key.revoked" }
