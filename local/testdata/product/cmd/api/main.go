package main

import "tenure/internal/fake"

func main() { fake.Serve("TENURE_HTTP_ADDR", "TENURE_METRICS_ADDR") }
