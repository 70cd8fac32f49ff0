package httpapi

import (
	"encoding/json"
	"testing"
)

func TestAWholeNumberHasManySpellings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]whole{
		"0": 0, "-0": 0, "600": 600, "600.0": 600, "6e2": 600, "6.0E+2": 600, "-1.0": -1,
		"9223372036854775807": 9223372036854775807, "9007199254740992.0": maxExact,
	} {
		var got whole
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: got %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"1.5", "1e-1", "9223372036854775808", "1e999", `"1"`, "true"} {
		var got whole
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s: got %d", text, got)
		}
	}
}
