package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
)

// Ports hands out loopback ports and remembers them in a file, so that what
// was copied from the console yesterday still works today.
type Ports struct {
	file string // "" remembers nothing
	mu   sync.Mutex
	by   map[string]int
}

// LoadPorts reads the ports that were used before. A file that cannot be read
// is one that knows nothing.
func LoadPorts(file string) (*Ports, error) {
	p := &Ports{file: file, by: map[string]int{}}
	if file == "" {
		return p, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: ports: %w", err)
	}
	if json.Unmarshal(text, &p.by) != nil || p.by == nil {
		p.by = map[string]int{}
	}
	return p, nil
}

// Pick returns the port that name had before if it is free, else one of
// prefer, else any free one, and remembers it.
func (p *Ports) Pick(ctx context.Context, name string, prefer ...int) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted := prefer
	if port, ok := p.by[name]; ok {
		wanted = append([]int{port}, prefer...)
	}
	for range 200 {
		wanted = append(wanted, aPort())
	}
	for _, port := range wanted {
		if free(ctx, port) && !p.taken(name, port) {
			p.by[name] = port
			return port, p.save()
		}
	}
	return 0, fmt.Errorf("store: no free port on 127.0.0.1 for %s", name)
}

// Forget makes the next Pick choose anew.
func (p *Ports) Forget(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.by, name)
}

func (p *Ports) taken(name string, port int) bool {
	for other, at := range p.by {
		if at == port && other != name {
			return true
		}
	}
	return false
}

// save replaces the file. If the process dies before the rename the old ports
// are remembered: new ones are picked where they are taken.
func (p *Ports) save() error {
	if p.file == "" {
		return nil
	}
	text, err := json.MarshalIndent(p.by, "", "  ")
	if err != nil {
		return fmt.Errorf("store: ports: %w", err)
	}
	return ReplaceFile(p.file, append(text, '\n'), 0o644)
}

// aPort is below the range from which the system takes the ports of outgoing
// connections: otherwise a store that is started again might find that one of
// its own clients sits on its port.
func aPort() int { return 20000 + rand.IntN(12000) }

func free(ctx context.Context, port int) bool {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
