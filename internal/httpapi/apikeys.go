package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tenure/internal/authz"
	"tenure/internal/commands"
	"tenure/internal/events"
	"tenure/internal/fault"
	"tenure/internal/identity"
	"tenure/internal/projections"
)

// KeyPath names an API key in a path.
type KeyPath struct {
	ID events.KeyID `path:"id" format:"uuid"`
}

type keysInput struct{ Paging }

type keyInput struct{ KeyPath }

type keyCreateInput struct {
	Body struct {
		Name         string                 `json:"name" minLength:"1" maxLength:"255" example:"nightly export"`
		Capabilities Opt[[]string]          `json:"capabilities,omitzero" maxItems:"64" doc:"Narrow the key to these; null leaves it as its owner."`
		Tenants      Opt[[]events.TenantID] `json:"tenants,omitzero" maxItems:"100" doc:"Narrow the key to these suppliers; null leaves it as its owner."`
		ExpiresAt    Opt[time.Time]         `json:"expires_at,omitzero" doc:"In the future; null: never."`
	} `nameHint:"KeyCreate"`
}

type keyRotateInput struct {
	KeyPath
	Body *struct {
		GraceSeconds whole `json:"grace_seconds,omitempty" minimum:"0" maximum:"86400" doc:"How long the former key lives on."`
	} `nameHint:"KeyRotate"`
}

// KeyBody is an API key without the key. It is exported since huma looks into
// exported parts only.
type KeyBody struct {
	ID           events.KeyID       `json:"id" format:"uuid"`
	Name         string             `json:"name"`
	Prefix       string             `json:"prefix"`
	LastFour     string             `json:"last_four"`
	Capabilities *[]string          `json:"capabilities" nullable:"true"`
	Tenants      *[]events.TenantID `json:"tenants" nullable:"true"`
	ExpiresAt    *time.Time         `json:"expires_at"`
	LastUsedAt   *time.Time         `json:"last_used_at"`
	CreatedAt    time.Time          `json:"created_at"`
	Projected
}

type issuedKeyBody struct {
	KeyBody
	Plain string `json:"api_key" doc:"The key. It is shown here and nowhere again."`
}

type rotatedKeyBody struct {
	KeyBody
	PreviousExpiresAt *time.Time `json:"previous_expires_at"`
	Plain             string     `json:"api_key" doc:"The key. It is shown here and nowhere again."`
}

type myKeyBody struct {
	Plain string `json:"api_key" doc:"The key. It is shown here and nowhere again."`
}

// routeKeys offers everybody his own API keys, and nobody another's.
func (s *Server) routeKeys(a *api) {
	mine := operations(s.Prefix, "me")
	route(a, may(authz.ManageOwnKeys), limited(mine("replace-my-api-key", http.MethodPost, "/me/api-key", "Replace the default key", http.StatusConflict), keyOperations()), s.replaceMyKey)
	route(a, may(authz.ManageOwnKeys), limited(mine("revoke-my-api-key", http.MethodDelete, "/me/api-key", "End the default key", http.StatusNotFound), keyOperations()), s.revokeMyKey)
	op := operations(s.Prefix, "api-keys")
	route(a, may(authz.ManageOwnKeys), readsFrom(op("list-api-keys", http.MethodGet, "/api-keys", "List one's keys"), projections.APIKeys.Name), s.listKeys)
	route(a, may(authz.ManageOwnKeys), limited(created(op("issue-api-key", http.MethodPost, "/api-keys", "Get a key"), http.StatusConflict), keyOperations()), s.issueKey)
	route(a, may(authz.ManageOwnKeys), readsFrom(op("get-api-key", http.MethodGet, "/api-keys/{id}", "One key", http.StatusNotFound), projections.APIKeys.Name), s.getKey)
	route(a, may(authz.ManageOwnKeys), limited(op("revoke-api-key", http.MethodDelete, "/api-keys/{id}", "End a key", http.StatusNotFound), keyOperations()), s.revokeKey)
	route(a, may(authz.ManageOwnKeys), limited(op("rotate-api-key", http.MethodPost, "/api-keys/{id}/rotate", "Replace what a key reads", http.StatusNotFound, http.StatusConflict), keyOperations()), s.rotateKey)
}

func (s *Server) replaceMyKey(ctx context.Context, by caller, _ *nothing) (*answer[myKeyBody], error) {
	key := s.NewKey()
	receipt, err := by.commands.IssueAPIKey(ctx, by.Principal, commands.IssueAPIKey{
		ID: events.KeyID(s.NewID().String()), Owner: by.UserID(), Name: commands.DefaultKey, Secret: secretOf(key), Replace: true,
	})
	if err != nil {
		return nil, err
	}
	return &answer[myKeyBody]{visibleHeader(s.awaitVisible(ctx, by, receipt)), myKeyBody{key.Plain}}, nil
}

func (s *Server) revokeMyKey(ctx context.Context, by caller, _ *nothing) (*answer[detailBody], error) {
	receipt, err := by.commands.RevokeAPIKeyNamed(ctx, by.Principal, commands.RevokeAPIKeyNamed{Owner: by.UserID(), Name: commands.DefaultKey})
	if err != nil {
		return nil, err
	}
	return &answer[detailBody]{visibleHeader(s.awaitVisible(ctx, by, receipt)), detailBody{"API key revoked successfully"}}, nil
}

