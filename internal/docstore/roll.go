package docstore

import (
	"context"
	"time"
)

// Roll is a list of processes that are live, kept in Redis by its own clock.
// Who signed stays on it for a while and has to sign again.
type Roll struct {
	r    *Redis
	name string
}

// RollIn is the roll with a name that is permanent.
func RollIn(r *Redis, name string) Roll { return Roll{r, name} }

// signScript enters a name, strikes out those whose time is over, and tells
// whether the name was still on the roll.
const signScript = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local former = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
if former and tonumber(former) >= now then return 1 end
return 0`

// namesScript lists those whose time is not over.
const namesScript = `
local t = redis.call('TIME')
return redis.call('ZRANGEBYSCORE', KEYS[1], t[1] * 1000 + math.floor(t[2] / 1000), '+inf')`

// Sign enters a name for some time, and tells whether it was still there:
// false means that others may not have seen it in between. It fails with
// ErrUnavailable, and then the name may be entered or not.
//
// Dies the process here, its name stands on the roll until its time is over.
func (l Roll) Sign(ctx context.Context, name string, stays time.Duration) (still bool, _ error) {
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	n, err := l.r.client.Eval(limited, signScript, []string{l.key()}, name, stays.Milliseconds()).Int()
	if err != nil {
		return false, failed(ctx, "sign the roll "+l.name, err)
	}
	return n == 1, nil
}

// Names are those on the roll, as the master knows it. It fails with
// ErrUnavailable.
func (l Roll) Names(ctx context.Context) ([]string, error) {
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	pipe := l.r.client.Pipeline()
	names := pipe.Eval(limited, namesScript, []string{l.key()})
	if err := l.r.ask(limited, pipe); err != nil {
		return nil, failed(ctx, "read the roll "+l.name, err)
	}
	list, err := names.StringSlice()
	if err != nil {
		return nil, failed(ctx, "read the roll "+l.name, err)
	}
	return list, nil
}

// Strike takes a name off the roll. It fails with ErrUnavailable, and then its
// time runs out.
func (l Roll) Strike(ctx context.Context, name string) error {
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	if err := l.r.client.ZRem(limited, l.key(), name).Err(); err != nil {
		return failed(ctx, "leave the roll "+l.name, err)
	}
	return nil
}

func (l Roll) key() string { return l.r.Prefix + "roll:" + l.name }
