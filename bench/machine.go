package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// machine is where the run takes place.
type machine struct {
	cores    int
	postgres string
	flush    time.Duration // what a commit waits for the disk
}

// slowDisk tells whether a flush takes a millisecond.
func (m machine) slowDisk() bool { return m.flush >= time.Millisecond }

// inMemory tells whether a flush takes nothing, which no disk can do.
func (m machine) inMemory() bool { return m.flush < 30*time.Microsecond }

// String is the line above the table.
func (m machine) String() string {
	line := fmt.Sprintf("%d cores, Postgres %s, a commit waits %.2f ms for the disk", m.cores, m.postgres, m.flush.Seconds()*1000)
	if m.inMemory() {
		line += "\nTHE DATA IS IN MEMORY: these figures say nothing of a server that keeps what it acknowledges"
	}
	return line
}

func (b *bench) look(ctx context.Context) (m machine, err error) {
	s := &stage{bench: b}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	address, err := s.database(ctx)
	if err != nil {
		return m, err
	}
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	m.cores = runtime.NumCPU()
	if err := conn.QueryRow(ctx, `show server_version`).Scan(&m.postgres); err != nil {
		return m, err
	}
	m.flush, err = flushTime(ctx, conn)
	return m, err
}

// flushTime is what a commit takes longer when it waits for the disk. Of each
// kind the lower quartile counts: what disturbs a machine only ever adds.
func flushTime(ctx context.Context, conn *pgx.Conn) (time.Duration, error) {
	if _, err := conn.Exec(ctx, `create table flushes (at timestamptz)`); err != nil {
		return 0, err
	}
	var waiting, not []time.Duration
	for range 200 {
		w, err := commit(ctx, conn, "on")
		if err != nil {
			return 0, err
		}
		n, err := commit(ctx, conn, "off")
		if err != nil {
			return 0, err
		}
		waiting, not = append(waiting, w), append(not, n)
	}
	slices.Sort(waiting)
	slices.Sort(not)
	return max(0, waiting[len(waiting)/4]-not[len(not)/4]), nil
}

// commit inserts a row, and tells how long that took.
func commit(ctx context.Context, conn *pgx.Conn, synchronous string) (time.Duration, error) {
	if _, err := conn.Exec(ctx, `set synchronous_commit = `+synchronous); err != nil {
		return 0, err
	}
	began := time.Now()
	_, err := conn.Exec(ctx, `insert into flushes values (now())`)
	return time.Since(began), err
}
