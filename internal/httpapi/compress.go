package httpapi

import (
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"
)

// compressFrom is the size from which an answer is worth compressing.
const compressFrom = 500

// withGzip compresses for callers who accept it. Event streams are left as
// they are: they are sent a line at a time.
func withGzip(next http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(compressFrom), gzhttp.EnableZstd(false),
		gzhttp.ContentTypeFilter(func(contentType string) bool {
			return !isEventStream(contentType) && gzhttp.DefaultContentTypeFilter(contentType)
		}))
	if err != nil {
		return nil, err
	}
	return wrap(next), nil
}

func isEventStream(contentType string) bool {
	return strings.HasPrefix(contentType, "text/event-stream")
}
