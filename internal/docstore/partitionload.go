package docstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"tenure/internal/authz"
)

// Part is what was loaded of a partition. All of it is of one instant.
type Part[T any] struct {
	State
	Docs map[Key]T
	// Held are the parked ones among the documents. They are not in Docs.
	Held map[Key]Held[T]
}

// States tells how far each partition is, in one round trip.
func (p Partitions[T]) States(ctx context.Context) ([]State, error) {
	wanted := make(map[Partition][]Key, PartitionCount)
	for i := range Partition(PartitionCount) {
		wanted[i] = nil
	}
	parts, err := p.load(ctx, wanted)
	if err != nil {
		return nil, err
	}
	states := make([]State, PartitionCount)
	for i := range states {
		states[i] = parts[Partition(i)].State
	}
	return states, nil
}

// Load reads documents for a fold, with the state of each partition that they
// lie in, in one round trip.
func (p Partitions[T]) Load(ctx context.Context, s authz.Scope, keys []Key) (map[Partition]Part[T], error) {
	if !s.Everything() {
		return nil, errScope
	}
	wanted := make(map[Partition][]Key)
	for _, k := range keys {
		wanted[PartitionOf(k)] = append(wanted[PartitionOf(k)], k)
	}
	return p.load(ctx, wanted)
}

func (p Partitions[T]) load(ctx context.Context, wanted map[Partition][]Key) (map[Partition]Part[T], error) {
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	pipe := p.r.client.Pipeline()
	answers := make(map[Partition]*redis.SliceCmd, len(wanted))
	for i, keys := range wanted {
		answers[i] = pipe.HMGet(limited, p.name(i), fields(keys)...)
	}
	if err := p.r.ask(limited, pipe); err != nil {
		return nil, failed(ctx, "load from "+p.model.String(), err)
	}
	parts := make(map[Partition]Part[T], len(wanted))
	for i, keys := range wanted {
		part, err := readPart[T](keys, answers[i].Val())
		if err != nil {
			return nil, fmt.Errorf("docstore: %s: %w", p.model, err)
		}
		parts[i] = part
	}
	return parts, nil
}

// errReplica says that the server that answered is not the master.
var errReplica = errors.New("docstore: this Redis is a replica")

// ask runs a pipeline of reads and proves that the master answered it: a
// former one, or a replica behind its name, would honour what was revoked. The
// nodes of a cluster prove it themselves, by sending the asker elsewhere.
func (r *Redis) ask(ctx context.Context, pipe redis.Pipeliner) error {
	var role *redis.Cmd
	if !r.Cluster && !r.Miniredis {
		role = pipe.Do(ctx, "ROLE")
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	if role == nil {
		return nil
	}
	if answer, err := role.Slice(); err != nil || len(answer) == 0 || answer[0] != "master" {
		return errors.Join(errReplica, err)
	}
	return nil
}

// fields are those to ask for: the state, then the documents.
func fields(keys []Key) []string {
	all := []string{checkpointField, readyField}
	for _, k := range keys {
		all = append(all, document+string(k))
	}
	return all
}

// readPart reads the answers to fields(keys).
func readPart[T any](keys []Key, answers []any) (Part[T], error) {
	if len(answers) != len(keys)+2 {
		return Part[T]{}, fmt.Errorf("%d answers to %d questions", len(answers), len(keys)+2)
	}
	s, err := state(answers[0], answers[1])
	if err != nil {
		return Part[T]{}, err
	}
	part := Part[T]{State: s, Docs: make(map[Key]T)}
	for i, k := range keys {
		text, ok := answers[i+2].(string)
		if !ok {
			continue
		}
		if isHeld(text) {
			h, err := readHeld[T](text)
			if err != nil {
				return Part[T]{}, err
			}
			if part.Held == nil {
				part.Held = make(map[Key]Held[T])
			}
			part.Held[k] = h
			continue
		}
		var doc T
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			return Part[T]{}, fmt.Errorf("a document cannot be read: %w", err)
		}
		part.Docs[k] = doc
	}
	return part, nil
}
