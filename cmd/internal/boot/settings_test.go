package boot_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenure/cmd/internal/boot"
)

func key(b byte) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(b), 32)))
}

// enough is all that the api is asked for.
func enough() boot.Environment {
	return boot.Environment{
		"TENURE_POSTGRES_URL": "postgres://postgres:pgsecret@localhost/tenure",
		"TENURE_MONGO_URL":    "mongodb://u:mongosecret@localhost/tenure",
		"TENURE_REDIS_URL":    "redis://:redissecret@localhost",
		"TENURE_SECRET_KEY":   key('a'),
	}
}

// with is enough and more.
func with(pairs ...string) boot.Environment {
	e := enough()
	for i := 0; i < len(pairs); i += 2 {
		e[pairs[i]] = pairs[i+1]
	}
	return e
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	s := boot.NewAPI()
	if err := boot.Load(&s, enough()); err != nil {
		t.Fatal(err)
	}
	got := []any{s.ServiceName, s.MetricsAddr, s.HTTP.Addr, s.HTTP.Path, s.HTTP.TenantHeader, len(s.HTTP.Origins), s.HTTP.VisibleWait, s.HTTP.RevokedWithin, s.ShutdownTimeout, s.LogLevel.String(), s.TenantLabel, s.SampleRatio, s.OTLPProtocol, s.Redis.Miniredis}
	want := []any{"tenure-api", boot.Address("127.0.0.1:9090"), boot.Address("127.0.0.1:8080"), boot.Path("/api/v1"), boot.HeaderName("X-Tenant-ID"), 0, 2 * time.Second, time.Second, 20 * time.Second, "INFO", "platform", boot.Ratio(1), boot.GRPC, false}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// An operator mends everything in one go, so everything is named in one go.
func TestAllMistakesAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	s := boot.NewAPI()
	err := boot.Load(&s, boot.Environment{
		"TENURE_MONGO_URL": "", "TENURE_REDIS_URL": "http://:redissecret@localhost", "TENURE_SECRET_KEY": "c2VjcmV0",
		"TENURE_SECRET_KEYS_OLD": key('a') + ",hunter2", "TENURE_POSTGRES_POOL_SIZE": "many", "TENURE_HTTP_ADDR": "8080",
		"TENURE_LOG_LEVEL": "loud", "TENURE_VISIBLE_WAIT": "2", "TENURE_TRACE_SAMPLE_RATIO": "2", "TENURE_OTLP_PROTOCOL": "pigeon",
		"TENURE_OTLP_ENDPOINT": "collector:4317", "TENURE_OTLP_HEADERS": "authorization", "TENURE_REDIS_MINIREDIS": "perhaps",
		"TENURE_CORS_ORIGINS": "https://a.example,nonsense", "TENURE_API_PREFIX": "api", "TENURE_TENANT_HEADER": "no header",
		"TENURE_TRUSTED_PROXIES": "10.0.0.0/8,everyone", "TENURE_SHUTDOWN_TIMEOUT": "1ms", "TENURE_DRAIN_DELAY": "1h",
		"TENURE_REVOCATION_BOUND": "2s",
	})
	want := `21 settings are missing or wrong:
  TENURE_LOG_LEVEL is "loud", which is not a level: debug, info, warn or error
  TENURE_OTLP_ENDPOINT is "collector:4317", which is not a URL such as http://collector:4317 or https://collector:4317
  TENURE_OTLP_PROTOCOL is "pigeon", which is not a protocol: grpc or http
  TENURE_OTLP_HEADERS is wrong in its part 1, which is not name=value
  TENURE_TRACE_SAMPLE_RATIO is "2", which is not a number from 0 to 1
  TENURE_POSTGRES_URL is missing: where the event log lives, as postgres://user:password@host:5432/tenure
  TENURE_POSTGRES_POOL_SIZE is "many", which is not a whole number
  TENURE_MONGO_URL is empty: where the read models live, as mongodb://user:password@host:27017/tenure
  TENURE_REDIS_MINIREDIS is "perhaps", which is neither true nor false
  TENURE_SECRET_KEY is not the base64 of 32 bytes or more; make one with: openssl rand -base64 32
  TENURE_SECRET_KEYS_OLD is wrong in its part 2, which is not the base64 of 32 bytes or more; make one with: openssl rand -base64 32
  TENURE_HTTP_ADDR is "8080", which is not an address such as 127.0.0.1:8080
  TENURE_API_PREFIX is "api", which is not the beginning of a path, such as /api/v1
  TENURE_TENANT_HEADER is "no header", which is not the name of a header, such as X-Tenant-ID
  TENURE_CORS_ORIGINS is "https://a.example,nonsense", which is wrong in its part 2, which is not an origin such as https://example.com
  TENURE_VISIBLE_WAIT is "2", which is not a duration such as 2s or 500ms
  TENURE_TRUSTED_PROXIES is "10.0.0.0/8,everyone", which is wrong in its part 2, which is neither a network such as 10.0.0.0/8 nor an address
  TENURE_SHUTDOWN_TIMEOUT is 1ms, which is not from 1s to 10m0s
  TENURE_REDIS_URL does not begin with redis://, rediss:// or unix:// (the value is not shown)
  TENURE_REVOCATION_BOUND is 2s, which is not from 500ms to 1.5s
  TENURE_DRAIN_DELAY is 1h0m0s, which is not from 0s to 1m0s
` + "`tenure config` lists all settings."
	if err == nil {
		t.Fatal("nothing is wrong with it")
	}
	if d := cmp.Diff(want, err.Error()); d != "" {
		t.Error(d)
	}
}

