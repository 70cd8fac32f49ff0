package httpapi

import (
	"errors"
	"math"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// whole is a whole number in a body. 1.0 and 1e3 are whole too: a schema goes
// by the value, and some languages write every number so. All whole numbers in
// bodies have this type: an int would be told of no 1.0 that passed the checks.
type whole int64

// maxExact is up to where every whole number has a float of its own.
const maxExact = 1 << 53

// UnmarshalJSON refuses what has a fraction.
func (w *whole) UnmarshalJSON(data []byte) error {
	n, ok := wholeOf(data)
	if !ok {
		return errors.New("httpapi: not a whole number")
	}
	*w = whole(n)
	return nil
}

// Schema is that of an integer.
func (whole) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[int64](), true, "")
}

// wholeOf reads a number that is whole, however it is spelled.
func wholeOf(raw []byte) (int64, bool) {
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	return int64(f), err == nil && math.Trunc(f) == f && math.Abs(f) <= maxExact
}
