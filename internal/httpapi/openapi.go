package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

// The names of the security schemes in the description.
const (
	byKey   = "api_key"
	byToken = "bearer"
)

// describe is the description before it has operations. huma's own pages and
// schema links are off: what it serves of them comes from other hosts.
func describe(s *Server) huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Tenure", Version: s.Version,
				Description: "Tenants, users, memberships, roles and API keys, event-sourced. Errors are application/problem+json.",
			},
			Components: &huma.Components{
				Schemas:         huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: securitySchemes(),
			},
			Tags: tags(),
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
	}
}

func securitySchemes() map[string]*huma.SecurityScheme {
	return map[string]*huma.SecurityScheme{
		byKey:   {Type: "apiKey", In: "header", Name: "X-API-Key", Description: "An API key. It decides alone: a wrong one is refused also beside a valid token."},
		byToken: {Type: "http", Scheme: "bearer", Description: "A token of an identity provider, or an API key."},
	}
}

func tags() []*huma.Tag {
	return []*huma.Tag{
		{Name: "me", Description: "Who is calling."},
		{Name: "api-keys", Description: "One's own API keys. A key is shown once."},
		{Name: "users", Description: "People with an account."},
		{Name: "suppliers", Description: "The tenants."},
		{Name: "audit", Description: "The event log."},
		{Name: "operations", Description: "How the system does."},
	}
}

// documented is what an operation's description says of its callers and of
// the errors that come from the checks before its handler.
func (a access) documented(op huma.Operation) ([]map[string][]string, []int) {
	errors := append([]int{http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}, op.Errors...)
	if op.Method == http.MethodPost || op.Method == http.MethodPatch || op.Method == http.MethodPut {
		errors = append(errors, http.StatusUnsupportedMediaType)
	}
	if isCommand(&op) {
		errors = append(errors, http.StatusPreconditionFailed)
	}
	security := []map[string][]string{}
	if !a.open {
		security = []map[string][]string{{byKey: {}}, {byToken: {}}}
		errors = append(errors, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable)
	}
	slices.Sort(errors)
	return security, slices.Compact(errors)
}

// headers are what callers who are known may send beside their credentials.
func (a access) headers(tenant string) []*huma.Param {
	if a.open {
		return nil
	}
	return []*huma.Param{{
		Name: tenant, In: "header", Description: "The supplier in which the request acts.",
		Schema: &huma.Schema{Type: huma.TypeString, Pattern: `^(` + uuidForm + `)?$`},
	}}
}

// serveDescription answers with the description of all operations that are on
// the API when it is called, written out once.
func serveDescription(a *api) (http.HandlerFunc, error) {
	text, err := json.Marshal(a.OpenAPI())
	if err != nil {
		return nil, err
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text) // the caller may be gone
	}, nil
}
