package migrations

import (
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// Newest is the number of the newest migration, which a program that was built
// with it needs.
func Newest() (int64, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return 0, fmt.Errorf("migrations: %w", err)
	}
	var newest int64
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return 0, fmt.Errorf("migrations: %w", err)
		}
		newest = max(newest, version)
	}
	return newest, nil
}
