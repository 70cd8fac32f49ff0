package feed_test

import (
	"testing"

	"tenure/internal/testkit"
)

func TestOldOffsetsArePruned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := &readModel{t: t}
	w.run(w.feed(), m.consumer("users"))
	const batches = 300
	for range batches {
		m.reaches(w.append(some(1)...))
	}
	testkit.Eventually(t, "the offset follows", func() bool { return w.offset("users") == batches })
	if got := w.number(`select count(*) from feed_offsets`); got > 130 {
		t.Errorf("%d offsets are left of %d batches", got, batches)
	}
}
