package docstore

import (
	"encoding/json"
	"fmt"
	"hash/fnv"

	"tenure/internal/events"
)

// PartitionCount is how many partitions a model has in Redis. It is permanent.
const PartitionCount = 64

// Partition is one of a model's parts.
type Partition int

// PartitionOf is where a document lies. It is permanent.
func PartitionOf(k Key) Partition { return Partition(PartOf(k, PartitionCount)) }

// PartOf divides documents among so many parts. Where that is a multiple of
// PartitionCount, all of a part lies in one partition: in its remainder.
func PartOf(k Key, parts int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(k)) // never fails
	return int(h.Sum32() % uint32(parts))
}

// Partitions is one build of a read model in Redis. Each partition is one hash
// of Redis, which holds its documents, its checkpoint and its ready mark: one
// thing, which is lost whole or not at all.
type Partitions[T any] struct {
	r     *Redis
	model Model
}

// PartitionsIn is where r keeps model.
func PartitionsIn[T any](r *Redis, model Model) Partitions[T] {
	return Partitions[T]{r, model}
}

// The fields of a partition. A document's field begins with document, and that
// of the events that wait beside it with queue.
const (
	checkpointField = "checkpoint"
	readyField      = "ready"
	document        = "d:"
	queue           = "q:"
)

// name is the partition's key in Redis. What stands in braces decides the node
// of a cluster.
func (p Partitions[T]) name(i Partition) string { return partitionName(p.r, p.model, i) }

func partitionName(r *Redis, model Model, i Partition) string {
	return fmt.Sprintf("%s{%s:%02d}", r.Prefix, model, i)
}

// index is where the keys of the partition's parked documents are, in the
// order of their marks. It is there to find them by; whether a document is
// parked, its own field tells.
func (p Partitions[T]) index(i Partition) string { return parkedName(p.r, p.model, i) }

// names are what the scripts are called with.
func (p Partitions[T]) names(i Partition) []string { return []string{p.name(i), p.index(i)} }

// State is how far a partition was folded. The zero state is that of one that
// is not there.
type State struct {
	Checkpoint events.Mark
	// Ready says that the partition was complete when it was marked.
	Ready bool
}

// checkpointText is a mark as a partition keeps it, empty for none. It is
// compared as it stands.
func checkpointText(m events.Mark) string {
	if m == (events.Mark{}) {
		return ""
	}
	text, _ := json.Marshal(storeMark(m)) // two strings and a number
	return string(text)
}

// state reads the answers for checkpoint and ready mark.
func state(checkpoint, ready any) (State, error) {
	text, ok := checkpoint.(string)
	if !ok {
		return State{}, nil
	}
	var stored storedMark
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return State{}, fmt.Errorf("docstore: a checkpoint cannot be read: %w", err)
	}
	m, err := stored.mark()
	return State{m, ready != nil}, err
}

// parkedName is the list of what is parked in a partition.
func parkedName(r *Redis, m Model, i Partition) string { return partitionName(r, m, i) + ":parked" }
