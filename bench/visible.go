package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// perSecondWritten is how many commands come in a second, whatever becomes of
// those before them.
const perSecondWritten = 200

func visible() row {
	return row{
		key: "visible", name: fmt.Sprintf("write to visible: POST of a user over HTTP until the read models show him, %d a second, p99", perSecondWritten),
		against: "append of the same at the same rate, p99",
		unit:    "ms", goal: always(10), atMost: true,
		open: func(ctx context.Context, s *stage) (pair, error) {
			k, err := s.site(ctx)
			if err != nil {
				return pair{}, err
			}
			do, callers, err := s.commanding(ctx)
			if err != nil {
				return pair{}, err
			}
			idle := &spare{address: k.api}
			s.onClose(idle.close)
			return pair{
				ours: p99(perSecondWritten, func(ctx context.Context, _ int) error {
					return idle.ask(ctx, k.newUser(), http.StatusCreated)
				}),
				peer: p99(perSecondWritten, func(ctx context.Context, i int) error { return do(ctx, callers[i%len(callers)]) }),
				note: s.machine.shared() + ", and the projector with them",
			}, nil
		},
	}
}

// longer is how much longer than others a side works that measures a high
// percentile.
const longer = 2

// p99 begins so many things a second, and tells how many milliseconds the 99th
// of a hundred took. Each counts from when it was due, so that one that holds
// up the others makes them late too.
func p99(rate int, do func(ctx context.Context, i int) error) side {
	return func(ctx context.Context, d time.Duration) (float64, error) {
		took, err := openLoop(ctx, rate, longer*d, do)
		return percentile(took, 99).Seconds() * 1000, err
	}
}
