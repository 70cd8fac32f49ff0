package httpapi

import "net/http"

// answerWriter remembers the status of an answer, and so whether there is one.
type answerWriter struct {
	http.ResponseWriter
	status int // 0 until the head was written
}

// WriteHeader is that of the writer below. Informational heads do not count.
func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write is that of the writer below.
func (w *answerWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach flushing and deadlines.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush is for the writers above that ask for it in the old way.
func (w *answerWriter) Flush() {
	// A writer that cannot flush sends when it is full.
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// code is the status, 200 when nothing was ever said.
func (w *answerWriter) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
