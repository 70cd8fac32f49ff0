package docstore

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/redis/go-redis/v9"

	"tenure/internal/events"
)

// Move moves a partition's checkpoint and writes its documents, both or
// neither.
type Move[T any] struct {
	Partition Partition
	From      events.Mark // where the checkpoint was loaded; zero: the partition was not there
	To        events.Mark
	Docs      map[Key]*T // nil: delete. Without any, the checkpoint alone moves.
	// Holds are the documents that are parked, or become so.
	Holds map[Key]Hold[T]
}

// moveScript writes where the checkpoint still is the former one, and every
// parked document is as it was loaded: another one may have let it go on.
// Whatever is left of a partition without a checkpoint is of unknown age and
// goes first, the ready mark with it. A full server fails at the first write,
// before anything is in.
const moveScript = `
local now = redis.call('HGET', KEYS[1], 'checkpoint')
if (now or '') ~= ARGV[1] then return 0 end
local holds = 4 + 2 * tonumber(ARGV[3])
for i = holds, #ARGV, 5 do
	if ARGV[i + 1] ~= '' and redis.call('HGET', KEYS[1], 'd:' .. ARGV[i]) ~= ARGV[i + 1] then return 0 end
end
if not now then redis.call('UNLINK', KEYS[1], KEYS[2]) end
redis.call('HSET', KEYS[1], 'checkpoint', ARGV[2])
for i = 4, holds - 1, 2 do
	if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[i])
	else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
for i = holds, #ARGV, 5 do
	local queue = redis.call('HGET', KEYS[1], 'q:' .. ARGV[i])
	queue = queue and queue .. ',' .. ARGV[i + 3] or ARGV[i + 3]
	redis.call('HSET', KEYS[1], 'd:' .. ARGV[i], ARGV[i + 2], 'q:' .. ARGV[i], queue)
	redis.call('ZADD', KEYS[2], ARGV[i + 4], ARGV[i])
end
return 1`

// readyScript marks a partition that is still where it was seen to be
// complete.
const readyScript = `
if redis.call('HGET', KEYS[1], 'checkpoint') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'ready', '1')
return 1`

// call is one run of a script on one partition.
type call struct {
	partition Partition
	args      []any
}

// Move carries out moves, in one round trip, and tells which of them another
// writer came before: nothing of those was written. It fails with ErrRefused,
// and then nothing was written at all, and otherwise with ErrUnavailable, and
// then any of them may have been carried out.
//
// Dies the process here, each partition is where it was or where it was to go,
// and its checkpoint tells: the same events come again, and only the former
// kind takes them.
func (p Partitions[T]) Move(ctx context.Context, moves []Move[T]) (raced []Partition, err error) {
	calls := make([]call, len(moves))
	refused := make(refusals)
	for i, m := range moves {
		calls[i], err = m.call()
		maps.Copy(refused, Refused(err))
	}
	if err := refused.orNil(); err != nil {
		return nil, err
	}
	done, err := p.run(ctx, moveScript, calls)
	if err != nil {
		return nil, failed(ctx, "write to "+p.model.String(), err)
	}
	for i, m := range moves {
		if !done[i] {
			raced = append(raced, m.Partition)
		}
	}
	return raced, nil
}

func (m Move[T]) call() (call, error) {
	args := []any{checkpointText(m.From), checkpointText(m.To), len(m.Docs)}
	refused := make(refusals)
	for k, doc := range m.Docs {
		var text []byte
		if doc != nil {
			var err error
			if text, err = json.Marshal(doc); err != nil {
				refused[k] = fmt.Sprintf("it cannot be encoded: %T", err)
			}
		}
		args = append(args, document+string(k), string(text))
	}
	for k, h := range m.Holds {
		text, err := h.Now.text()
		if err != nil {
			refused[k] = fmt.Sprintf("it cannot be encoded: %T", err)
		}
		args = append(args, string(k), h.Was, text, queueText(h.Queue), int64(h.Now.Position))
	}
	return call{m.Partition, args}, refused.orNil()
}

// MarkReady marks those partitions as complete that are still at these places.
// It fails with ErrUnavailable. Dies the process here, the next one marks the
// rest.
func (p Partitions[T]) MarkReady(ctx context.Context, at map[Partition]events.Mark) error {
	var calls []call
	for i, m := range at {
		calls = append(calls, call{i, []any{checkpointText(m)}})
	}
	if _, err := p.run(ctx, readyScript, calls); err != nil {
		return failed(ctx, "mark "+p.model.String()+" as ready", err)
	}
	return nil
}

// MarkUnready takes the ready mark from partitions that turned out to have
// gone back in time. It fails with ErrUnavailable.
func (p Partitions[T]) MarkUnready(ctx context.Context, which []Partition) error {
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	pipe := p.r.client.Pipeline()
	for _, i := range which {
		pipe.HDel(limited, p.name(i), readyField)
	}
	if _, err := pipe.Exec(limited); err != nil && len(which) > 0 {
		return failed(ctx, "take the ready mark from "+p.model.String(), err)
	}
	return nil
}

// run calls a script on several partitions in one round trip, and tells for
// each whether it acted. A server that was flushed or started anew has
// forgotten the script, and each call that it refused for that is repeated
// with the whole text, which also loads it.
func (p Partitions[T]) run(ctx context.Context, script string, calls []call) ([]bool, error) {
	if len(calls) == 0 {
		return nil, nil
	}
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	sha := redis.NewScript(script).Hash()
	pipe := p.r.client.Pipeline()
	answers := make([]*redis.Cmd, len(calls))
	for i, c := range calls {
		answers[i] = pipe.EvalSha(limited, sha, p.names(c.partition), c.args...)
	}
	_, err := pipe.Exec(limited)
	if err == nil {
		return acted(answers)
	}
	again := p.r.client.Pipeline()
	for i, c := range calls {
		if redis.HasErrorPrefix(answers[i].Err(), "NOSCRIPT") {
			answers[i] = again.Eval(limited, script, p.names(c.partition), c.args...)
		}
	}
	if again.Len() > 0 {
		_, _ = again.Exec(limited) // each answer has its own error
	}
	return acted(answers)
}

func acted(answers []*redis.Cmd) ([]bool, error) {
	done := make([]bool, len(answers))
	for i, a := range answers {
		n, err := a.Int()
		if err != nil {
			return nil, err
		}
		done[i] = n == 1
	}
	return done, nil
}
