package main

import (
	"context"
	"fmt"

	"tenure/cmd/internal/boot"
	"tenure/internal/commands"
)

type generateUser struct{}

// Run makes the user unless he is there, and gives him a new default key, which
// ends the one before. Both are durable before anything is printed.
func (generateUser) Run(ctx context.Context, t *terminal) error {
	var s boot.GenerateUser
	if err := boot.Load(&s, t.environment); err != nil {
		return err
	}
	email, err := parseEmail(s.FirstUser.Email)
	if err != nil {
		return fmt.Errorf("%sDEFAULT_USER: %w", boot.Prefix, err)
	}
	return t.sit(ctx, s.Admin, "tenure admin generate-user", func(d *desk) error {
		u, found, err := d.user(ctx, email)
		if err == nil && !found {
			u, err = d.create(ctx, commands.CreateUser{Email: email, Role: s.FirstUser.UserRole(), Active: true})
		}
		if err != nil {
			return err
		}
		key, err := d.issue(ctx, u.ID, commands.DefaultKey, true)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.stdout, "e-mail %s\nrole   %s\nkey    %s\n", email, u.Role, key.Plain)
		return nil
	})
}
