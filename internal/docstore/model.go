package docstore

import "fmt"

// Key names a document within its read model.
type Key string

// Model names one complete build of a read model.
type Model struct {
	Projection string
	// Version is that of the projection's shape.
	Version int
	// Generation tells builds of one version apart. The first is 1.
	Generation int
}

// String names what belongs to the model in the stores, and its consumer. It
// is permanent.
func (m Model) String() string {
	return fmt.Sprintf("%s-v%d-g%d", m.Projection, m.Version, m.Generation)
}
