package store

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFindPostgres(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		path     []string // versions on the PATH, in its order
		packaged []string // versions in the directories of packages
		made     string   // the version that made the data
		want     string   // directory of the one that is taken
		faults   []string
	}{
		"the first of the path":               {path: []string{"15.3", "17.1"}, packaged: []string{"18"}, want: "path0"},
		"the newest package":                  {packaged: []string{"9.6", "15", "17"}, want: "17/bin"},
		"the next where one is too old":       {path: []string{"13.9"}, packaged: []string{"15"}, want: "15/bin"},
		"the one that made the data":          {path: []string{"17.1"}, packaged: []string{"15"}, made: "15", want: "15/bin"},
		"none where nobody can read the data": {path: []string{"17.1"}, made: "16", faults: []string{"has postgres (PostgreSQL) 17.1", "was made by 16"}},
		"none where all are too old":          {path: []string{"9.6.24"}, faults: []string{"9.6.24", "at least 14"}},
		"none where there is none":            {faults: []string{"no postgres on the PATH", "docker compose up -d postgres mongo redis", "TENURE_POSTGRES_URL"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := openDir(t)
			s := setup(t)
			s.Machine = Machine{Postgres: filepath.Join(dir, "packages", "*", "bin")}
			for i, version := range tt.path {
				at := filepath.Join(dir, "path"+string(rune('0'+i)))
				fakePostgres(t, at, version)
				s.Machine.Path += string(filepath.ListSeparator) + at
			}
			for _, version := range tt.packaged {
				fakePostgres(t, filepath.Join(dir, "packages", version, "bin"), version)
			}
			p, err := s.withData(t, tt.made)
			if tt.want == "" {
				if err == nil {
					t.Fatalf("got %s, want none", p.path)
				}
				mustSay(t, err.Error(), tt.faults...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := filepath.Join(dir, tt.want); p.path != want && p.path != filepath.Join(dir, "packages", tt.want) {
				t.Errorf("got %s, want %s", p.path, want)
			}
		})
	}
}

// withData finds a Postgres for data that was made by a version.
func (s Setup) withData(t *testing.T, made string) (*postgres, error) {
	t.Helper()
	if made != "" {
		data := filepath.Join(s.Data, "postgres", "data")
		if err := os.MkdirAll(data, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte(made+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if os.Geteuid() == 0 { // as initdb leaves it
			if err := os.Chown(data, 65534, 65534); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s.postgres(t.Context())
}

func TestPostgresWithoutInitdbIsNone(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	fake(t, dir, "postgres", "echo 'postgres (PostgreSQL) 17.1'")
	s := setup(t)
	s.Machine = Machine{Path: dir}
	_, err := s.postgres(t.Context())
	if err == nil {
		t.Fatal("it was taken")
	}
	mustSay(t, err.Error(), "has no initdb")
}

func TestProgramThatDoesNotRunIsPassedOver(t *testing.T) {
	t.Parallel()
	broken, good := openDir(t), openDir(t)
	fake(t, broken, "mongod", "echo 'libcurl.so.4: cannot open shared object file' >&2; exit 127")
	fake(t, good, "mongod", "echo 'db version v8.0.4'; echo 'Build Info: {'")
	s := setup(t)
	s.Machine = Machine{Path: broken + string(filepath.ListSeparator) + good}
	p, err := s.findMongo(t.Context())
	if err != nil || p.path != filepath.Join(good, "mongod") || p.version != "MongoDB 8.0.4" {
		t.Errorf("got %+v, %v", p, err)
	}
	s.Machine.Path = broken
	if _, err = s.findMongo(t.Context()); err == nil {
		t.Fatal("a broken one was taken")
	}
	mustSay(t, err.Error(), "does not run here", "libcurl.so.4")
}

func TestFindRedis(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	fake(t, dir, "redis-server", "echo 'Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1'")
	s := setup(t)
	s.Machine = Machine{Path: dir}
	p, err := s.findRedis(t.Context(), &missed{})
	if err != nil || p.version != "Redis 7.0.15" {
		t.Errorf("got %+v, %v", p, err)
	}
}

// TestWhatIsNotAProgramIsPassedOver: a directory, a text, a relative PATH.
func TestWhatIsNotAProgramIsPassedOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a", "mongod"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mongod"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	m := Machine{Path: filepath.Join(dir, "a") + ":" + dir + "::."}
	if got := m.programs("mongod"); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}
