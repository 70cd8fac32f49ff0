package main

import (
	"os"

	"tenure/internal/fake"
)

func main() {
	if len(os.Args) != 2 || os.Args[1] != "run" {
		os.Exit(2)
	}
	fake.Serve("TENURE_METRICS_ADDR")
}
