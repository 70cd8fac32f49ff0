package proc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sleep", "600")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func TestWatchEndsWhatItHoldsAndNothingElse(t *testing.T) {
	t.Parallel()
	held, dropped := sleeper(t), sleeper(t)
	path := filepath.Join(t.TempDir(), `a "name" of some kind`)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- held.Wait() }() // or it would stay as a zombie
	err := Watch(strings.NewReader(fmt.Sprintf("hold %d 15\nhold %d 9\nnonsense\ndrop %d\nremove %q\n",
		held.Process.Pid, dropped.Process.Pid, dropped.Process.Pid, path)))
	if err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil || err.Error() != "signal: terminated" {
		t.Errorf("what it held ended with: %v", err)
	}
	if !alive(dropped.Process.Pid) {
		t.Error("what it had dropped was ended too")
	}
	if err := dropped.Process.Kill(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("%s: got %v, want it gone", path, err)
	}
}
