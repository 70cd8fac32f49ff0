package commands_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"

	"tenure/internal/eventlog"
	"tenure/internal/fault"
	"tenure/internal/testkit"
)

// stepsOfAWorld is how many commands a world sees beside those that fill it.
// For more worlds: -rapid.checks.
const stepsOfAWorld = 40

// Whatever is asked by whomever in whatever order, the program answers what the
// contract says, comes to the state that it says, and nobody ends with a right
// that none who acted could grant.
func TestWhateverIsAskedTheContractIsKept(t *testing.T) {
	t.Parallel()
	h := open(t)
	owner := testkit.OpenPostgres(t, h.pool.Config().ConnString(), nil)
	worlds := 0
	rapid.Check(t, func(r *rapid.T) {
		worlds++
		forgetSuperAdmins(t, owner)
		w := newWorld(t.Context(), r, h, worlds)
		w.fill()
		for range stepsOfAWorld {
			if s := steps().Draw(r, "step"); s.verb != nothing {
				w.run(s)
			}
		}
		w.claims()
	})
}

// forgetSuperAdmins makes room for another world: who the last super_admin is,
// is asked of the whole log.
func forgetSuperAdmins(t *testing.T, owner *pgxpool.Pool) {
	t.Helper()
	if _, err := owner.Exec(t.Context(), `delete from lookups where kind = 'user.active_super_admins'`); err != nil {
		t.Fatal(err)
	}
}

// run carries out a step and what interrupts it, and compares what was answered
// and what is then with what the contract says.
func (w *world) run(s step) {
	by, command := w.caller(s.who), w.command(s)
	inner, innerCommand := caller{}, any(nil)
	if s.inner != nil && s.inner.verb != nothing {
		inner, innerCommand = w.caller(s.inner.who), w.command(*s.inner)
	}
	principal, known := w.log.principal(by), w.model.authorityOf(by)
	right := []verdict{w.model.judge(known, command)}
	left, interrupted := s.after, false
	meanwhile := func() {
		if !interrupted && innerCommand != nil {
			interrupted = true
			w.rapid.Logf("    meanwhile (%d):", s.after)
			w.one(inner, innerCommand)
		}
	}
	reads := func() {
		if left--; left == -1 {
			meanwhile()
		}
	}
	handler := *w.house.Handler
	handler.Reader = interruption{w.house.pool, reads}
	handler.NewID = func() uuid.UUID { // of an event that was decided on
		if s.after == decided {
			meanwhile()
		}
		return uuid.New()
	}
	w.rapid.Logf("%s: %s", w.tell(by), w.tell(command))
	if s.after == 0 {
		reads() // its caller is known, and it has not begun
	}
	err := w.execute(&handler, principal, command)
	if interrupted { // a refusal may rest on an authority that is not looked at again
		right = append(right, w.model.judge(known, command), w.model.judge(w.model.authorityOf(by), command))
	}
	w.settle(by, command, err, right)
}

// one carries out a command that nothing interrupts.
func (w *world) one(by caller, command any) {
	w.rapid.Logf("%s: %s", w.tell(by), w.tell(command))
	only := w.model.judge(w.model.authorityOf(by), command)
	w.settle(by, command, w.execute(w.house.Handler, w.log.principal(by), command), []verdict{only})
}

// settle compares an answer with the verdicts that are right: of before and of
// after what happened meanwhile. A refusal, and that there was nothing to
// change, may rest on either; what changes something rests on the last.
func (w *world) settle(by caller, command any, err error, right []verdict) {
	f := fault.As(err)
	if err != nil && f == nil {
		w.rapid.Fatalf("failed: %v", err)
	}
	w.rapid.Logf("    -> %s", tellAnswer(f))
	appended := w.follow(by)
	last := right[len(right)-1]
	switch {
	case f != nil && !w.refusedBy(f, by, command, right):
		w.rapid.Fatalf("refused with %s; right is %s", tellAnswer(f), tellVerdicts(right))
	case f != nil && len(appended) > 0:
		w.rapid.Fatalf("refused, and appended %d events", len(appended))
	case f != nil:
	case len(appended) == 0 && slices.ContainsFunc(right, func(v verdict) bool { return v.idle }):
	case !last.ok():
		w.rapid.Fatalf("done; right is %s", tellVerdicts(right))
	default:
		w.model = last.after
	}
	w.same()
}

func (w *world) refusedBy(f *fault.Fault, by caller, command any, right []verdict) bool {
	for _, v := range right {
		if v.refuses(f) {
			return true
		}
	}
	return len(right) > 1 && f.Code == "authority_lost" && w.movedHome(by, command)
}

// interruption is a reader that says so before it reads.
type interruption struct {
	eventlog.Querier
	before func()
}

func (i interruption) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	i.before()
	return i.Querier.Query(ctx, sql, args...)
}

func (i interruption) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	i.before()
	return i.Querier.QueryRow(ctx, sql, args...)
}

func (i interruption) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	i.before()
	return i.Querier.SendBatch(ctx, b)
}
