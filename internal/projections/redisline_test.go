package projections

import (
	"bufio"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"
)

// sayToRedis sends commands as an operator would type them.
func sayToRedis(t testing.TB, address string, commands ...string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if password, ok := u.User.Password(); ok {
		commands = append([]string{strings.TrimSpace("AUTH " + u.User.Username() + " " + password)}, commands...)
	}
	answers := bufio.NewReader(conn)
	for _, c := range commands {
		if _, err := conn.Write([]byte(c + "\r\n")); err != nil {
			t.Fatal(err)
		}
		if answer, err := answers.ReadString('\n'); err != nil || answer[0] == '-' {
			t.Fatalf("Redis answers %q, %v", answer, err)
		}
	}
}
