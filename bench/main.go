// Bench measures Tenure beside its peers: each row of docs/benchmarks.md is
// Tenure and what one would use instead, by turns, on the same server, in the
// same run. It never judges by itself: a goal that is missed is told, and only
// a measurement that failed is a failure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	rows    string
	events  int
	rounds  int
	seconds float64
	age     time.Duration
	rebuilt int
	json    string
	profile string
}

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // as the product's processes have it; the peers' rounds have it too
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := command(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// command measures, or is the peer that a row has in a process of its own.
func command(ctx context.Context, args []string) error {
	if len(args) == 3 && args[0] == bareCommand {
		return serveBare(ctx, args[1], args[2])
	}
	var o options
	flag.StringVar(&o.rows, "rows", "", "the rows to measure, separated by commas; all when empty: "+strings.Join(keys(rows(o)), ", "))
	flag.IntVar(&o.events, "events", 100_000, "how many events are in the log before anything is measured")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each pair is measured; one more comes first and is not counted")
	flag.Float64Var(&o.seconds, "seconds", 2.5, "how long each side of a round takes")
	flag.DurationVar(&o.age, "age", time.Minute, "how long the row snapshot appends before it is measured")
	flag.IntVar(&o.rebuilt, "rebuilt", 1_000_000, fmt.Sprintf("how many events the row rebuild reads, over %d times fewer users", eventsEach))
	flag.StringVar(&o.json, "json", ".local/bench.json", "where the results are written")
	flag.StringVar(&o.profile, "profile", "", "where a profile of this process is written, for go tool pprof; none when empty")
	flag.Parse()
	return run(ctx, o)
}

// run measures the chosen rows, and writes what is known even when one fails.
func run(ctx context.Context, o options) (err error) {
	if o.events < 1 || o.rounds < 1 || o.seconds <= 0 {
		return errors.New("there has to be an event, a round and a moment")
	}
	chosen, err := choose(rows(o), o.rows)
	if err != nil {
		return err
	}
	b, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close(ctx)) }()
	stop, err := profile(o.profile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	fmt.Println(b.machine)
	results := []result{}
	for _, r := range chosen {
		var measured result
		if measured, err = b.measure(ctx, r); err != nil {
			err = fmt.Errorf("%s: %w", r.key, err)
			break
		}
		results = append(results, measured)
	}
	printTable(os.Stdout, results)
	fmt.Println(verdict(results))
	return errors.Join(err, writeJSON(o.json, results))
}

// profile begins to note where this process spends its time.
func profile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}

// say tells how far the run is, beside the table.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }
