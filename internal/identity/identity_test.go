package identity_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
	"tenure/internal/fault"
	"tenure/internal/identity"
)

func secret(b byte) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(b), 32)))
}

func secrets(t testing.TB, encoded ...string) identity.Secrets {
	t.Helper()
	s, err := identity.ParseSecrets(encoded...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAKeyTellsItsOwnTypingMistakes(t *testing.T) {
	t.Parallel()
	k := secrets(t, secret('a')).NewKey()
	if len(k.Plain) != 53 || !strings.HasPrefix(k.Plain, "tnr_") || !identity.WellFormed(k.Plain) {
		t.Fatalf("the key has %d characters", len(k.Plain))
	}
	if k.Prefix != k.Plain[:8] || k.LastFour != k.Plain[49:] {
		t.Errorf("shown as %s...%s", k.Prefix, k.LastFour)
	}
	for i := range k.Plain {
		other := byte('x')
		if k.Plain[i] == other {
			other = 'y'
		}
		if wrong := k.Plain[:i] + string(other) + k.Plain[i+1:]; identity.WellFormed(wrong) {
			t.Errorf("a mistake at %d is not told", i)
		}
	}
	for _, wrong := range []string{"", "tnr_", k.Plain + "0", k.Plain[1:], strings.ToUpper(k.Plain)} {
		if identity.WellFormed(wrong) {
			t.Errorf("%d characters are taken for a key", len(wrong))
		}
	}
}

// The checksum is pinned by an example that was computed elsewhere: CRC-32
// (IEEE) of the 47 characters before it, six digits of base 62.
func TestTheChecksumIsTheContracts(t *testing.T) {
	t.Parallel()
	if !identity.WellFormed("tnr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" + "48p0Yo") {
		t.Error("the key of zeroes is refused")
	}
}

func TestAKeyOfAFormerSecretIsFound(t *testing.T) {
	t.Parallel()
	old := secrets(t, secret('a'))
	k := old.NewKey()
	hashes := secrets(t, secret('b'), secret('a')).Hashes(k.Plain)
	if len(hashes) != 2 || hashes[1] != k.Hash || hashes[0] == k.Hash {
		t.Errorf("hashes %v, recorded %v", hashes, k.Hash)
	}
	if strings.Contains(string(k.Hash), k.Plain) {
		t.Error("the hash shows the key")
	}
	if d := old.Digests(k.Plain)[0]; d == string(k.Hash) {
		t.Error("a personal value and a key have one hash")
	}
}

func TestSecretsThatAreTooShortAreRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range [][]string{nil, {""}, {"secret"}, {base64.StdEncoding.EncodeToString([]byte("short"))}, {secret('a'), "%%%"}, {secret('a'), strings.TrimRight(secret('a'), "=")}} {
		if _, err := identity.ParseSecrets(bad...); !errors.Is(err, identity.ErrSecret) {
			t.Errorf("%d secrets: %v", len(bad), err)
		}
	}
}

// one is an identity that knows one key.
func one(t *testing.T, k identity.Key, status authz.Status, fails error) *identity.Identity {
	t.Helper()
	user := authz.UserFacts{ID: "ada", Role: events.Viewer, Status: status, Source: authz.Fact{Stream: events.UserStream(events.Platform, "ada"), Version: 1}}
	return &identity.Identity{
		Secrets: secrets(t, secret('a')), Now: time.Now,
		Lookup: identity.Lookup{
			ByKey: func(_ context.Context, hashes []events.KeyHash, _ events.TenantID) (authz.UserFacts, authz.KeyFacts, error) {
				if fails == nil && hashes[0] != k.Hash {
					return authz.UserFacts{}, authz.KeyFacts{}, docstore.ErrNotFound
				}
				return user, authz.KeyFacts{ID: "k", User: "ada", Hash: hashes[0]}, fails
			},
			ByUser: func(context.Context, events.UserID, events.TenantID) (authz.UserFacts, error) { return user, fails },
		},
	}
}

func TestWhoIsCalling(t *testing.T) {
	t.Parallel()
	s := secrets(t, secret('a'))
	good, wrong := s.NewKey(), s.NewKey()
	for name, tt := range map[string]struct {
		header http.Header
		code   string
	}{
		"a key":                         {http.Header{"X-Api-Key": {good.Plain}}, ""},
		"a key as a bearer":             {http.Header{"Authorization": {"Bearer " + good.Plain}}, ""},
		"a scheme in any case":          {http.Header{"Authorization": {"bEARER " + good.Plain}}, ""},
		"an empty key falls through":    {http.Header{"X-Api-Key": {""}, "Authorization": {"Bearer " + good.Plain}}, ""},
		"nothing":                       {http.Header{}, "unauthenticated"},
		"a wrong key":                   {http.Header{"X-Api-Key": {wrong.Plain}}, "invalid_api_key"},
		"a wrong key beside a good one": {http.Header{"X-Api-Key": {wrong.Plain}, "Authorization": {"Bearer " + good.Plain}}, "invalid_api_key"},
		"a good key twice":              {http.Header{"X-Api-Key": {good.Plain, good.Plain}}, "invalid_api_key"},
		"a good bearer twice":           {http.Header{"Authorization": {"Bearer " + good.Plain, "Bearer " + good.Plain}}, "unauthenticated"},
		"no key at all":                 {http.Header{"X-Api-Key": {"hello"}}, "invalid_api_key"},
		"a bearer that is no token":     {http.Header{"Authorization": {"Bearer hello"}}, "unauthenticated"},
		"a bearer of nothing":           {http.Header{"Authorization": {"Bearer "}}, "unauthenticated"},
		"no scheme":                     {http.Header{"Authorization": {good.Plain}}, "unauthenticated"},
		"another scheme":                {http.Header{"Authorization": {"Basic " + good.Plain}}, "unauthenticated"},
		"a key with something behind":   {http.Header{"Authorization": {"Bearer " + good.Plain + " x"}}, "invalid_api_key"},
	} {
		i := one(t, good, authz.Active, nil)
		p, err := i.Principal(t.Context(), &http.Request{Header: tt.header}, "")
		if tt.code == "" && (err != nil || p.UserID() != "ada") || tt.code != "" && (!fault.Is(err, tt.code) || p.Known()) {
			t.Errorf("%s: %+v, %v", name, p.UserID(), err)
		}
	}
}

func TestWhatCannotBeAKeyIsRefusedWithoutAskingTheStore(t *testing.T) {
	t.Parallel()
	i := one(t, identity.Key{}, authz.Active, docstore.ErrUnavailable)
	if _, err := i.ByKey(t.Context(), "tnr_typo", ""); !fault.Is(err, "invalid_api_key") {
		t.Errorf("got %v", err)
	}
}

func TestADisabledUsersKeyIsNobodys(t *testing.T) {
	t.Parallel()
	k := secrets(t, secret('a')).NewKey()
	if _, err := one(t, k, authz.Disabled, nil).ByKey(t.Context(), k.Plain, ""); !fault.Is(err, "invalid_api_key") {
		t.Errorf("got %v", err)
	}
}

func TestAnOutageIsNoWrongKey(t *testing.T) {
	t.Parallel()
	k := secrets(t, secret('a')).NewKey()
	i := one(t, k, authz.Active, docstore.ErrUnavailable)
	if _, err := i.ByKey(t.Context(), k.Plain, ""); fault.As(err) == nil || fault.As(err).Kind != fault.Unavailable || !errors.Is(err, docstore.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	known := authz.User(authz.UserFacts{ID: "ada", Status: authz.Active})
	if _, err := i.Reload(t.Context(), known); fault.As(err) == nil || fault.As(err).Kind != fault.Unavailable {
		t.Errorf("reload: %v", err)
	}
}

func TestAuthorityIsLoadedAgainByWhatWasShown(t *testing.T) {
	t.Parallel()
	k := secrets(t, secret('a')).NewKey()
	by, err := one(t, k, authz.Active, nil).ByKey(t.Context(), k.Plain, "")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := one(t, k, authz.Active, nil).Reload(t.Context(), by); err != nil || p.KeyID() != "k" {
		t.Errorf("reload: %+v, %v", p, err)
	}
	for name, i := range map[string]*identity.Identity{"disabled": one(t, k, authz.Disabled, nil), "gone": one(t, k, authz.Active, docstore.ErrNotFound)} {
		if p, err := i.Reload(t.Context(), by); err != nil || p.Known() {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func FuzzWellFormed(f *testing.F) {
	f.Add("tnr_")
	f.Add(strings.Repeat("\xff", 53))
	f.Fuzz(func(t *testing.T, s string) {
		if identity.WellFormed(s) && len(s) != 53 {
			t.Errorf("%d characters are taken for a key", len(s))
		}
	})
}
