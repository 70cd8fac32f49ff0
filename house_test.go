package tenure_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "tenure/"

// imports is who may import whom, within the module: a package, and what it
// may use. What is not here may be imported by nobody but a binary, and a
// package that is not here may not be.
var imports = map[string][]string{
	"":                      {},
	"cmd/internal/boot":     {"internal/docstore", "internal/identity", "internal/eventlog", "internal/events", "internal/fault", "migrations"},
	"cmd/internal/programs": {},
	"cmd/*":                 {"*"},
	"bench":                 {"*"},
	"acceptance":            {"internal/testkit", "internal/events"},
	"internal/httpapi":      {"internal/commands", "internal/projections", "internal/identity", "internal/eventlog", "internal/authz", "internal/events", "internal/fault"},
	"internal/reactions":    {"internal/feed", "internal/commands", "internal/jobs", "internal/events", "internal/fault"},
	"internal/jobs":         {"internal/commands", "internal/projections", "internal/identity", "internal/authz", "internal/events", "internal/fault"},
	"internal/commands":     {"internal/eventlog", "internal/authz", "internal/events", "internal/fault"},
	"internal/projections":  {"internal/docstore", "internal/authz", "internal/events", "internal/fault"},
	"internal/feed":         {"internal/eventlog", "internal/events", "internal/fault"},
	"internal/identity":     {"internal/docstore", "internal/authz", "internal/events", "internal/fault"},
	"internal/docstore":     {"internal/authz", "internal/events", "internal/fault"},
	"internal/eventlog":     {"internal/events", "internal/fault"},
	"internal/authz":        {"internal/events", "internal/fault"},
	"internal/events":       {},
	"internal/fault":        {},
	"internal/testkit":      {"internal/authz", "internal/events", "internal/fault", "migrations"},
	"migrations":            {},
}

// testImports is what tests may use beside that. The test of a package may use
// what brings about the state it is tried in, never what stands above it.
var testImports = map[string][]string{
	"*":                     {"internal/testkit"},
	"internal/httpapi":      {"internal/docstore", "internal/feed"},
	"internal/commands":     {"internal/identity"},
	"cmd/internal/programs": {"internal/authz", "internal/docstore", "internal/eventlog", "internal/events", "internal/projections"},
}

// addresses is where each big dependency lives. Test files of other packages
// use it no more than their packages do. The longest prefix counts.
var addresses = map[string][]string{
	"github.com/jackc/pgx":                           {"cmd/internal/boot", "internal/eventlog", "internal/feed", "internal/reactions", "internal/jobs", "internal/testkit"},
	"github.com/jackc/pgx/v5/stdlib":                 {"cmd/internal/boot", "internal/testkit"}, // goose speaks database/sql
	"database/sql":                                   {"cmd/internal/boot", "cmd/tenure", "internal/feed", "internal/testkit", "migrations"},
	"go.mongodb.org/mongo-driver":                    {"internal/docstore", "internal/testkit"},
	"github.com/redis/go-redis":                      {"cmd/internal/boot", "internal/docstore", "internal/identity", "internal/testkit"},
	"github.com/go-redis/redis_rate":                 {"internal/identity"},
	"github.com/maypok86/otter":                      {"internal/identity", "internal/projections"}, // authority documents are kept where they are read
	"github.com/ThreeDotsLabs":                       {"internal/feed", "internal/reactions"},
	"github.com/riverqueue":                          {"internal/jobs"},
	"riverqueue.com":                                 {"internal/jobs"},
	"github.com/danielgtaylor/huma":                  {"internal/httpapi"},
	"github.com/gorilla/mux":                         {"internal/httpapi"},
	"github.com/swaggest":                            {"internal/httpapi"},
	"github.com/mvrilo/go-redoc":                     {"internal/httpapi"},
	"github.com/rs/cors":                             {"internal/httpapi"},
	"github.com/klauspost/compress":                  {"internal/httpapi"},
	"go.opentelemetry.io/otel/sdk":                   {"cmd/internal/boot"},
	"go.opentelemetry.io/otel/exporters":             {"cmd/internal/boot"},
	"github.com/prometheus":                          {"cmd/internal/boot"},
	"github.com/exaring/otelpgx":                     {"cmd/internal/boot"},
	"github.com/caarlos0/env":                        {"cmd/internal/boot"},
	"github.com/joho/godotenv":                       {"cmd/internal/boot"},
	"github.com/alecthomas/kong":                     {"cmd/tenure", "cmd/projector", "cmd/worker"},
	"github.com/schollz/progressbar":                 {"cmd/projector"},
	"github.com/pressly/goose":                       {"migrations"},
	"github.com/golang-jwt":                          {"internal/identity"},
	"github.com/MicahParks/keyfunc":                  {"internal/identity"},
	"github.com/coreos/go-oidc":                      {"internal/identity"},
	"github.com/Nerzal/gocloak":                      {"internal/identity"},
	"github.com/standard-webhooks/standard-webhooks": {"internal/httpapi", "internal/identity"},
	"github.com/wneessen/go-mail":                    {"internal/jobs"},
}

// testAddresses is where tests use them too, to look at what came out.
var testAddresses = map[string][]string{
	"github.com/jackc/pgx":         {"internal/commands", "internal/httpapi", "cmd/internal/programs"},
	"go.opentelemetry.io/otel/sdk": {"internal/httpapi", "internal/commands", "internal/projections"},
}

// pure packages use the standard library, google/uuid and nothing else.
var pure = []string{"internal/authz", "internal/events", "internal/fault"}

// clocks are the places beside cmd and the append where time.Now is called,
// each with its reason. Time that a decision depends on is an argument.
var clocks = map[string]string{
	"internal/httpapi/body.go":      "a deadline of a connection is a point in time",
	"internal/httpapi/telemetry.go": "measures how long a request took",
}

// vague are names that say nothing of what is inside.
var vague = []string{"pkg", "util", "utils", "common", "models", "types", "service", "services", "repository", "repositories", "helpers"}

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	for _, f := range house(t) {
		may, listed := rule(imports, f.dir)
		if !listed {
			t.Errorf("%s: package %s is not in the house; say in house_test.go what it may import", f.name, f.dir)
			continue
		}
		if f.test {
			more, _ := rule(testImports, f.dir)
			may = slices.Concat(may, testImports["*"], more)
		}
		for _, to := range f.imports {
			to, ours := strings.CutPrefix(to, module)
			switch {
			case !ours, to == f.dir, slices.Contains(may, to), slices.Contains(may, "*"):
			default:
				t.Errorf("%s imports %s, which %s may not", f.name, to, f.dir)
			}
		}
	}
}

func TestEachBigDependencyHasOneAddress(t *testing.T) {
	t.Parallel()
	for _, f := range house(t) {
		if f.dir == "bench" || f.dir == "acceptance" {
			continue // they measure and try all of it
		}
		for _, to := range f.imports {
			homes, big := addressOf(addresses, to)
			if visited, _ := addressOf(testAddresses, to); f.test && slices.Contains(visited, f.dir) {
				continue
			}
			if big && !slices.Contains(homes, f.dir) {
				t.Errorf("%s imports %s, which lives in %s", f.name, to, strings.Join(homes, ", "))
			}
			if slices.Contains(pure, f.dir) && !f.test && strings.Contains(strings.Split(to, "/")[0], ".") && to != "github.com/google/uuid" {
				t.Errorf("%s imports %s, and %s uses the standard library and google/uuid alone", f.name, to, f.dir)
			}
		}
	}
}

