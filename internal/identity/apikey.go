package identity

import (
	"crypto/rand"
	"encoding/base64"
	"hash/crc32"
	"strings"

	"tenure/internal/events"
)

// A key reads tnr_, 43 characters of base64url (32 random bytes), and 6 of
// base 62 with the CRC-32 of the 47 before. A typing mistake, and a scanner
// for leaked keys, is thus told without asking anyone.
const (
	keyPrefix   = "tnr_"
	keyBody     = len(keyPrefix) + 43
	keyLength   = keyBody + 6
	shownPrefix = len(keyPrefix) + 4
	base62      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// Key is a key that was just made. Plain is shown to its owner once and kept
// nowhere.
type Key struct {
	Plain    string
	Hash     events.KeyHash
	Prefix   string // the first characters, for people to tell keys apart
	LastFour string
}

// NewKey makes a key, hashed with the newest secret.
func (s Secrets) NewKey() Key {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails: the program ends when there is no randomness
	body := keyPrefix + base64.RawURLEncoding.EncodeToString(raw[:])
	plain := body + checksum(body)
	return Key{Plain: plain, Hash: s.Hashes(plain)[0], Prefix: plain[:shownPrefix], LastFour: plain[keyLength-4:]}
}

// Hashes are what a key may be recorded under, one for each secret, the newest
// first.
func (s Secrets) Hashes(plain string) []events.KeyHash {
	var hashes []events.KeyHash
	for _, h := range s.each(forKeys, plain) {
		hashes = append(hashes, events.KeyHash(h))
	}
	return hashes
}

// WellFormed tells whether a text can be a key at all.
func WellFormed(plain string) bool {
	if len(plain) != keyLength || !strings.HasPrefix(plain, keyPrefix) {
		return false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(plain[len(keyPrefix):keyBody])
	return err == nil && len(raw) == 32 && plain[keyBody:] == checksum(plain[:keyBody])
}

func checksum(body string) string {
	n := crc32.ChecksumIEEE([]byte(body))
	var digits [6]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = base62[n%62]
		n /= 62
	}
	return string(digits[:])
}
