package docstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"tenure/internal/authz"
	"tenure/internal/events"
)

// Held is a parked document of a partition.
type Held[T any] struct {
	Parked
	// Doc is what it was before; nil when it was not there. Nobody is shown it.
	Doc *T
	// Waiting is how many events wait beside it. No two states of a parked
	// document have both mark and number in common.
	Waiting int
	// Text is how it stands in the store.
	Text string
}

// Hold is what a move makes of a document that is parked, or becomes so.
type Hold[T any] struct {
	// Was is how it stood when it was parked already; empty when it was not.
	Was string
	Now Held[T]
	// Queue are the events that join those that wait beside it, in order.
	Queue []events.Position
}

// heldSign begins the field of a parked document. No JSON begins with it, so a
// program that does not know of parking fails to read it, and none takes it for
// a document.
const heldSign = "parked:"

type storedHeld[T any] struct {
	Parked
	Waiting int `json:"waiting"`
	Doc     *T  `json:"doc,omitempty"`
}

func isHeld(text string) bool { return strings.HasPrefix(text, heldSign) }

func readHeld[T any](text string) (Held[T], error) {
	var s storedHeld[T]
	if err := json.Unmarshal([]byte(strings.TrimPrefix(text, heldSign)), &s); err != nil {
		return Held[T]{}, fmt.Errorf("a parked document cannot be read: %w", err)
	}
	return Held[T]{s.Parked, s.Doc, s.Waiting, text}, nil
}

func (h Held[T]) text() (string, error) {
	text, err := json.Marshal(storedHeld[T]{h.Parked, h.Waiting, h.Doc})
	return heldSign + string(text), err
}

func queueText(all []events.Position) string {
	texts := make([]string, len(all))
	for i, p := range all {
		texts[i] = strconv.FormatInt(int64(p), 10)
	}
	return strings.Join(texts, ",")
}

// errQueue says that a queue is not what its document says of it. To apply
// what is left would pass over an event.
var errQueue = errors.New("docstore: the queue of a parked document is not whole; delete its partition, and it is folded again")

func readQueue(text string, want int) ([]events.Position, error) {
	var all []events.Position
	for part := range strings.SplitSeq(text, ",") {
		p, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return nil, errQueue
		}
		all = append(all, events.Position(p))
	}
	if len(all) != want {
		return nil, errQueue
	}
	return all, nil
}

// LoadHeld reads a parked document with the events that wait beside it, in
// order, and false when it is not parked. It fails with ErrUnavailable.
func (p Partitions[T]) LoadHeld(ctx context.Context, s authz.Scope, key Key) (h Held[T], waiting []events.Position, parked bool, err error) {
	if !s.Everything() {
		return h, nil, false, errScope
	}
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	pipe := p.r.client.Pipeline()
	both := pipe.HMGet(limited, p.name(PartitionOf(key)), document+string(key), queue+string(key))
	if err := p.r.ask(limited, pipe); err != nil {
		return h, nil, false, failed(ctx, "load from "+p.model.String(), err)
	}
	text, _ := both.Val()[0].(string)
	if !isHeld(text) {
		return h, nil, false, nil
	}
	if h, err = readHeld[T](text); err != nil {
		return h, nil, false, fmt.Errorf("docstore: %s: %w", p.model, err)
	}
	positions, _ := both.Val()[1].(string)
	waiting, err = readQueue(positions, h.Waiting)
	return h, waiting, true, err
}

// releaseScript writes a document that still is as it was loaded: no event has
// joined its queue since, and nobody else let it go on.
const releaseScript = `
if redis.call('HGET', KEYS[1], 'd:' .. ARGV[1]) ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], 'd:' .. ARGV[1])
else redis.call('HSET', KEYS[1], 'd:' .. ARGV[1], ARGV[3]) end
if ARGV[4] == '' then
	redis.call('HDEL', KEYS[1], 'q:' .. ARGV[1])
	redis.call('ZREM', KEYS[2], ARGV[1])
else
	redis.call('HSET', KEYS[1], 'q:' .. ARGV[1], ARGV[4])
	redis.call('ZADD', KEYS[2], ARGV[5], ARGV[1])
end
return 1`

// Release writes a document that was parked, after the first of the events
// that wait beside it were applied, and keeps the rest: it stays parked at the
// first of them, with now's error. Without a rest it is parked no more. It tells
// false, with nothing written, when the document is not what was loaded. It
// fails with ErrRefused and ErrUnavailable.
//
// Dies the process here, it is as before or as after.
func (p Partitions[T]) Release(ctx context.Context, key Key, was, now Held[T], rest []events.Position) (bool, error) {
	text, err := now.released(rest)
	if err != nil {
		return false, refusals{key: fmt.Sprintf("it cannot be encoded: %T", err)}
	}
	done, err := p.run(ctx, releaseScript, []call{{PartitionOf(key), []any{string(key), was.Text, text, queueText(rest), int64(now.Position)}}})
	if err != nil {
		return false, failed(ctx, "write to "+p.model.String(), err)
	}
	return done[0], nil
}

// released is the field of the document, empty for one that goes.
func (h Held[T]) released(rest []events.Position) (string, error) {
	if len(rest) > 0 {
		h.Waiting = len(rest)
		return h.text()
	}
	if h.Doc == nil {
		return "", nil
	}
	text, err := json.Marshal(h.Doc)
	return string(text), err
}

// Parked lists the parked documents in the order of their marks, at most limit
// of them, and tells how many there are. It fails with ErrUnavailable.
func (p Partitions[T]) Parked(ctx context.Context, s authz.Scope, limit int) (all []ParkedKey, total int64, err error) {
	if !s.Everything() {
		return nil, 0, errScope
	}
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	pipe := p.r.client.Pipeline()
	counts, firsts := make([]*redis.IntCmd, PartitionCount), make([]*redis.ZSliceCmd, PartitionCount)
	for i := range Partition(PartitionCount) {
		counts[i] = pipe.ZCard(limited, p.index(i))
		firsts[i] = pipe.ZRangeWithScores(limited, p.index(i), 0, int64(limit)-1)
	}
	if _, err := pipe.Exec(limited); err != nil {
		return nil, 0, failed(ctx, "list what is parked in "+p.model.String(), err)
	}
	var first []redis.Z
	for i := range counts {
		total += counts[i].Val()
		first = append(first, firsts[i].Val()...)
	}
	slices.SortFunc(first, func(a, b redis.Z) int { return cmp.Compare(a.Score, b.Score) })
	var keys []Key
	for _, z := range first[:min(limit, len(first))] {
		key, _ := z.Member.(string)
		keys = append(keys, Key(key))
	}
	all, err = p.ParkedOf(ctx, s, keys)
	return all, total, err
}

// ParkedOf tells which of these documents are parked, in the order of their
// marks. It fails with ErrUnavailable.
func (p Partitions[T]) ParkedOf(ctx context.Context, s authz.Scope, keys []Key) ([]ParkedKey, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	parts, err := p.Load(ctx, s, keys)
	if err != nil {
		return nil, err
	}
	var all []ParkedKey
	for _, part := range parts {
		for k, h := range part.Held {
			all = append(all, ParkedKey{k, h.Parked})
		}
	}
	slices.SortFunc(all, func(a, b ParkedKey) int {
		return cmp.Or(cmp.Compare(a.Position, b.Position), cmp.Compare(a.Key, b.Key))
	})
	return all, nil
}
