package identity

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// MinSecret is how many bytes a secret has at least.
const MinSecret = 32

// Secrets are the secrets that hashes are keyed with, the newest first. What
// was hashed with a former one is still found, so a secret can be replaced:
// the new one goes to the front, the former stays while anything rests on it.
type Secrets struct {
	ring [][]byte
}

// ErrSecret says that a secret is not usable. It never shows it.
var ErrSecret = errors.New("identity: a secret is not the base64 of 32 bytes or more, once each")

// ParseSecrets reads secrets, each the base64 of at least 32 random bytes, the
// newest first.
func ParseSecrets(encoded ...string) (Secrets, error) {
	var s Secrets
	for i, one := range encoded {
		raw, err := decodeBase64(one)
		if err != nil || len(raw) < MinSecret {
			return Secrets{}, fmt.Errorf("%w (number %d)", ErrSecret, i+1)
		}
		if slices.ContainsFunc(s.ring, func(former []byte) bool { return hmac.Equal(former, raw) }) {
			return Secrets{}, fmt.Errorf("%w: number %d stands there twice", ErrSecret, i+1)
		}
		s.ring = append(s.ring, raw)
	}
	if len(s.ring) == 0 {
		return Secrets{}, fmt.Errorf("%w: there is none", ErrSecret)
	}
	return s, nil
}

func decodeBase64(s string) ([]byte, error) {
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if raw, err := e.DecodeString(s); err == nil {
			return raw, nil
		}
	}
	return nil, ErrSecret
}

// Purposes keep the hashes of one secret apart, so that a hash made for one
// purpose says nothing of another. They are in the database and permanent.
const (
	forKeys     = "tenure api key v1"
	forPersonal = "tenure personal value v1"
)

// Digests are the keyed hashes of a personal value, one for each secret, the
// newest first.
func (s Secrets) Digests(value string) []string { return s.each(forPersonal, value) }

// each hashes a value with each secret. A hash begins with the id of its
// secret, so that an operator can see what still rests on a former one.
func (s Secrets) each(purpose, value string) []string {
	sums := make([]string, len(s.ring))
	for i, secret := range s.ring {
		sums[i] = id(secret) + "." + hex.EncodeToString(sum(secret, purpose, value))
	}
	return sums
}

// id names a secret in 8 hexadecimal digits that say nothing of it.
func id(secret []byte) string {
	return hex.EncodeToString(sum(secret, "tenure secret id v1", "")[:4])
}

func sum(secret []byte, purpose, value string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(purpose))
	mac.Write([]byte{0})
	mac.Write([]byte(value))
	return mac.Sum(nil)
}
