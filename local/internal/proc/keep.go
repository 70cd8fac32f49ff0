package proc

import (
	"sync"
	"time"
)

// Kept is a program that is started again whenever it ends unasked.
type Kept struct {
	guard   *Guard
	spec    Spec
	say     func(format string, args ...any)
	started func(pid int)

	mu    sync.Mutex
	child *Child

	quit chan struct{} // closed by Stop and Kill
	once sync.Once
	over chan struct{} // closed when nothing is started any more
}

// How long Keep waits before it starts a program again: short at first, so
// that a single death goes almost unnoticed, doubled while it keeps dying.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
	steady     = 20 * time.Second // alive this long, a program counts as well again
)

// Keep keeps child, which was started with s, running. It says so on say when
// it has to start it again, and calls started with each new process id.
func (g *Guard) Keep(child *Child, s Spec, say func(string, ...any), started func(pid int)) *Kept {
	k := &Kept{
		guard: g, spec: s, say: say, started: started, child: child,
		quit: make(chan struct{}), over: make(chan struct{}),
	}
	go k.run()
	return k
}

func (k *Kept) run() {
	defer close(k.over)
	pause := firstPause
	for {
		child, since := k.now(), time.Now()
		select {
		case <-k.quit:
			return
		case <-child.Done():
		}
		if time.Since(since) > steady {
			pause = firstPause
		}
		k.say("%s (pid %d) ended: %s; starting it again", k.spec.Name, child.Pid(), child.End())
		if !k.again(&pause) {
			return
		}
	}
}

// again starts the program until that works. It reports false when the
// program is not wanted any more.
func (k *Kept) again(pause *time.Duration) bool {
	for {
		select {
		case <-k.quit:
			return false
		case <-time.After(*pause):
		}
		*pause = min(2**pause, lastPause)
		child, err := k.guard.Start(k.spec)
		if err != nil {
			k.say("%s: %v", k.spec.Name, err)
			continue
		}
		k.mu.Lock()
		k.child = child
		k.mu.Unlock()
		k.say("%s runs again (pid %d)", k.spec.Name, child.Pid())
		k.started(child.Pid())
		return true
	}
}

func (k *Kept) now() *Child {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.child
}

// Pid is the id of the present process, or of the last one while a new one is
// being started.
func (k *Kept) Pid() int { return k.now().Pid() }

// Stop asks the program to end, kills it when grace has passed, and starts it
// no more. It reports whether the program ended by itself.
func (k *Kept) Stop(grace time.Duration) bool { return k.leave().Stop(grace) }

// Kill ends the program at once and starts it no more.
func (k *Kept) Kill() { k.leave().Kill() }

// leave ends the keeping. After it returns no further process is started, so
// the child it returns is the last one.
func (k *Kept) leave() *Child {
	k.once.Do(func() { close(k.quit) })
	<-k.over
	return k.now()
}
