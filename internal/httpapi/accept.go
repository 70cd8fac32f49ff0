package httpapi

import (
	"mime"
	"strconv"
	"strings"
)

// accepts tells whether an Accept header names a media type, unless it does so
// only to refuse it.
func accepts(header, media string) bool {
	for part := range strings.SplitSeq(header, ",") {
		named, params, err := mime.ParseMediaType(part)
		if err != nil || named != media {
			continue
		}
		q, err := strconv.ParseFloat(params["q"], 64)
		return params["q"] == "" || err == nil && q > 0
	}
	return false
}