func TestNoPackageHasAVagueName(t *testing.T) {
	t.Parallel()
	for _, f := range house(t) {
		for _, part := range append(strings.Split(f.dir, "/"), f.syntax.Name.Name) {
			if slices.Contains(vague, part) {
				t.Errorf("%s: %q says nothing of what is inside", f.name, part)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	said := map[string]bool{}
	for _, f := range house(t) {
		if !f.test {
			said[f.dir] = said[f.dir] || f.syntax.Doc.Text() != ""
		}
	}
	for dir, ok := range said {
		if !ok {
			t.Errorf("package %s does not begin with a paragraph that says what it is", dir)
		}
	}
}

// What runs before main runs unseen.
func TestNothingRunsBeforeMain(t *testing.T) {
	t.Parallel()
	for _, f := range house(t) {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has a function init", f.name)
			}
		}
	}
}

func TestTheClockIsAnArgument(t *testing.T) {
	t.Parallel()
	met := map[string]bool{}
	for _, f := range house(t) {
		if f.test || f.dir == "cmd" || strings.HasPrefix(f.dir, "cmd/") || f.dir == "internal/eventlog" || f.dir == "bench" {
			continue
		}
		if !f.uses("time", "Now") {
			continue
		}
		met[f.name] = true
		if clocks[f.name] == "" {
			t.Errorf("%s calls time.Now; take the time as an argument, or list the file in house_test.go with the reason", f.name)
		}
	}
	for name := range clocks {
		if !met[name] {
			t.Errorf("%s is listed as one that calls time.Now, and does not", name)
		}
	}
}

// A test that sleeps is slow or wrong, and one that skips proves nothing.
func TestTestsNeitherSleepNorSkip(t *testing.T) {
	t.Parallel()
	for _, f := range house(t) {
		if !f.test && f.dir != "internal/testkit" {
			continue
		}
		if f.uses("time", "Sleep") {
			t.Errorf("%s sleeps; wait for the thing itself (testkit.Eventually)", f.name)
		}
		for _, skip := range []string{"Skip", "Skipf", "SkipNow"} {
			if f.calls(skip) {
				t.Errorf("%s calls %s; what a test needs is there, or the test fails", f.name, skip)
			}
		}
	}
}

// file is one Go file of the house.
type file struct {
	name    string // with its path, by slashes
	dir     string // empty for the root
	test    bool
	imports []string
	syntax  *ast.File
}

// house reads every Go file of this module. Other modules in it, what begins
// with a dot, and testdata are not of the house.
func house(t *testing.T) []file {
	t.Helper()
	var files []file
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" || otherModule(name)):
			return filepath.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		f, err := read(name)
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Fatalf("the house has %d files; this test looks in the wrong place", len(files))
	}
	return files
}

func otherModule(dir string) bool {
	found, err := filepath.Glob(filepath.Join(dir, "go.mod"))
	return err == nil && len(found) > 0
}

func read(name string) (file, error) {
	syntax, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return file{}, fmt.Errorf("read the house: %w", err)
	}
	f := file{name: filepath.ToSlash(name), test: strings.HasSuffix(name, "_test.go"), syntax: syntax}
	if f.dir = path.Dir(f.name); f.dir == "." {
		f.dir = ""
	}
	for _, spec := range syntax.Imports {
		to, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return file{}, fmt.Errorf("read the house: %w", err)
		}
		f.imports = append(f.imports, to)
	}
	return f, nil
}

// uses tells whether a file names something of an imported package.
func (f file) uses(pkg, what string) bool { return slices.Contains(f.named(pkg), what) }

// named lists what a file names of an imported package, under whatever name it
// imports it.
func (f file) named(pkg string) []string {
	var names []string
	for _, spec := range f.syntax.Imports {
		if spec.Path.Value != strconv.Quote(pkg) {
			continue
		}
		local := path.Base(pkg)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		f.find(func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == local {
					names = append(names, n.Sel.Name)
				}
			case *ast.Ident:
				if local == "." {
					names = append(names, n.Name)
				}
			}
			return false
		})
	}
	return names
}

// calls tells whether a file calls a method of this name.
func (f file) calls(method string) bool {
	return f.find(func(n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		if !ok {
			return false
		}
		s, ok := c.Fun.(*ast.SelectorExpr)
		return ok && s.Sel.Name == method
	})
}

func (f file) find(is func(ast.Node) bool) bool {
	found := false
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		found = found || n != nil && is(n)
		return !found
	})
	return found
}

// rule is what a table says of a package: by its name, or by the pattern that
// its parent has.
func rule(table map[string][]string, dir string) ([]string, bool) {
	if may, ok := table[dir]; ok {
		return may, true
	}
	may, ok := table[path.Dir(dir)+"/*"]
	return may, ok
}

// addressOf is where a dependency lives; false for a small one.
func addressOf(table map[string][]string, to string) (homes []string, big bool) {
	longest := ""
	for prefix, at := range table {
		if (to == prefix || strings.HasPrefix(to, prefix+"/")) && len(prefix) > len(longest) {
			longest, homes = prefix, at
		}
	}
	return homes, longest != ""
}