func TestNoMessageHoldsASecret(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"TENURE_POSTGRES_URL": "hunter2", "TENURE_MONGO_URL": "hunter2", "TENURE_REDIS_URL": "hunter2",
		"TENURE_SECRET_KEY": "hunter2", "TENURE_SECRET_KEYS_OLD": "hunter2", "TENURE_OTLP_HEADERS": "hunter2",
	} {
		s := boot.NewAPI()
		err := boot.Load(&s, with(name, value))
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := boot.NewAPI()
	if err := boot.Load(&s, with("TENURE_SECRET_KEYS_OLD", key('b'))); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%v", s), fmt.Sprintf("%+v", s), fmt.Sprintf("%#v", s)} {
		for _, secret := range []string{"pgsecret", "mongosecret", "redissecret", key('a'), key('b')} {
			if strings.Contains(text, secret) {
				t.Errorf("printing the settings shows %s", secret)
			}
		}
	}
}

func TestEveryOriginWithCredentialsStopsTheStart(t *testing.T) {
	t.Parallel()
	s := boot.NewAPI()
	if err := boot.Load(&s, with("TENURE_CORS_ORIGINS", "https://a.example, *")); err == nil || !strings.Contains(err.Error(), "CORS_ORIGINS is * while") {
		t.Errorf("got %v", err)
	}
	s = boot.NewAPI()
	if err := boot.Load(&s, with("TENURE_CORS_ORIGINS", "*", "TENURE_CORS_CREDENTIALS", "false")); err != nil {
		t.Errorf("without credentials: %v", err)
	}
}

func TestEachProcessIsAskedForWhatItUses(t *testing.T) {
	t.Parallel()
	projector, worker := boot.NewProjector(), boot.NewWorker()
	for name, tt := range map[string]struct {
		settings any
		missing  []string
	}{
		"projector": {&projector, []string{"TENURE_POSTGRES_URL", "TENURE_MONGO_URL", "TENURE_REDIS_URL"}},
		"worker":    {&worker, []string{"TENURE_POSTGRES_URL"}},
		"migrate":   {&boot.Migrate{}, []string{"TENURE_POSTGRES_URL"}},
		"admin":     {&boot.Admin{}, []string{"TENURE_POSTGRES_URL", "TENURE_SECRET_KEY"}},
		"issue-key": {&boot.IssueKey{}, []string{"TENURE_POSTGRES_URL", "TENURE_SECRET_KEY", "TENURE_MONGO_URL", "TENURE_REDIS_URL"}},
	} {
		var got []string
		var mistakes boot.Mistakes
		if errors.As(boot.Load(tt.settings, boot.Environment{"TENURE_HTTP_ADDR": "of no concern"}), &mistakes) {
			for _, m := range mistakes {
				got = append(got, m.Name)
			}
		}
		if d := cmp.Diff(tt.missing, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestTheRealEnvironmentWins(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, ".env"), "TENURE_A=env\nTENURE_B=env\nTENURE_C=env\n")
	write(t, filepath.Join(dir, ".env.local"), "TENURE_B=local\nTENURE_C=local\n")
	got, err := boot.ReadEnvironment(dir, []string{"TENURE_C=real"})
	if d := cmp.Diff(boot.Environment{"TENURE_A": "env", "TENURE_B": "local", "TENURE_C": "real"}, got); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestABrokenFileIsNamedAndNotQuoted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, ".env"), "TENURE_SECRET_KEY hunter2\n")
	if _, err := boot.ReadEnvironment(dir, nil); err == nil || !strings.Contains(err.Error(), ".env") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestAMisspelledSettingIsNamed(t *testing.T) {
	t.Parallel()
	got := with("TENURE_POSTGRESS_URL", "x", "TENURE_LOCAL_DIR", "x", "TENURE_TEST_REDIS_URL", "x", "OTHER", "x").Unknown()
	if d := cmp.Diff([]string{"TENURE_POSTGRESS_URL"}, got); d != "" {
		t.Error(d)
	}
}

func TestEverySettingSaysWhatItMeans(t *testing.T) {
	t.Parallel()
	for _, v := range boot.Variables() {
		if v.Means == "" || len(v.Uses()) == 0 {
			t.Errorf("%s: %q, used by %v", v.Name, v.Means, v.Uses())
		}
		if v.Required && v.Default() != "" {
			t.Errorf("%s is required and has a default", v.Name)
		}
		if v.Secret && v.Default() != "" {
			t.Errorf("%s is a secret with a default that everybody knows", v.Name)
		}
	}
}

func TestTheExampleIsInStep(t *testing.T) {
	t.Parallel()
	got, err := os.ReadFile("../../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(boot.Example(), string(got)); d != "" {
		t.Errorf(".env.example is not what the settings say; write it again: go run ./cmd/tenure config --example > .env.example\n%s", d)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
