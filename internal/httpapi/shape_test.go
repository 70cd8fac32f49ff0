package httpapi

import (
	"net/http"
	"strings"
	"testing"
)

func TestBodiesOfTheWrongShape(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for name, tt := range map[string]struct {
		body  string
		where string
		says  string
	}{
		"nothing":                  {" \n", "body", "needed"},
		"not JSON":                 {`{"email":`, "body", "must be JSON"},
		"two values":               {`{"email":"a@b.c"}{}`, "body", "must be JSON"},
		"a byte order mark":        {"\xef\xbb\xbf{\"email\":\"a@b.c\"}", "body", "must be JSON"},
		"null":                     {`null`, "body", "null"},
		"a list":                   {`[]`, "body", "object"},
		"a string":                 {`"SECRET"`, "body", "object"},
		"a missing member":         {`{}`, "body.email", "required"},
		"an unknown member":        {`{"email":"a@b.c","SECRET":1}`, "body.SECRET", "unknown"},
		"a member in another case": {`{"Email":"a@b.c"}`, "body.Email", "unknown"},
		"a member given twice":     {`{"email":"a@b.c","email":"SECRET"}`, "body.email", "once"},
		"the same member escaped":  {`{"email":"a@b.c","\u0065mail":"SECRET"}`, "body.email", "once"},
		"a name that is no word":   {`{"email":"a@b.c","a b<script>":1}`, "body", "unknown"},
		"null for an optional":     {`{"email":"a@b.c","name":null}`, "body.name", "null"},
		"null for a required":      {`{"email":null}`, "body.email", "null"},
		"null for a list":          {`{"email":"a@b.c","tags":null}`, "body.tags", "null"},
		"null in a list":           {`{"email":"a@b.c","tags":["x",null]}`, "body.tags[1]", "null"},
		"null for an object":       {`{"email":"a@b.c","inner":null}`, "body.inner", "null"},
		"a number for a string":    {`{"email":4711}`, "body.email", "string"},
		"a string for a number":    {`{"email":"a@b.c","size":"SECRET"}`, "body.size", "integer"},
		"a number over the limit":  {`{"email":"a@b.c","size":4711471}`, "body.size", "86400"},
		"a number under the limit": {`{"email":"a@b.c","size":-4711}`, "body.size", "0"},
		"a number past all limits": {`{"email":"a@b.c","size":4711e999}`, "body.size", "86400"},
		"a fraction":               {`{"email":"a@b.c","size":1.5}`, "body.size", "whole"},
		"an exponent":              {`{"email":"a@b.c","size":1e-3}`, "body.size", "whole"},
		"true for a number":        {`{"email":"a@b.c","size":true}`, "body.size", "integer"},
		"a text over the limit":    {`{"email":"a@b.c","name":"` + strings.Repeat("x", 256) + `"}`, "body.name", "255"},
		"a text under the limit":   {`{"email":"a@b.c","name":""}`, "body.name", "1"},
		"too many items":           {`{"email":"a@b.c","tags":["a","b","c","d"]}`, "body.tags", "3"},
		"no time":                  {`{"email":"a@b.c","when":"SECRET"}`, "body.when", "3339"},
		"an unknown value":         {`{"email":"a@b.c","inner":{"kind":"SECRET"}}`, "body.inner.kind", "one of"},
		"a control character":      {`{"email":"a@b.c","name":"a\u0007b"}`, "body.name", "control"},
		"a tab":                    {`{"email":"a@b.c","name":"a\tb"}`, "body.name", "control"},
		"a C1 control character":   {"{\"email\":\"a@b.c\",\"name\":\"a\u0085b\"}", "body.name", "control"},
		"a NUL":                    {`{"email":"a@b.c","name":"a\u0000b"}`, "body.name", "control"},
		"a raw control character":  {"{\"email\":\"a@b.c\",\"name\":\"a\x01b\"}", "body", "JSON"},
		"a lone high surrogate":    {`{"email":"a@b.c","name":"a\ud800b"}`, "body.name", "Unicode"},
		"a lone low surrogate":     {`{"email":"a@b.c","name":"\udc00"}`, "body.name", "Unicode"},
		"two high surrogates":      {`{"email":"a@b.c","name":"\ud800\ud800"}`, "body.name", "Unicode"},
		"invalid UTF-8":            {"{\"email\":\"a@b.c\",\"name\":\"a\xffb\"}", "body.name", "Unicode"},
		"and beside an escape":     {"{\"email\":\"a@b.c\",\"name\":\"a\\n\xff\"}", "body.name", "Unicode"},
		"invalid UTF-8 in a name":  {"{\"email\":\"a@b.c\",\"n\xff\":1}", "body", "Unicode"},
		"a number for nobody":      {`{"email":"a@b.c","data":4711e999}`, "body.data", "64 bits"},
		"a NUL where all is free":  {`{"email":"a@b.c","data":{"x":["\u0000"]}}`, "body.data.x[0]", "control"},
		"twice where all is free":  {`{"email":"a@b.c","data":{"x":1,"x":2}}`, "body.data.x", "once"},
		"17 deep":                  {`{"email":"a@b.c","data":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`, "body.data", "16"},
		"endlessly deep":           {strings.Repeat("[", 500_000), "body", "JSON"},
		"endlessly deep and valid": {strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000), "body[0]", "16"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := request{method: http.MethodPost, path: "/api/v1/things", body: tt.body, as: "admin", header: map[string]string{"X-Request-ID": "r"}}.send(t, server)
			mustProblem(t, got, http.StatusUnprocessableEntity)
			mustName(t, got, tt.where, tt.says)
			if strings.Contains(strings.ReplaceAll(got.text, "body.SECRET", ""), "SECRET") || strings.Contains(got.text, "4711") || strings.Contains(got.text, "script") {
				t.Errorf("the answer echoes what was sent: %s", got.text)
			}
		})
	}
}

