package store

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq"

	"tenure/local/internal/proc"
)

// TestMain is also the guard and the program that fetches Postgres.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		var err error
		switch os.Args[1] {
		case "guard":
			err = proc.Watch(os.Stdin)
		case "fetch-postgres":
			err = FetchPostgres(context.Background(), os.Args[2], "")
		default:
			os.Exit(m.Run())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// setup is one of the test's own, with the programs of this machine. What they
// are downloaded to is shared with `make test`.
func setup(t *testing.T) Setup {
	t.Helper()
	bin, err := filepath.Abs("../../../.local/bin")
	if err != nil {
		t.Fatal(err)
	}
	guard, err := proc.NewGuard([]string{os.Args[0], "guard"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := guard.Close(); err != nil {
			t.Error(err)
		}
	})
	dir := openDir(t)
	ports, err := LoadPorts(filepath.Join(dir, "ports.json"))
	if err != nil {
		t.Fatal(err)
	}
	return Setup{
		Data: filepath.Join(dir, "data"), Bin: bin, Log: filepath.Join(dir, "log"), Ports: ports,
		Guard: guard, Machine: ThisMachine(os.Args[0]), Say: t.Logf, Changed: func() {},
	}
}

// openDir is a directory through which every user can pass, whatever the umask.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t *testing.T, s Setup) *Stores {
	t.Helper()
	stores, err := Open(t.Context(), s, URLs{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stores.Stop)
	return stores
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(60 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("in vain waited until " + what)
		}
	}
}

func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// query runs one statement and returns what it answers, if anything.
func query(t *testing.T, dsn, statement string) (string, error) {
	t.Helper()
	db, err := sql.Open("postgres", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var answer sql.NullString
	err = db.QueryRowContext(t.Context(), statement).Scan(&answer)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return answer.String, err
}

// redis sends one command to Redis and returns the answer's last line.
func redis(t *testing.T, address, line string) (string, error) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dial(t.Context(), port)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	words := strings.Fields(line)
	request := fmt.Sprintf("*%d\r\n", len(words))
	for _, word := range words {
		request += fmt.Sprintf("$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return "", err
	}
	in := bufio.NewReader(conn)
	answer, err := in.ReadString('\n')
	if err == nil && strings.HasPrefix(answer, "*") { // a list: its end will do
		var n int
		_, err = fmt.Sscanf(answer, "*%d", &n)
		for ; err == nil && n > 0; n-- {
			if answer, err = in.ReadString('\n'); err == nil {
				answer, err = in.ReadString('\n')
			}
		}
	} else if err == nil && strings.HasPrefix(answer, "$") && answer != "$-1\r\n" {
		answer, err = in.ReadString('\n')
	}
	return strings.TrimSpace(answer), err
}
