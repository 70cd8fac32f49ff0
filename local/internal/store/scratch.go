package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const scratchPrefix = "tenure-test-"

// ScratchDir makes a directory for stores that are thrown away: in memory
// where there is plenty, unless they are to be on a disk, else where temporary
// files go. It is one that the account of Postgres can reach. The lock says
// that it is in use; it belongs into the hands of the guard, so that it is held
// until the last store ended.
func ScratchDir(onDisk bool) (dir string, lock *os.File, err error) {
	who, err := postgresAccount()
	if err != nil {
		return "", nil, fmt.Errorf("store: %w", err)
	}
	err = errors.New("store: every directory for temporary files is in memory")
	for _, parent := range []string{"/dev/shm", os.TempDir(), "/var/tmp"} {
		if parent == "/dev/shm" && !roomy(parent) || onDisk && inMemory(parent) {
			continue
		}
		dir, lock, err = scratchIn(parent, who)
		if err == nil {
			return dir, lock, nil
		}
	}
	return "", nil, err
}

func scratchIn(parent string, who *Account) (string, *os.File, error) {
	whole, err := resolved(parent)
	if err != nil {
		return "", nil, err
	}
	if !who.reaches(whole) {
		return "", nil, fmt.Errorf("store: the user %s cannot reach %s", who.Name, whole)
	}
	sweep(whole)
	dir, err := os.MkdirTemp(whole, scratchPrefix)
	if err != nil {
		return "", nil, fmt.Errorf("store: %w", err)
	}
	// Others may pass through it, not look into it.
	if err := os.Chmod(dir, 0o711); err != nil {
		return "", nil, fmt.Errorf("store: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return "", nil, err
	}
	return dir, lock, nil
}

// lockDir marks dir as being in use, or fails if it is.
func lockDir(dir string) (*os.File, error) {
	lock, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("store: lock %s: %w", dir, err)
	}
	return lock, nil
}

// sweep removes what is left of runs that were killed together with their
// guard: directories of ours that nobody holds. One that was made a moment ago
// is let be, because its lock may be about to be taken.
func sweep(parent string) {
	dirs, err := filepath.Glob(filepath.Join(parent, scratchPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		uid, ok := owner(dir)
		info, err := os.Lstat(dir)
		if !ok || int(uid) != os.Geteuid() || err != nil || !info.IsDir() || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		if lock, err := lockDir(dir); err == nil {
			_ = os.RemoveAll(dir) // or the next one will
			lock.Close()
		}
	}
}

// inMemory reports whether what is written to dir never reaches a disk.
func inMemory(dir string) bool {
	const tmpfs = 0x01021994
	var fs syscall.Statfs_t
	return syscall.Statfs(dir, &fs) == nil && int64(fs.Type) == tmpfs
}

// roomy reports whether a file system in memory has space for hundreds of
// small databases.
func roomy(dir string) bool {
	const need = 6 << 30
	var fs syscall.Statfs_t
	if syscall.Statfs(dir, &fs) != nil {
		return false
	}
	return fs.Bavail*uint64(fs.Bsize) >= need
}
