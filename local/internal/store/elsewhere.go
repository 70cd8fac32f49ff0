package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// within returns a directory for a's files: dir itself where a can reach it,
// else one in /var/tmp that belongs to dir and to no other.
func (s Setup) within(a *Account, dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	dir, err := resolved(dir)
	if err != nil {
		return "", err
	}
	if a.reaches(dir) {
		return dir, nil
	}
	elsewhere, err := twin(dir)
	if err != nil {
		return "", err
	}
	s.Say("the user %s, who runs Postgres for root, cannot reach %s; using %s", a.Name, dir, elsewhere)
	return elsewhere, nil
}

// twin is the directory in /var/tmp that stands for dir. Anyone could have
// made it first under this name, so it must be a directory of ours.
func twin(dir string) (string, error) {
	sum := sha256.Sum256([]byte(dir))
	path := filepath.Join("/var/tmp", "tenure-local-"+hex.EncodeToString(sum[:6]))
	if err := os.Mkdir(path, 0o755); err != nil && !os.IsExist(err) {
		return "", fmt.Errorf("store: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	if uid, ok := owner(path); !ok || int(uid) != os.Geteuid() || !info.IsDir() {
		return "", fmt.Errorf("store: %s belongs to someone else; remove it", path)
	}
	// The umask may have taken from Mkdir what others need to pass.
	if err := os.Chmod(path, 0o755); err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	return path, nil
}

// resolved is the absolute path of dir without symbolic links.
func resolved(dir string) (string, error) {
	whole, err := filepath.Abs(dir)
	if err == nil {
		whole, err = filepath.EvalSymlinks(whole)
	}
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	return whole, nil
}