func (s *Server) listKeys(ctx context.Context, by caller, in *keysInput) (*listAnswer[KeyBody], error) {
	filter := projections.APIKeyFilter{IDs: idsOf[events.KeyID](in.Paging), Search: in.Search}
	found, err := s.Keys.List(ctx, by.KeyScope(), filter, in.page())
	if err != nil {
		return nil, err
	}
	return listOf(in.Paging, found, showKey), nil
}

func (s *Server) getKey(ctx context.Context, by caller, in *keyInput) (*answer[KeyBody], error) {
	found, err := s.Keys.Get(ctx, by.KeyScope(), in.ID)
	if err != nil {
		return nil, orMissing(err, fault.New(fault.NotFound, "api_key_not_found", "API key not found"))
	}
	return &answer[KeyBody]{Body: showKey(found)}, nil
}

func (s *Server) issueKey(ctx context.Context, by caller, in *keyCreateInput) (*answer[issuedKeyBody], error) {
	c, err := in.command()
	if err != nil {
		return nil, err
	}
	key := s.NewKey()
	c.ID, c.Owner, c.Secret = events.KeyID(s.NewID().String()), by.UserID(), secretOf(key)
	receipt, err := by.commands.IssueAPIKey(ctx, by.Principal, c)
	if err != nil {
		return nil, err
	}
	visible := s.awaitVisible(ctx, by, receipt)
	body := issuedKeyBody{KeyBody: showKey(projections.FoldAPIKey(receipt.History)), Plain: key.Plain}
	return &answer[issuedKeyBody]{visibleHeader(visible), body}, nil
}

func (s *Server) rotateKey(ctx context.Context, by caller, in *keyRotateInput) (*answer[rotatedKeyBody], error) {
	key := s.NewKey()
	c := commands.RotateAPIKey{ID: in.ID, Secret: secretOf(key)}
	if in.Body != nil {
		c.Grace = time.Duration(in.Body.GraceSeconds) * time.Second
	}
	receipt, err := by.commands.RotateAPIKey(ctx, by.Principal, c)
	if err != nil {
		return nil, err
	}
	visible := s.awaitVisible(ctx, by, receipt)
	k := projections.FoldAPIKey(receipt.History)
	body := rotatedKeyBody{KeyBody: showKey(k), PreviousExpiresAt: k.PreviousExpiresAt, Plain: key.Plain}
	return &answer[rotatedKeyBody]{visibleHeader(visible), body}, nil
}

func (s *Server) revokeKey(ctx context.Context, by caller, in *keyInput) (*done, error) {
	receipt, err := by.commands.RevokeAPIKey(ctx, by.Principal, commands.RevokeAPIKey{ID: in.ID})
	if err != nil {
		return nil, err
	}
	return &done{visibleHeader(s.awaitVisible(ctx, by, receipt))}, nil
}

// command reads what the schema of a key cannot say.
func (in *keyCreateInput) command() (commands.IssueAPIKey, error) {
	b := &in.Body
	c := commands.IssueAPIKey{Name: b.Name}
	var details []fault.Detail
	if b.Capabilities.Set && !b.Capabilities.Null {
		names, wrong := capabilitiesOf("body.capabilities", b.Capabilities.Value)
		details, c.Capabilities = append(details, wrong...), &names
	}
	if b.Tenants.Set && !b.Tenants.Null {
		given, wrong := idsIn("body.tenants", textsOf(b.Tenants.Value))
		ids := make([]events.TenantID, len(given))
		for i, id := range given {
			ids[i] = events.TenantID(id)
		}
		details, c.Tenants = append(details, wrong...), &ids
	}
	if b.ExpiresAt.Set && !b.ExpiresAt.Null {
		c.ExpiresAt = &b.ExpiresAt.Value
	}
	if len(details) > 0 {
		return c, invalid(details)
	}
	return c, nil
}

// capabilitiesOf are the names in lower case, each once.
func capabilitiesOf(where string, given []string) ([]string, []fault.Detail) {
	names := []string{}
	var details []fault.Detail
	for i, name := range given {
		name = strings.ToLower(name)
		switch {
		case name == "" || len(name) > 64 || strings.ContainsFunc(name, notInCapability):
			details = append(details, fault.Detail{Location: where + "[" + strconv.Itoa(i) + "]", Message: "must be 1 to 64 of a-z, 0-9, _, ., : and -"})
		case !slices.Contains(names, name):
			names = append(names, name)
		}
	}
	return names, details
}

func notInCapability(c rune) bool {
	return (notWord(c) || 'A' <= c && c <= 'Z') && c != '.' && c != ':'
}

func textsOf[T ~string](list []T) []string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = string(v)
	}
	return texts
}

func secretOf(k identity.Key) commands.Secret {
	return commands.Secret{Hash: k.Hash, Prefix: k.Prefix, LastFour: k.LastFour}
}

func showKey(k projections.APIKey) KeyBody {
	return KeyBody{
		ID: k.ID, Name: k.Name, Prefix: k.Prefix, LastFour: k.LastFour, Capabilities: k.Capabilities, Tenants: k.Tenants,
		ExpiresAt: k.ExpiresAt, CreatedAt: k.CreatedAt.UTC(), Projected: parkedAt(k.Parked),
	}
}
