package eventlog

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// errNotReplicated says that the server warned while it appended.
var errNotReplicated = errors.New("eventlog: the server gave up waiting for its replica")

// readOnly is what a server answers that is not the primary, or not any more.
const readOnly = "25006"

// mayPass tells whether the same batch may be appended, or known, at another
// try: the server was away, or busy, or the connection broke.
func mayPass(err error) bool {
	state := sqlState(err)
	if state == "" {
		// No word from the server, or one that it did not keep.
		return !errors.Is(err, ErrNotDurable)
	}
	switch state[:2] {
	case "08", "40", "53", "55", "57", "58":
		return true
	}
	return state == readOnly
}

// isInDoubt tells whether a batch may have been appended though this came back
// for it. An error that the server reports and survives rolled the batch back;
// one that ends the session may come after the commit.
func isInDoubt(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return !pgconn.SafeToRetry(err)
	}
	return pg.SeverityUnlocalized != "ERROR" || sqlState(err) == "" || pg.Code[:2] == "08" || pg.Code == "40003"
}

// isData tells whether the server refused the content of a batch.
func isData(err error) bool {
	state := sqlState(err)
	return state != "" && (state[:2] == "22" || state[:2] == "23" || state[:2] == "54")
}

func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && len(pg.Code) == 5 {
		return pg.Code
	}
	return ""
}
