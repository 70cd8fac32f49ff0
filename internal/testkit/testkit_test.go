package testkit_test

import (
	"testing"

	"tenure/internal/testkit"
)

func TestEachTestHasAMigratedDatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	one, two := testkit.Postgres(t), testkit.Postgres(t)
	var a, b string
	if err := one.QueryRow(t.Context(), `select log_id::text from log_head`).Scan(&a); err != nil {
		t.Fatal(err)
	}
	if err := two.QueryRow(t.Context(), `select current_database()`).Scan(&b); err != nil {
		t.Fatal(err)
	}
	if a == "" || b == "" || one.Config().ConnConfig.Database == two.Config().ConnConfig.Database {
		t.Errorf("log %q, database %q and %q", a, b, one.Config().ConnConfig.Database)
	}
}
