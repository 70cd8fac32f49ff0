package docstore

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenure/internal/events"
)

// Where a document lies is permanent: a program that looked elsewhere would
// find nothing and call it a wrong key.
func TestWhereDocumentsLieIsPermanent(t *testing.T) {
	t.Parallel()
	for k, want := range map[Key]Partition{"": 5, "user/ada": 57, "key/k1": 37, "secret/1.aa": 63} {
		if got := PartitionOf(k); got != want {
			t.Errorf("%q lies in %d, want %d", k, got, want)
		}
	}
	p := PartitionsIn[note](&Redis{RedisOptions: RedisOptions{Prefix: "x:"}}, notes)
	if got := p.name(7); got != "x:{notes-v1-g1:07}" {
		t.Errorf("partition 7 is at %s", got)
	}
	seen := make(map[Partition]bool)
	for n := range 2000 {
		seen[PartitionOf(Key(fmt.Sprint("user/", n)))] = true
	}
	if len(seen) != PartitionCount {
		t.Errorf("2000 users lie in %d partitions", len(seen))
	}
}

func TestPartitionsCompareAndSet(t *testing.T) {
	t.Parallel()
	p := PartitionsIn[note](testRedis(t), notes)
	i := PartitionOf("a")
	move := func(what string, wantRaced bool, m Move[note]) {
		t.Helper()
		m.Partition = i
		raced, err := p.Move(t.Context(), []Move[note]{m})
		if (len(raced) == 1) != wantRaced || err != nil {
			t.Errorf("%s: raced %v, %v, want %v", what, raced, err, wantRaced)
		}
	}
	holds := func(want Part[note]) {
		t.Helper()
		parts, err := p.Load(t.Context(), all(), []Key{"a"})
		if diff := cmp.Diff(want, parts[i]); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	a := func(text string) map[Key]*note { return map[Key]*note{"a": {text}} }
	forked := at(4)
	forked.Event[0]++

	holds(Part[note]{Docs: map[Key]note{}})
	move("from a place that is not there", true, Move[note]{From: at(1), To: at(2), Docs: a("x")})
	move("the first", false, Move[note]{To: at(2), Docs: a("a2")})
	move("a second first", true, Move[note]{To: at(2), Docs: a("x")})
	move("on, by another", false, Move[note]{From: at(2), To: at(4), Docs: a("a4")})
	move("from where it was before", true, Move[note]{From: at(2), To: at(3), Docs: a("x")})
	move("from another event", true, Move[note]{From: forked, To: at(5), Docs: a("x")})
	holds(Part[note]{State: State{at(4), false}, Docs: map[Key]note{"a": {"a4"}}})
	move("the checkpoint alone", false, Move[note]{From: at(4), To: at(6)})
	move("a delete", false, Move[note]{From: at(6), To: at(7), Docs: map[Key]*note{"a": nil}})
	holds(Part[note]{State: State{at(7), false}, Docs: map[Key]note{}})
}

func TestAPartitionIsNeverAnAnswerBeforeItIsReady(t *testing.T) {
	t.Parallel()
	p := PartitionsIn[note](testRedis(t), notes)
	i := PartitionOf("a")
	read := func(what string, want error, docs map[Key]note) {
		t.Helper()
		got, err := p.Read(t.Context(), all(), "a", "nothing")
		if !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
		if diff := cmp.Diff(docs, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	other := PartitionOf("nothing")
	ready := func(m map[Partition]events.Mark) {
		t.Helper()
		if err := p.MarkReady(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	read("nothing is there", ErrUnavailable, nil)
	for partition, docs := range map[Partition]map[Key]*note{i: {"a": {"a1"}}, other: nil} {
		if _, err := p.Move(t.Context(), []Move[note]{{Partition: partition, To: at(1), Docs: docs}}); err != nil {
			t.Fatal(err)
		}
	}
	read("it is being folded", ErrUnavailable, nil)
	ready(map[Partition]events.Mark{i: at(1), other: at(2)})
	read("one of the two was not where it was said to be", ErrUnavailable, nil)
	ready(map[Partition]events.Mark{other: at(1)})
	read("both are ready", nil, map[Key]note{"a": {"a1"}})
	if err := p.MarkUnready(t.Context(), []Partition{other}); err != nil {
		t.Fatal(err)
	}
	read("one turned out to be old", ErrUnavailable, nil)
}

// A checkpoint that is gone takes the documents and the ready mark with it:
// nobody knows how old they are.
func TestAPartitionWithoutCheckpointBeginsAnew(t *testing.T) {
	t.Parallel()
	r := testRedis(t)
	p := PartitionsIn[note](r, notes)
	i := PartitionOf("a")
	fields := map[string]string{document + "a": `{"text":"old"}`, document + "b": `{"text":"old"}`, readyField: "1"}
	if err := r.client.HSet(t.Context(), p.name(i), fields).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Move(t.Context(), []Move[note]{{Partition: i, To: at(1), Docs: map[Key]*note{"c": {"new"}}}}); err != nil {
		t.Fatal(err)
	}
	left, err := r.client.HKeys(t.Context(), p.name(i)).Result()
	if err != nil || len(left) != 2 || r.client.HExists(t.Context(), p.name(i), readyField).Val() {
		t.Errorf("it has %v, %v, want the checkpoint and the new document", left, err)
	}
}

// A server that was started anew has forgotten the scripts.
func TestForgottenScriptsAreLoadedAgain(t *testing.T) {
	t.Parallel()
	r := testRedis(t)
	p := PartitionsIn[note](r, notes)
	for n := range events.Position(20) {
		if err := r.client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		from := events.Mark{}
		if n > 0 {
			from = at(n)
		}
		raced, err := p.Move(t.Context(), []Move[note]{
			{Partition: 1, From: from, To: at(n + 1)}, {Partition: 2, From: from, To: at(n + 1)}, {Partition: 3, From: at(99), To: at(100)},
		})
		if err != nil || len(raced) != 1 || raced[0] != 3 {
			t.Fatalf("raced %v, %v, want only the third", raced, err)
		}
		if err := r.client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if err := p.MarkReady(t.Context(), map[Partition]events.Mark{1: at(n + 1)}); err != nil {
			t.Fatal(err)
		}
	}
	states, err := p.States(t.Context())
	if err != nil || states[1] != (State{at(20), true}) || states[2] != (State{at(20), false}) || states[3] != (State{}) {
		t.Errorf("they are at %v, %v", states[1:4], err)
	}
}