// mustName checks that a problem names a place, with these words.
func mustName(t *testing.T, got response, where, says string) {
	t.Helper()
	list, _ := got.json["errors"].([]any)
	for _, e := range list {
		e := e.(map[string]any)
		at, _ := e["location"].(string)
		message, _ := e["message"].(string)
		if strings.HasPrefix(at, where) && strings.Contains(message, says) {
			return
		}
	}
	t.Errorf("nothing at %s says %q: %s", where, says, got.text)
}

func TestBodiesOfTheRightShape(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for name, body := range map[string]string{
		"the least":          `{"email":"a@b.c"}`,
		"space around":       " \r\n\t{ \"email\" : \"a@b.c\" , \"tags\" : [ ] } \n",
		"a newline":          `{"email":"a@b.c","name":"a\nb"}`,
		"a pair":             `{"email":"a@b.c","name":"\ud83d\ude00 😀 \\ud800 \u00e9"}`,
		"the limits":         `{"email":"a@b.c","size":86400,"tags":["a","b","c"],"name":"` + strings.Repeat("é", 255) + `"}`,
		"a whole fraction":   `{"email":"a@b.c","size":1.0}`,
		"a whole exponent":   `{"email":"a@b.c","size":1e3}`,
		"16 deep":            `{"email":"a@b.c","data":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`,
		"null where free":    `{"email":"a@b.c","data":{"x":null}}`,
		"exactly a megabyte": `{"email":"a@b.c"}` + strings.Repeat(" ", maxBody-17),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := request{method: http.MethodPost, path: "/api/v1/things", body: body, as: "admin"}.send(t, server)
			if got.status != http.StatusOK {
				t.Errorf("got %d %s", got.status, got.text)
			}
		})
	}
}

func TestPatchTellsAbsentFromNull(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for body, want := range map[string]string{
		`{}`:                `"null":false,"role":null,"set":false,"value":""`,
		`{"name":null}`:     `"null":true,"role":null,"set":true,"value":""`,
		`{"name":"Ada"}`:    `"null":false,"role":null,"set":true,"value":"Ada"`,
		`{"role":null}`:     `must not be null`,
		`{"name":"Adam.."}`: `5`,
		`{"name":5}`:        `expected string`,
	} {
		got := request{method: http.MethodPatch, path: "/api/v1/things/" + otherID, body: body, as: "admin"}.send(t, server)
		if !strings.Contains(got.text, want) {
			t.Errorf("%s: got %s, want %s", body, got.text, want)
		}
	}
}

func TestOptionalBody(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for name, tt := range map[string]struct {
		body   string
		header map[string]string
		status int
	}{
		"none":                   {status: http.StatusOK},
		"none, but announced":    {header: map[string]string{"Content-Type": "application/json"}, status: http.StatusOK},
		"an empty object":        {body: `{}`, status: http.StatusOK},
		"a reason":               {body: `{"reason":"x"}`, status: http.StatusOK},
		"another member":         {body: `{"grund":"x"}`, status: http.StatusUnprocessableEntity},
		"null":                   {body: `null`, status: http.StatusUnprocessableEntity},
		"a body of another type": {body: `reason=x`, header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, status: http.StatusUnsupportedMediaType},
	} {
		got := request{method: http.MethodPost, path: "/api/v1/things/" + otherID + "/poke", body: tt.body, header: tt.header, as: "admin"}.send(t, server)
		if got.status != tt.status {
			t.Errorf("%s: got %d %s, want %d", name, got.status, got.text, tt.status)
		}
	}
}

