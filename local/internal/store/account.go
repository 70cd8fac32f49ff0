package store

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Account is whom a program runs as; nil is the caller himself.
type Account struct {
	Name     string
	UID, GID uint32
	Groups   []uint32
}

// postgresAccount is who runs Postgres, which refuses to be run by root: the
// first of postgres and nobody.
func postgresAccount() (*Account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	postgres, err := account(user.Lookup("postgres"))
	if err == nil {
		return postgres, nil
	}
	nobody, err := account(user.Lookup("nobody"))
	if err != nil {
		return nil, errors.New("root may not run Postgres, and there is no user postgres or nobody to do it")
	}
	return nobody, nil
}

// owning is the account to which the data belongs already, or a if there is
// none yet. It may be another one than a: a user postgres can come with a
// package that was installed after the data was made.
func (a *Account) owning(data string) (*Account, error) {
	uid, ok := owner(data)
	if a == nil || !ok || uid == a.UID {
		return a, nil
	}
	return account(user.LookupId(strconv.Itoa(int(uid))))
}

func account(u *user.User, err error) (*Account, error) {
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	ids, err := u.GroupIds()
	if err != nil {
		ids = nil // the primary group is enough
	}
	a := &Account{Name: u.Username, UID: number(u.Uid), GID: number(u.Gid)}
	for _, id := range ids {
		a.Groups = append(a.Groups, number(id))
	}
	return a, nil
}

func number(id string) uint32 {
	n, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		return 65534 // never root by mistake
	}
	return uint32(n)
}

func (a *Account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.UID, Gid: a.GID, Groups: a.Groups}
}

// reaches reports whether a can enter dir, a path without symbolic links: each
// directory on the way must let a pass.
func (a *Account) reaches(dir string) bool {
	if a == nil {
		return true
	}
	for ; ; dir = filepath.Dir(dir) {
		if !a.passes(dir) {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

// passes reports whether a may go through the one directory dir.
func (a *Account) passes(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	mode := info.Mode().Perm()
	switch {
	case stat.Uid == a.UID:
		return mode&0o100 != 0
	case stat.Gid == a.GID || slices.Contains(a.Groups, stat.Gid):
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}

func owner(path string) (uint32, bool) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return stat.Uid, true
}
