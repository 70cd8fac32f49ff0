package boot

import (
	"log/slog"
	"time"

	"tenure/internal/events"
	"tenure/internal/identity"
)

// The settings, in groups that are used together. A process embeds those it
// uses and is asked for no others. The tags say all there is to say of a
// setting: its name after Prefix, its default, what it means, and whether its
// value is never shown.

// Prefix begins the name of every setting.
const Prefix = "TENURE_"

// Process is what every process that stays up uses.
type Process struct {
	LogLevel    slog.Level `env:"LOG_LEVEL" envDefault:"info" means:"the least level that is logged: debug, info, warn or error"`
	Environment string     `env:"ENVIRONMENT" envDefault:"development" means:"the deployment's name in traces, such as production"`
	ServiceName string     `env:"SERVICE_NAME" means:"the process's name in traces and metrics"`
	Version     string     `env:"SERVICE_VERSION" means:"the version in traces and in the API's description; the build's own when empty"`
	MetricsAddr Address    `env:"METRICS_ADDR" means:"where /metrics, /livez and /readyz are served, as host:port"`

	OTLPEndpoint Endpoint `env:"OTLP_ENDPOINT" means:"where traces and metrics go, such as http://collector:4317; when empty nothing is traced, and metrics are at /metrics alone"`
	OTLPProtocol Protocol `env:"OTLP_PROTOCOL" envDefault:"grpc" means:"how they go there: grpc or http"`
	OTLPHeaders  Headers  `env:"OTLP_HEADERS" secret:"true" means:"headers for the collector, as name=value,name=value"`
	SampleRatio  Ratio    `env:"TRACE_SAMPLE_RATIO" envDefault:"1" means:"the share of traces that are kept, from 0 to 1; who calls with a traceparent decides for his own"`
	TenantLabel  string   `env:"DEFAULT_TENANT_LABEL" envDefault:"platform" means:"the tenant on spans and log lines that belong to none; nothing is decided by it"`

	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" envDefault:"20s" means:"how long the process may take to end after SIGTERM"`
}

// Postgres is where the event log lives.
type Postgres struct {
	URL      Secret `env:"POSTGRES_URL,required,notEmpty" secret:"true" means:"where the event log lives, as postgres://user:password@host:5432/tenure"`
	PoolSize int    `env:"POSTGRES_POOL_SIZE" envDefault:"16" means:"the most connections to Postgres in each pool; the api has two, one writing and one reading, and one of 4 for auditors"`
}

// Mongo is where the read models live.
type Mongo struct {
	URL Secret `env:"MONGO_URL,required,notEmpty" secret:"true" means:"where the read models live, as mongodb://user:password@host:27017/tenure"`
}

// Redis is where the authentication read model lives.
type Redis struct {
	URL       Secret `env:"REDIS_URL,required,notEmpty" secret:"true" means:"where the authentication read model lives, as redis://user:password@host:6379/0; its policy must be noeviction"`
	Prefix    string `env:"REDIS_PREFIX" envDefault:"tenure:" means:"what every key in Redis begins with; the same for all processes"`
	Cluster   bool   `env:"REDIS_CLUSTER" envDefault:"false" means:"whether the URL names nodes of a Redis Cluster"`
	Miniredis bool   `env:"REDIS_MINIREDIS" envDefault:"false" means:"accept a server that cannot tell its policy; for the local stack only"`
}

// Keys is what personal values and API keys are hashed with.
type Keys struct {
	Secret Key     `env:"SECRET_KEY,required,notEmpty" secret:"true" means:"what API keys and e-mails are hashed with, 32 bytes or more in base64 (openssl rand -base64 32); who loses it locks everybody out"`
	Old    KeyList `env:"SECRET_KEYS_OLD" secret:"true" means:"former values of SECRET_KEY, comma-separated, that are still accepted"`
}

