package testkit

import (
	"fmt"
	"net/url"
	"testing"
)

// OwnedPostgresURL makes a database for the test that belongs to a user who is
// no superuser and has migrated it, and drops both at the end. The address is
// that user's.
func OwnedPostgresURL(t testing.TB) string {
	t.Helper()
	PostgresURL(t) // makes the roles
	server, name := storeURL(t, postgresVariable), databaseName("tenure_test")
	for _, s := range []struct{ do, undo string }{
		{fmt.Sprintf(`create role %s login inherit password 'hunter2'`, name), `drop role ` + name},
		{fmt.Sprintf(`grant tenure_writer, tenure_reader, tenure_auditor, tenure_overseer to %s`, name), `select 1`},
		{fmt.Sprintf(`create database %s owner %[1]s`, name), fmt.Sprintf(`drop database if exists %s with (force)`, name)},
	} {
		if err := admin(server, s.do); err != nil {
			t.Fatalf("testkit: %s: %v", s.do, err)
		}
		t.Cleanup(func() {
			if err := admin(server, s.undo); err != nil {
				t.Errorf("testkit: %s: %v", s.undo, err)
			}
		})
	}
	u, err := url.Parse(withDatabase(server, name))
	if err != nil {
		t.Fatalf("%s is not a URL: %v", postgresVariable, err)
	}
	u.User = url.UserPassword(name, "hunter2")
	if err := migrate(u.String()); err != nil {
		t.Fatalf("testkit: migrate as an owner who is no superuser: %v", err)
	}
	return u.String()
}
