package main

import "tenure/internal/fake"

func main() { fake.Serve("TENURE_METRICS_ADDR") }