// HTTP is how the API is served.
type HTTP struct {
	Addr           Address       `env:"HTTP_ADDR" envDefault:"127.0.0.1:8080" means:"where the API is served, as host:port"`
	Path           Path          `env:"API_PREFIX" envDefault:"/api/v1" means:"what the paths of the API begin with"`
	TenantHeader   HeaderName    `env:"TENANT_HEADER" envDefault:"X-Tenant-ID" means:"the request header that names the active wholesaler"`
	Origins        Origins       `env:"CORS_ORIGINS" means:"the pages that may call from a browser, exact origins, comma-separated; none when empty"`
	Credentials    bool          `env:"CORS_CREDENTIALS" envDefault:"true" means:"whether those pages may send credentials; with it the origin * is refused"`
	VisibleWait    time.Duration `env:"VISIBLE_WAIT" envDefault:"2s" means:"how long the answer to a command waits until the read models show it"`
	RevokedWithin  time.Duration `env:"REVOCATION_BOUND" envDefault:"1s" means:"how long a right may still be honoured after it was taken away, at most, whatever fails; from 500ms to 1.5s"`
	TrustedProxies Networks      `env:"TRUSTED_PROXIES" means:"the networks whose X-Forwarded-For is believed, comma-separated, such as 10.0.0.0/8; none when empty"`
	DrainDelay     time.Duration `env:"DRAIN_DELAY" envDefault:"1s" means:"how long the api, told to end, still takes requests while readyz says that it is not ready"`
}

// Limits are how often someone may do something, counted over all processes.
type Limits struct {
	KeyOperations int `env:"LIMIT_KEY_OPERATIONS" envDefault:"5" means:"how often a minute a user may make, rotate or end API keys, together; 0 for any number"`
	UserCreations int `env:"LIMIT_USER_CREATIONS" envDefault:"30" means:"how many users a minute someone may create who is no super_admin; 0 for any number"`
}

// FirstUser is whom tenure admin generate-user makes.
type FirstUser struct {
	Email string `env:"DEFAULT_USER,required,notEmpty" means:"the e-mail of the user that tenure admin generate-user makes"`
	Role  Role   `env:"DEFAULT_USER_ROLE" envDefault:"super_admin" means:"that user's role"`
}

// API is what the api uses.
type API struct {
	Process
	Postgres Postgres
	Mongo    Mongo
	Redis    Redis
	Keys     Keys
	HTTP     HTTP
	Limits   Limits
}

// Projector is what the projector uses.
type Projector struct {
	Process
	ReadModels
}

// ReadModels is what it takes to look at the log and all that is folded from
// it.
type ReadModels struct {
	Postgres Postgres
	Mongo    Mongo
	Redis    Redis
}

// Worker is what the worker uses.
type Worker struct {
	Process
	Postgres Postgres
}

// Migrate is what tenure migrate uses.
type Migrate struct {
	Postgres Postgres
}

// Admin is what those of tenure's commands use that change something.
type Admin struct {
	Postgres Postgres
	Keys     Keys
}

// GenerateUser is what tenure admin generate-user uses.
type GenerateUser struct {
	Admin
	FirstUser FirstUser
}

// IssueKey is what tenure admin issue-key uses.
type IssueKey struct {
	Admin
	Mongo Mongo
	Redis Redis
}

// The processes have their own names and listeners by default, so that all can
// run on one machine with one environment.

// NewAPI gives what the api uses, before the environment is asked.
func NewAPI() API {
	return API{Process: Process{ServiceName: "tenure-api", MetricsAddr: "127.0.0.1:9090"}}
}

// NewProjector gives what the projector uses, before the environment is asked.
func NewProjector() Projector {
	return Projector{Process: Process{ServiceName: "tenure-projector", MetricsAddr: "127.0.0.1:9091"}}
}

// NewWorker gives what the worker uses, before the environment is asked.
func NewWorker() Worker {
	return Worker{Process: Process{ServiceName: "tenure-worker", MetricsAddr: "127.0.0.1:9092"}}
}

// Secrets are the keys as identity uses them, the newest first.
func (k Keys) Secrets() (identity.Secrets, error) {
	ring := []string{string(k.Secret)}
	for _, old := range k.Old {
		ring = append(ring, string(old))
	}
	return identity.ParseSecrets(ring...)
}

// UserRole is the role as the rest of the house knows it.
func (f FirstUser) UserRole() events.Role { return events.Role(f.Role) }

// PerMinute are the limits as identity knows them.
func (l Limits) PerMinute() map[identity.Act]int {
	return map[identity.Act]int{identity.KeyOperations: l.KeyOperations, identity.UserCreations: l.UserCreations}
}
