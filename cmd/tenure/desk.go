package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"tenure/cmd/internal/boot"
	"tenure/internal/authz"
	"tenure/internal/commands"
	"tenure/internal/eventlog"
	"tenure/internal/events"
	"tenure/internal/identity"
	"tenure/internal/projections"
)

// desk is where an operator changes something: commands, carried out by the
// system, on a log of their own making.
type desk struct {
	*commands.Handler
	secrets identity.Secrets
	by      authz.Principal
}

// sit opens a desk, uses it and closes it. What was carried out is durable when
// it returns. The reason is recorded as the actor.
func (t *terminal) sit(ctx context.Context, s boot.Admin, why string, use func(*desk) error) (err error) {
	secrets, err := s.Keys.Secrets()
	if err != nil {
		return err
	}
	pool, err := (boot.Opener{Name: "tenure"}).Writer(ctx, s.Postgres)
	if err != nil {
		return err
	}
	defer pool.Close()
	logger := slog.New(slog.NewTextHandler(t.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	appender := eventlog.NewAppender(pool, logger, eventlog.Config{})
	defer func() { err = errors.Join(err, finish(ctx, appender)) }()
	return use(&desk{
		Handler: &commands.Handler{
			Appender: appender, Reader: pool, Digest: secrets.Digests, Now: time.Now, NewID: newID,
			Reload: func(_ context.Context, by authz.Principal) (authz.Principal, error) { return by, nil },
		},
		secrets: secrets, by: authz.System(why),
	})
}

// finish ends an appender that has nothing in hand.
func finish(ctx context.Context, a *eventlog.Appender) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return a.Close(ctx)
}

// newID is a UUID of version 7. Making one fails only when there is no
// randomness, and then the program ends.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// user is who has an e-mail; false when nobody has.
func (d *desk) user(ctx context.Context, email string) (projections.User, bool, error) {
	stream, found, err := d.UserByEmail(ctx, email)
	if err != nil || !found {
		return projections.User{}, false, err
	}
	past, err := eventlog.ReadStream(ctx, d.Reader, stream)
	return projections.FoldUser(past), err == nil, err
}

// create opens an account and gives it as it stands in the log.
func (d *desk) create(ctx context.Context, c commands.CreateUser) (projections.User, error) {
	c.ID = events.UserID(newID().String())
	done, err := d.CreateUser(ctx, d.by, c)
	return projections.FoldUser(done.History), err
}

// issue gives a user a key, which is durable when it returns.
func (d *desk) issue(ctx context.Context, owner events.UserID, name string, replace bool) (identity.Key, error) {
	key := d.secrets.NewKey()
	_, err := d.IssueAPIKey(ctx, d.by, commands.IssueAPIKey{
		ID: events.KeyID(newID().String()), Owner: owner, Name: name, Replace: replace,
		Secret: commands.Secret{Hash: key.Hash, Prefix: key.Prefix, LastFour: key.LastFour},
	})
	return key, err
}

// parseEmail reads what an operator typed.
func parseEmail(s string) (string, error) {
	email, ok := commands.ParseEmail(s)
	if !ok {
		return "", errors.New("this is not an e-mail address")
	}
	return email, nil
}

// maxName is how long a name is at most (api.md, "Limits").
const maxName = 255

// checkName refuses what the API would refuse.
func checkName(s string) error {
	switch {
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return errors.New("a name may hold no control characters")
	case utf8.RuneCountInString(s) > maxName:
		return fmt.Errorf("a name has %d characters at most", maxName)
	}
	return nil
}
