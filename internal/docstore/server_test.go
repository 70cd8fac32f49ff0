package docstore

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"tenure/internal/testkit"
)

// server is a Redis that gives the answers it was told to give, for what no
// real one does on demand. What it was not told is an unknown command.
func server(t *testing.T, answers map[string]string) (url string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn, answers)
		}
	}()
	return "redis://" + l.Addr().String()
}

func serve(conn net.Conn, answers map[string]string) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		command, err := readCommand(in)
		if err != nil {
			return
		}
		answer, ok := answers[command]
		if !ok {
			answer = "-ERR unknown command"
		}
		if _, err := io.WriteString(conn, answer+"\r\n"); err != nil {
			return
		}
	}
}

// readCommand reads an array of strings and gives the first, in capitals.
func readCommand(in *bufio.Reader) (string, error) {
	var name string
	n, err := readNumber(in)
	for i := 0; i < n && err == nil; i++ {
		var size int
		if size, err = readNumber(in); err != nil {
			break
		}
		text := make([]byte, size+2)
		if _, err = io.ReadFull(in, text); i == 0 {
			name = strings.ToUpper(string(text[:size]))
		}
	}
	return name, err
}

func readNumber(in *bufio.Reader) (int, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}

func text(s string) string { return fmt.Sprintf("$%d\r\n%s", len(s), s) }

func TestOnlyARedisThatKeepsItsKeysIsOpened(t *testing.T) {
	t.Parallel()
	refused := "-NOPERM this user has no permissions to run the 'config' command"
	config := func(policy string) string { return "*2\r\n" + text("maxmemory-policy") + "\r\n" + text(policy) }
	memory := func(policy string) string {
		return text("# Memory\r\nused_memory:1\r\nmaxmemory_policy:" + policy + "\r\n")
	}
	for name, tt := range map[string]struct {
		answers   map[string]string
		miniredis bool
		want      error
	}{
		"CONFIG says noeviction":                    {answers: map[string]string{"CONFIG": config("noeviction")}},
		"CONFIG says another":                       {answers: map[string]string{"CONFIG": config("allkeys-lru")}, want: ErrPolicy},
		"CONFIG says another, and miniredis is due": {answers: map[string]string{"CONFIG": config("allkeys-lru")}, miniredis: true, want: ErrPolicy},
		"CONFIG is refused, INFO says noeviction":   {answers: map[string]string{"CONFIG": refused, "INFO": memory("noeviction")}},
		"CONFIG is refused, INFO says another":      {answers: map[string]string{"CONFIG": refused, "INFO": memory("volatile-ttl")}, want: ErrPolicy},
		"neither tells":                             {answers: map[string]string{"INFO": text("# Memory\r\n")}, want: ErrPolicy},
		"neither is known":                          {want: ErrPolicy},
		"neither is known, and miniredis is due":    {miniredis: true},
		"it is loading":                             {answers: map[string]string{"CONFIG": "-LOADING Redis is loading the dataset in memory"}, miniredis: true, want: ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := OpenRedis(t.Context(), server(t, tt.answers), RedisOptions{Miniredis: tt.miniredis})
			if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if r != nil {
				_ = r.Close()
			}
		})
	}
}

func TestBracesInAPrefixAreRefused(t *testing.T) {
	t.Parallel()
	url, _ := testkit.RedisURL(t)
	if _, err := OpenRedis(t.Context(), url, RedisOptions{Prefix: "{x}"}); err == nil {
		t.Error("a prefix with braces would put all keys into one slot")
	}
}

func TestWhatIsNotTheMasterIsUnavailable(t *testing.T) {
	t.Parallel()
	ready := "*3\r\n" + text(checkpointText(at(1))) + "\r\n" + text("1") + "\r\n$-1"
	policy := "*2\r\n" + text("maxmemory-policy") + "\r\n" + text("noeviction")
	master, replica := "*1\r\n"+text("master"), "*1\r\n"+text("slave")
	for name, tt := range map[string]struct {
		hmget, role string
		want        error
	}{
		"the master":                      {ready, master, nil},
		"a replica that answers":          {ready, replica, ErrUnavailable},
		"one that does not tell its role": {ready, "-NOPERM", ErrUnavailable},
		"one that is loading":             {"-LOADING Redis is loading the dataset in memory", master, ErrUnavailable},
		"a replica without its master":    {"-MASTERDOWN Link with MASTER is down", replica, ErrUnavailable},
		"a replica that takes no writes":  {"-READONLY You can't write against a read only replica.", replica, ErrUnavailable},
		"a missing mark":                  {"*3\r\n" + text(checkpointText(at(1))) + "\r\n$-1\r\n$-1", master, ErrUnavailable},
		"a missing partition":             {"*3\r\n$-1\r\n$-1\r\n$-1", master, ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := server(t, map[string]string{"CONFIG": policy, "HMGET": tt.hmget, "ROLE": tt.role})
			r, err := OpenRedis(t.Context(), url, RedisOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			docs, err := PartitionsIn[note](r, notes).Read(t.Context(), all(), "a")
			if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) || len(docs) > 0 {
				t.Errorf("got %v, %v, want %v", docs, err, tt.want)
			}
		})
	}
}

func TestAnOutageOfRedisIsNeverAnAnswer(t *testing.T) {
	t.Parallel()
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, address := range map[string]string{"it does not answer": silent.Addr().String(), "it is not there": closed.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			if _, err := OpenRedis(t.Context(), "redis://"+address, RedisOptions{}); !errors.Is(err, ErrUnavailable) {
				t.Errorf("open: %v", err)
			}
			client, err := connect("redis://"+address, false)
			if err != nil {
				t.Fatal(err)
			}
			r := &Redis{client: client}
			defer r.Close()
			p := PartitionsIn[note](r, notes)
			_, read := p.Read(t.Context(), all(), "a")
			_, states := p.States(t.Context())
			for what, err := range map[string]error{"read": read, "states": states, "publish": r.Publish(t.Context(), "x", nil), "ping": r.Ping(t.Context())} {
				if !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNotFound) {
					t.Errorf("%s: %v, want ErrUnavailable", what, err)
				}
			}
			if took := time.Since(began); took > 5*(readLimit+time.Second) {
				t.Errorf("five questions took %s", took)
			}
		})
	}
}
