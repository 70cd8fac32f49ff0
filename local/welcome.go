package main

import (
	"fmt"
	"os"
	"time"
)

// welcome says what a newcomer needs, in lines that can be pasted.
func (s *stack) welcome(took time.Duration) {
	call := fmt.Sprintf("curl -s -H 'X-API-Key: %s'", s.key)
	post := call + " -H 'Content-Type: application/json' -d"
	fmt.Fprintf(os.Stdout, `
Tenure is ready (%[1]s).

  API       %[2]s
  docs      %[2]s/docs   %[2]s/openapi.json
  API key   %[3]s   (%[4]s)
  metrics   http://%[5]s/metrics (api)   http://%[6]s/metrics (projector)   http://%[7]s/metrics (worker)
  logs      %[8]s
  scripts   %[9]s

Try:

  %[10]s '{"name":"DFL S.r.l."}' %[2]s/api/v1/suppliers
  %[10]s '{"email":"ada@example.com","name":"Ada"}' %[2]s/api/v1/users
  %[11]s %[2]s/api/v1/users
  %[11]s %[2]s/api/v1/audit/events

Ctrl-C stops everything; the data stays.
`, took.Round(100*time.Millisecond), s.addr.url, s.key, adminEmail,
		s.api.metrics, s.projector.metrics, s.worker.metrics, s.log(), s.path("run.json"), post, call)
}
