package main

import (
	"context"
	"errors"
	"fmt"

	"tenure/cmd/internal/boot"
	"tenure/internal/authz"
	"tenure/internal/commands"
	"tenure/internal/events"
	"tenure/internal/fault"
	"tenure/internal/projections"
)

type createSuperAdmin struct {
	Email        string `required:"" help:"His e-mail, by which he is known."`
	Name         string `help:"His name."`
	TempPassword string `help:"A password that he must change, set at the identity provider."`
	NoActivate   bool   `help:"Leave him invited."`
}

// errNoProvider is what a password needs.
var errNoProvider = errors.New("no identity provider is set up, so there is nowhere to keep a password; " +
	"leave out --temp-password and give him a key: tenure admin issue-key")

// Run makes the user, or changes what is different. If the process dies on the
// way, doing it again finishes it.
func (c createSuperAdmin) Run(ctx context.Context, t *terminal) error {
	if c.TempPassword != "" {
		return errNoProvider
	}
	email, err := parseEmail(c.Email)
	if err == nil {
		err = checkName(c.Name)
	}
	if err != nil {
		return err
	}
	var s boot.Admin
	if err := boot.Load(&s, t.environment); err != nil {
		return err
	}
	return t.sit(ctx, s, "tenure admin create-super-admin", func(d *desk) error {
		done, err := c.ensure(ctx, d, email)
		if err == nil {
			fmt.Fprintln(t.stdout, done, email)
		}
		return err
	})
}

// ensure tells what it took. A user who is created by somebody else between
// the look and the command is updated.
func (c createSuperAdmin) ensure(ctx context.Context, d *desk, email string) (done string, err error) {
	u, found, err := d.user(ctx, email)
	if err != nil {
		return "", err
	}
	if !found {
		_, err = d.create(ctx, commands.CreateUser{Email: email, Name: c.Name, Role: events.SuperAdmin, Active: !c.NoActivate})
		if !fault.Is(err, "email_taken") {
			return "created", err
		}
		if u, _, err = d.user(ctx, email); err != nil {
			return "", err
		}
	}
	return "updated", c.update(ctx, d, u)
}

// update changes what is different. His account is opened again whatever
// --no-activate says; that only keeps an invitation open.
func (c createSuperAdmin) update(ctx context.Context, d *desk, u projections.User) error {
	role := events.SuperAdmin
	change := commands.ChangeUser{ID: u.ID, Role: &role}
	if c.Name != "" {
		change.Name = &c.Name
	}
	if _, err := d.ChangeUser(ctx, d.by, change); err != nil {
		return err
	}
	if u.Status == authz.Disabled {
		if _, err := d.EnableUser(ctx, d.by, commands.EnableUser{ID: u.ID}); err != nil {
			return err
		}
	}
	if c.NoActivate {
		return nil
	}
	_, err := d.ActivateUser(ctx, d.by, commands.ActivateUser{ID: u.ID})
	return err
}
