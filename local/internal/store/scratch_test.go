package store

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestSweepRemovesWhatNobodyHolds(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	dir := func(name string, age time.Duration) string {
		path := filepath.Join(parent, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
		return path
	}
	left, fresh, other := dir(scratchPrefix+"left", time.Hour), dir(scratchPrefix+"new", 0), dir("other", time.Hour)
	held := dir(scratchPrefix+"held", time.Hour)
	lock, err := lockDir(held)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	sweep(parent)
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", left, err)
	}
	for _, path := range []string{fresh, other, held} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

func TestScratchDirIsForTheAccountOfPostgres(t *testing.T) {
	t.Parallel()
	who, err := postgresAccount()
	if err != nil {
		t.Fatal(err)
	}
	for _, onDisk := range []bool{false, true} {
		dir, lock, err := ScratchDir(onDisk)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		defer lock.Close()
		if !who.reaches(dir) {
			t.Errorf("%+v cannot reach %s", who, dir)
		}
		if onDisk && inMemory(dir) {
			t.Errorf("%s is in memory", dir)
		}
	}
}
