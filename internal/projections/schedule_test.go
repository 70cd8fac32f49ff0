package projections

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
)

// gate stops a writer before and after each command that it sends to a store,
// until a schedule lets it go on, or lets its process die there.
type gate struct {
	commands []string
	open     atomic.Bool // lets everything through
	arrived  chan struct{}
	verdict  chan bool // false: die
}

func newGate(commands ...string) *gate {
	g := &gate{commands: commands, arrived: make(chan struct{}), verdict: make(chan bool)}
	g.open.Store(true)
	return g
}

// observe is the gate as a store's Observer.
func (g *gate) observe(_ context.Context, command string) func(error) {
	if g.open.Load() || !slices.Contains(g.commands, command) {
		return nil
	}
	g.stop()
	return func(error) { g.stop() }
}

func (g *gate) stop() {
	g.arrived <- struct{}{}
	if !<-g.verdict {
		runtime.Goexit() // what a process does that dies here: nothing more
	}
}

// actor is a writer behind a gate.
type actor struct {
	*gate
	done    chan struct{}
	waiting bool // it stands at the gate
	over    bool
}

func (g *gate) start(work func()) *actor {
	g.open.Store(false)
	a := &actor{gate: g, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		work()
	}()
	a.settle()
	return a
}

// settle waits until the actor stands at its gate or is done.
func (a *actor) settle() {
	select {
	case <-a.arrived:
		a.waiting = true
	case <-a.done:
		a.waiting, a.over = false, true
	}
}

// step lets the actor do what it stands before.
func (a *actor) step() {
	a.waiting = false
	a.verdict <- true
	a.settle()
}

// die ends the actor where it stands.
func (a *actor) die() {
	a.verdict <- false
	<-a.done
	a.waiting, a.over = false, true
}

// interleave lets actors go on one command at a time, in the order of a
// schedule, until all are done. A schedule is a seed, not a series of draws:
// those prefer small numbers, which would let one actor after the other finish
// undisturbed.
func interleave(schedule uint64, actors ...*actor) {
	order := rand.New(rand.NewPCG(schedule, 0))
	for {
		var left []*actor
		for _, a := range actors {
			if !a.over {
				left = append(left, a)
			}
		}
		if len(left) == 0 {
			return
		}
		left[order.IntN(len(left))].step()
	}
}
