package main

import (
	"fmt"
	"os"
	"slices"

	"tenure/internal/fake"
)

func main() {
	if slices.Contains(os.Args, "issue-key") {
		fmt.Println("issued to", os.Args[4], fake.Key())
	}
}
