package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"go.mongodb.org/mongo-driver/v2/mongo"
	mongooptions "go.mongodb.org/mongo-driver/v2/mongo/options"
)

// site is the product as it is deployed: its programs as they are built, each
// in a process of its own, on stores that nobody else uses.
type site struct {
	environ   []string
	bin       string
	postgres  string // the URL of its log
	mongo     string // the URL of its read models
	api       string // host:port
	projector *program
	key       string // a super_admin's
}

// site starts the product on an empty log. The projector runs under a program,
// such as nice, when there is one.
func (s *stage) site(ctx context.Context, under ...string) (_ *site, err error) {
	k := &site{}
	if k.bin, err = s.build(ctx); err != nil {
		return nil, err
	}
	if k.postgres, err = s.empty(ctx); err != nil {
		return nil, err
	}
	if err := s.furnish(ctx, k); err != nil {
		return nil, err
	}
	projector := append(under, filepath.Join(k.bin, "projector"), "run")
	if k.projector, err = s.start(ctx, k.environ, projector[0], projector[1:]...); err != nil {
		return nil, err
	}
	api, err := s.start(ctx, k.environ, filepath.Join(k.bin, "api"))
	if err != nil {
		return nil, err
	}
	if k.api, err = api.address(ctx); err != nil {
		return nil, err
	}
	if err := k.ready(ctx); err != nil {
		return nil, err
	}
	return k, k.enter(ctx)
}

// ready waits until the API can tell who is calling.
func (k *site) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, maxStarting)
	defer cancel()
	w, err := dial(ctx, k.api)
	if err != nil {
		return err
	}
	defer w.close()
	for {
		_, err := w.ask(request(http.MethodGet, "/readyz", "", ""), http.StatusOK)
		if err == nil || !until(ctx, time.Now().Add(50*time.Millisecond)) {
			return err
		}
	}
}

// empty gives the address of a log without an event.
func (s *stage) empty(ctx context.Context) (string, error) {
	name, err := s.create(ctx, "template1")
	if err != nil {
		return "", err
	}
	s.onClose(func(ctx context.Context) error { return s.drop(ctx, name) })
	return s.at(name), migrate(ctx, s.at(name))
}

// furnish names the other stores and says all that the programs are told. What
// a caller may do a minute is not bounded.
func (s *stage) furnish(ctx context.Context, k *site) (err error) {
	if k.mongo, err = s.documents(ctx); err != nil {
		return err
	}
	server, prefix, err := s.keys()
	if err != nil {
		return err
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	k.environ = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"),
		"TENURE_POSTGRES_URL=" + k.postgres, "TENURE_MONGO_URL=" + k.mongo,
		"TENURE_REDIS_URL=" + server, "TENURE_REDIS_PREFIX=" + prefix,
		"TENURE_SECRET_KEY=" + base64.StdEncoding.EncodeToString(secret),
		"TENURE_HTTP_ADDR=127.0.0.1:0", "TENURE_METRICS_ADDR=127.0.0.1:0", "TENURE_DRAIN_DELAY=0s",
		"TENURE_LIMIT_USER_CREATIONS=0", "TENURE_LIMIT_KEY_OPERATIONS=0",
	}
	return nil
}

func storeURL(name string) (string, error) {
	if u := os.Getenv(name); u != "" {
		return u, nil
	}
	return "", fmt.Errorf("%s is not set, and this row needs the store: run `make bench`, which starts all of them", name)
}

// documents names a database of MongoDB, and drops it with the stage.
func (s *stage) documents(ctx context.Context) (string, error) {
	server, err := storeURL("TENURE_TEST_MONGO_URL")
	if err != nil {
		return "", err
	}
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	client, err := mongo.Connect(mongooptions.Client().ApplyURI(server))
	if err != nil {
		return "", err
	}
	name := "tenure_bench_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	s.onClose(func(ctx context.Context) error {
		return errors.Join(client.Database(name).Drop(ctx), client.Disconnect(ctx))
	})
	u.Path = "/" + name
	return u.String(), client.Ping(ctx, nil)
}

// keys names a prefix in Redis, and deletes its keys with the stage.
func (s *stage) keys() (server, prefix string, err error) {
	if server, err = storeURL("TENURE_TEST_REDIS_URL"); err != nil {
		return "", "", err
	}
	o, err := redis.ParseURL(server)
	if err != nil {
		return "", "", err
	}
	client := redis.NewClient(o)
	prefix = "tenure_bench_" + uuid.NewString() + ":"
	s.onClose(func(ctx context.Context) error {
		return errors.Join(deleteKeys(ctx, client, prefix), client.Close())
	})
	return server, prefix, nil
}

func deleteKeys(ctx context.Context, client *redis.Client, prefix string) error {
	keys := client.Scan(ctx, 0, prefix+"*", 1000).Iterator()
	for keys.Next(ctx) {
		if err := client.Unlink(ctx, keys.Val()).Err(); err != nil {
			return err
		}
	}
	return keys.Err()
}

// enter makes a super_admin with a key that opens.
func (k *site) enter(ctx context.Context) error {
	const email = "root@example.com"
	if _, err := k.tenure(ctx, "admin", "create-super-admin", "--email", email, "--name", "Root"); err != nil {
		return err
	}
	said, err := k.tenure(ctx, "admin", "issue-key", "--email", email, "--name", "bench")
	if words := strings.Fields(said); len(words) > 0 {
		k.key = words[len(words)-1]
	}
	return err
}

// tenure runs what an operator runs.
func (k *site) tenure(ctx context.Context, args ...string) (said string, err error) {
	cmd := exec.CommandContext(ctx, filepath.Join(k.bin, "tenure"), args...)
	cmd.Env = k.environ
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("tenure %s: %w: %s", strings.Join(args, " "), err, failed.Stderr)
	}
	return string(out), err
}

// newUser is the request that makes a user nobody has made.
func (k *site) newUser(header ...string) []byte { return k.newUserWith("", header...) }

func (k *site) newUserWith(more string, header ...string) []byte {
	body := fmt.Sprintf(`{"email":"grace.hopper.%s@example.com","name":"Grace Hopper","role":"viewer"%s}`, newID(), more)
	return request(http.MethodPost, "/api/v1/users", k.key, body, header...)
}

// user makes a user who shows, with a membership as most have, and gives his id.
func (k *site) user(ctx context.Context) (id string, err error) {
	w, err := dial(ctx, k.api)
	if err != nil {
		return "", err
	}
	defer w.close()
	membership := `,"memberships":{"memberships":[{"scope_type":"global","role":"agent","capabilities":["place_orders"]}]}`
	body, err := w.ask(k.newUserWith(membership), http.StatusCreated)
	if err != nil {
		return "", err
	}
	var made struct {
		ID string `json:"id"`
	}
	return made.ID, errors.Join(err, json.Unmarshal(body, &made))
}
