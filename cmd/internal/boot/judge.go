package boot

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// judge finds what can be read and makes no sense. What could not be read, and
// is in found, is not judged again.
func judge(settings any, found Mistakes) Mistakes {
	var wrong Mistakes
	report := func(name, format string, args ...any) {
		if !slices.ContainsFunc(found, func(m Mistake) bool { return m.Name == Prefix+name }) {
			wrong = append(wrong, Mistake{Prefix + name, fmt.Sprintf(format, args...)})
		}
	}
	for _, group := range groupsOf(settings) {
		switch g := group.(type) {
		case *Process:
			g.judge(report)
		case *Postgres:
			g.judge(report)
		case *Mongo:
			g.judge(report)
		case *Redis:
			g.judge(report)
		case *HTTP:
			g.judge(report)
		case *Limits:
			g.judge(report)
		case *FirstUser:
			g.judge(report)
		}
	}
	return wrong
}

type report func(name, format string, args ...any)

func (p *Process) judge(wrong report) {
	within(wrong, "SHUTDOWN_TIMEOUT", p.ShutdownTimeout, time.Second, 10*time.Minute)
	if strings.TrimSpace(p.TenantLabel) == "" {
		wrong("DEFAULT_TENANT_LABEL", "is blank; leave it out for its default")
	}
}

func (p *Postgres) judge(wrong report) {
	if p.URL != "" && !startsWith(string(p.URL), "postgres://", "postgresql://") {
		wrong("POSTGRES_URL", "does not begin with postgres:// (the value is not shown)")
	}
	if p.PoolSize < 2 || p.PoolSize > 1000 {
		wrong("POSTGRES_POOL_SIZE", "is %d, which is not from 2 to 1000", p.PoolSize)
	}
}

func (m *Mongo) judge(wrong report) {
	if m.URL != "" && !startsWith(string(m.URL), "mongodb://", "mongodb+srv://") {
		wrong("MONGO_URL", "does not begin with mongodb:// or mongodb+srv:// (the value is not shown)")
	}
}

func (r *Redis) judge(wrong report) {
	if r.URL != "" && !startsWith(string(r.URL), "redis://", "rediss://", "unix://") {
		wrong("REDIS_URL", "does not begin with redis://, rediss:// or unix:// (the value is not shown)")
	}
	if _, err := url.Parse(string(r.URL)); err != nil {
		// What the parser says quotes the password.
		wrong("REDIS_URL", "cannot be read as a URL; some characters of a password have to be written as %%XX (the value is not shown)")
	}
	if strings.ContainsAny(r.Prefix, "{} \n") {
		wrong("REDIS_PREFIX", "is %q, which may hold neither braces nor spaces", r.Prefix)
	}
}

// judge refuses above all the origin * with credentials: every page of the web
// could act for whoever visits it.
func (h *HTTP) judge(wrong report) {
	if h.Credentials && slices.Contains(h.Origins, "*") {
		wrong("CORS_ORIGINS", "is * while %sCORS_CREDENTIALS is true: every page would act for its visitors; name the origins", Prefix)
	}
	within(wrong, "VISIBLE_WAIT", h.VisibleWait, time.Millisecond, time.Minute)
	// The least leaves room for two beats of a projector; the most is below the
	// wait of a command, which has to be able to wait it out.
	within(wrong, "REVOCATION_BOUND", h.RevokedWithin, 500*time.Millisecond, 1500*time.Millisecond)
	within(wrong, "DRAIN_DELAY", h.DrainDelay, 0, time.Minute)
}

// maxPerMinute is beyond what anybody means by a limit.
const maxPerMinute = 1_000_000

func (l *Limits) judge(wrong report) {
	perMinute(wrong, "LIMIT_KEY_OPERATIONS", l.KeyOperations)
	perMinute(wrong, "LIMIT_USER_CREATIONS", l.UserCreations)
}

func perMinute(wrong report, name string, n int) {
	if n < 0 || n > maxPerMinute {
		wrong(name, "is %d, which is not from 0 to %d", n, maxPerMinute)
	}
}

func (f *FirstUser) judge(wrong report) {
	if f.Email != "" && !strings.Contains(f.Email, "@") {
		wrong("DEFAULT_USER", "is %q, which is not an e-mail", f.Email)
	}
}

func within(wrong report, name string, d, least, most time.Duration) {
	if d < least || d > most {
		wrong(name, "is %s, which is not from %s to %s", d, least, most)
	}
}

func startsWith(s string, any ...string) bool {
	return slices.ContainsFunc(any, func(prefix string) bool { return strings.HasPrefix(s, prefix) })
}
