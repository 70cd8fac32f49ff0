package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tenure/cmd/internal/boot"
	"tenure/internal/identity"
	"tenure/internal/projections"
)

type issueKey struct {
	Email string `required:"" help:"The e-mail of its owner."`
	Name  string `required:"" help:"What the key is called."`
}

// opens is how long a key may take until it opens.
const opens = 30 * time.Second

// Run issues a key and waits until it opens. The key is the last word on
// stdout, also when it did not open in time: it is durable by then.
func (c issueKey) Run(ctx context.Context, t *terminal) error {
	email, err := parseEmail(c.Email)
	if err == nil && c.Name == "" {
		err = errors.New("the key needs a name")
	}
	if err == nil {
		err = checkName(c.Name)
	}
	if err != nil {
		return err
	}
	var s boot.IssueKey
	if err := boot.Load(&s, t.environment); err != nil {
		return err
	}
	store, err := (boot.Opener{Name: "tenure"}).Redis(ctx, s.Redis)
	if err != nil {
		return err
	}
	defer store.Close()
	models, err := (boot.Opener{Name: "tenure"}).Mongo(ctx, s.Mongo)
	if err != nil {
		return err
	}
	defer func() { _ = models.Close(context.WithoutCancel(ctx)) }() // it was only read
	return t.sit(ctx, s.Admin, "tenure admin issue-key", func(d *desk) error {
		key, err := c.issue(ctx, d, email)
		if err != nil {
			return err
		}
		generations := projections.NewGenerations(models, store)
		keeping, end := context.WithCancel(ctx)
		var running sync.WaitGroup
		running.Go(func() { generations.Run(keeping) })
		defer running.Wait()
		defer end()
		model := &projections.Authentication{Redis: store, Live: generations.Live}
		err = awaitKey(ctx, &identity.Identity{
			Secrets: d.secrets, Now: time.Now, Lookup: identity.Lookup{ByKey: model.ByKey, ByUser: model.ByUser},
		}, key.Plain)
		fmt.Fprintln(t.stdout, email, c.Name, key.Plain)
		return err
	})
}

func (c issueKey) issue(ctx context.Context, d *desk, email string) (identity.Key, error) {
	u, found, err := d.user(ctx, email)
	switch {
	case err != nil:
		return identity.Key{}, err
	case !found:
		return identity.Key{}, fmt.Errorf("there is no user with the e-mail %s; make him: tenure admin create-super-admin", email)
	}
	return d.issue(ctx, u.ID, c.Name, false)
}

// awaitKey waits until a key opens, as the API would find it.
func awaitKey(ctx context.Context, i *identity.Identity, plain string) error {
	limited, cancel := context.WithTimeout(ctx, opens)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := i.ByKey(limited, plain, "")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("interrupted; the key is issued")
		case <-limited.Done():
			return fmt.Errorf("the key is issued, and does not open yet: is the projector running? (%w)", err)
		case <-tick.C:
		}
	}
}
