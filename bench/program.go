package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// build makes the product's programs, once for all rows, and gives their
// directory.
func (b *bench) build(ctx context.Context) (string, error) {
	if b.bin != "" {
		return b.bin, nil
	}
	say("building the programs")
	dir, err := os.MkdirTemp("", "tenure-bench-")
	if err != nil {
		return "", err
	}
	b.bin = dir
	out, err := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", dir+string(filepath.Separator),
		"tenure/cmd/api", "tenure/cmd/projector", "tenure/cmd/tenure").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return dir, nil
}

func (b *bench) unbuild() error {
	if b.bin == "" {
		return nil
	}
	return os.RemoveAll(b.bin)
}

// program is a process: one of the product's, or a peer's.
type program struct {
	cmd   *exec.Cmd
	log   string        // the file with what it says
	ended chan struct{} // closed when it has ended
}

// start starts a program. It logs into a file, which costs this process
// nothing, and is ended with the stage.
func (s *stage) start(ctx context.Context, environ []string, path string, args ...string) (*program, error) {
	dir, err := os.MkdirTemp("", "tenure-bench-")
	if err != nil {
		return nil, err
	}
	s.onClose(func(context.Context) error { return os.RemoveAll(dir) })
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &program{log: log.Name(), ended: make(chan struct{})}
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), path, args...) // it ends after those who ask it
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr, p.cmd.SysProcAttr = dir, environ, log, dyingWithParent()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // whoever waits for something of it is told that it ended
		close(p.ended)
	}()
	s.onClose(func(context.Context) error { p.end(); return nil })
	return p, nil
}

// still keeps the program from working while a side works that it is no part of.
func (p *program) still(work side) side {
	return func(ctx context.Context, d time.Duration) (figure float64, err error) {
		if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, p.cmd.Process.Signal(syscall.SIGCONT)) }()
		return work(ctx, d)
	}
}

// maxEnding is how long a program may take to end.
const maxEnding = 30 * time.Second

// end tells the program to end, and waits until it has.
func (p *program) end() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(maxEnding):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// maxStarting is how long a program may take until it says that it serves.
const maxStarting = time.Minute

// address waits until the program serves, and tells where.
func (p *program) address(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, maxStarting)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(p.log)
		if err != nil {
			return "", err
		}
		if address := served(string(text)); address != "" {
			return address, nil
		}
		select {
		case <-tick.C:
		case <-p.ended:
			return "", fmt.Errorf("%s ended: %s", p.cmd.Path, text)
		case <-ctx.Done():
			return "", errors.Join(context.Cause(ctx), fmt.Errorf("%s does not serve: %s", p.cmd.Path, text))
		}
	}
}

// served is the address in the line of a log that says where its program
// serves; empty when there is none yet.
func served(log string) string {
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"msg":"serving"`) && strings.HasSuffix(line, "\n") {
			_, rest, _ := strings.Cut(line, `"addr":"`)
			address, _, _ := strings.Cut(rest, `"`)
			return address
		}
	}
	return ""
}