func TestQueriesOfTheWrongShape(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for query, tt := range map[string]struct{ where, says string }{
		"cursor=x":                          {"query.cursor", "unknown"},
		"Page=1":                            {"query.Page", "unknown"},
		"page=1&page=2":                     {"query.page", "once"},
		"page=1;status=active":              {"query", "semicolon"},
		"page=%zz":                          {"query", "percent"},
		"%zz=1":                             {"query", "percent"},
		"page=+1":                           {"query.page", "100000"},
		"page=%2B1":                         {"query.page", "100000"},
		"page=-1":                           {"query.page", "1"},
		"page=0":                            {"query.page", "1"},
		"page=01":                           {"query.page", "100000"},
		"page=1.0":                          {"query.page", "100000"},
		"page=1e1":                          {"query.page", "100000"},
		"page=0x1":                          {"query.page", "100000"},
		"page=1_0":                          {"query.page", "100000"},
		"page=100001":                       {"query.page", "100000"},
		"page=99999999999999999999":         {"query.page", "100000"},
		"page=":                             {"query.page", "100000"},
		"page":                              {"query.page", "100000"},
		"page=%D9%A1":                       {"query.page", "100000"},
		"status=":                           {"query.status", "empty"},
		"status=SECRET":                     {"query.status", "one of"},
		"status=Active":                     {"query.status", "one of"},
		"search=%00":                        {"query.search", "control"},
		"search=%ff":                        {"query.search", "Unicode"},
		"search=%ED%A0%80":                  {"query.search", "Unicode"},
		"active=1":                          {"query.active", "true or false"},
		"active=TRUE":                       {"query.active", "true or false"},
		"id__in=SECRET":                     {"query.id__in", "UUID"},
		"id__in=":                           {"query.id__in", "UUID"},
		"id__in=" + otherID + "," + adminID: {"query.id__in", "UUID"},
		"id__in=" + otherID + "&id__in=" + adminID + "&id__in=" + viewerID: {"query.id__in", "2"},
		"from=yesterday":                           {"query.from", "3339"},
		"search=" + strings.Repeat("x", 201):       {"query.search", "200"},
		"&" + strings.Repeat("x", 100) + "=SECRET": {"query", "unknown"},
		"a%20b%3Cscript%3E=1":                      {"query", "unknown"},
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			got := request{path: "/api/v1/things?" + query, as: "admin"}.send(t, server)
			mustProblem(t, got, http.StatusUnprocessableEntity)
			mustName(t, got, tt.where, tt.says)
			if strings.Contains(got.text, "SECRET") || strings.Contains(got.text, "script") {
				t.Errorf("the answer echoes what was sent: %s", got.text)
			}
		})
	}
}

func TestQueriesOfTheRightShape(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for query, want := range map[string]string{
		"":                          `"page":1`,
		"page=100000":               `"page":100000`,
		"%70age=7":                  `"page":7`,
		"search=":                   `"search":""`,
		"search=a%2Bb+c%26d%3D%3Be": `"search":"a+b c&d=;e"`,
		"active=true":               `"active":true`,
		"id__in=" + strings.ToUpper(otherID) + "&id__in=" + adminID: `"ids":["` + otherID + `","` + adminID + `"]`,
		"from=2026-01-02T03:04:05.678901%2B01:00":                   `"from":"2026-01-02T03:04:05.678901+01:00"`,
	} {
		got := request{path: "/api/v1/things?" + query, as: "admin"}.send(t, server)
		if got.status != http.StatusOK || !strings.Contains(strings.ReplaceAll(got.text, `\u0026`, "&"), want) {
			t.Errorf("%s: got %d %s, want %s", query, got.status, got.text, want)
		}
	}
}

func TestIdsInPaths(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	for id, status := range map[string]int{
		otherID:                              http.StatusOK,
		strings.ToUpper(otherID):             http.StatusOK,
		"%30" + otherID[1:]:                  http.StatusOK,                  // decoded
		"%2530" + otherID[1:]:                http.StatusUnprocessableEntity, // once
		"x":                                  http.StatusUnprocessableEntity,
		"a%2Fb":                              http.StatusUnprocessableEntity,
		"%00":                                http.StatusUnprocessableEntity,
		"%ff":                                http.StatusUnprocessableEntity,
		"%20":                                http.StatusUnprocessableEntity,
		"{" + otherID + "}":                  http.StatusUnprocessableEntity,
		"urn:uuid:" + otherID:                http.StatusUnprocessableEntity,
		strings.ReplaceAll(otherID, "-", ""): http.StatusUnprocessableEntity,
		otherID + "%0a":                      http.StatusUnprocessableEntity,
		strings.Repeat("a", 4000):            http.StatusUnprocessableEntity,
	} {
		got := request{method: http.MethodPost, path: "/api/v1/things/" + id + "/poke", as: "admin"}.send(t, server)
		if got.status != status {
			t.Errorf("%.50s: got %d %s, want %d", id, got.status, got.text, status)
			continue
		}
		if status == http.StatusOK && got.json["id"] != otherID {
			t.Errorf("%s became %s", id, got.json["id"])
		}
	}
}

// TestManyMistakes: an answer names so many and no more.
func TestManyMistakes(t *testing.T) {
	t.Parallel()
	server := startThings(t)
	body := `{"email":"a@b.c","tags":[` + strings.Repeat("1,", 5000) + `1]}`
	got := request{method: http.MethodPost, path: "/api/v1/things", body: body, as: "admin"}.send(t, server)
	mustProblem(t, got, http.StatusUnprocessableEntity)
	if n := len(got.json["errors"].([]any)); n != maxDetails {
		t.Errorf("%d places are named", n)
	}
	got = request{path: "/api/v1/things?" + strings.Repeat("x=1&", 3000), as: "admin"}.send(t, server)
	mustProblem(t, got, http.StatusUnprocessableEntity)
	if n := len(got.json["errors"].([]any)); n != maxDetails {
		t.Errorf("%d parameters are named", n)
	}
}
