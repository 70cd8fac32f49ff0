package docstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisOptions says how to use the server that a URL names.
type RedisOptions struct {
	// Prefix begins every key and channel. Tests have one each. It holds no
	// braces, which would move all keys of a cluster to one node.
	Prefix string
	// Cluster says that the URL names nodes of a Redis Cluster.
	Cluster bool
	// Miniredis accepts a server that can tell neither its policy nor its
	// role. Only the local stack, which started that server itself, sets it.
	Miniredis bool
	// Observe may be nil.
	Observe Observer
}

// Redis is a server, or a cluster of them, that holds what every request
// needs. It may lose all of it at any time.
type Redis struct {
	client redis.UniversalClient
	RedisOptions
}

// OpenRedis connects to the server that url names. It fails when the server is
// not there within three seconds, and refuses one that would evict keys.
func OpenRedis(ctx context.Context, url string, o RedisOptions) (*Redis, error) {
	if strings.ContainsAny(o.Prefix, "{}") {
		return nil, errors.New("docstore: the prefix of Redis keys may hold no braces")
	}
	client, err := connect(url, o.Cluster)
	if err != nil {
		return nil, fmt.Errorf("docstore: the Redis URL: %w", err)
	}
	if o.Observe != nil {
		client.AddHook(hook{o.Observe})
	}
	r := &Redis{client, o}
	if err := r.checkPolicy(ctx); err != nil {
		_ = client.Close() // the reason is what counts
		return nil, err
	}
	return r, nil
}

// connect rules out, whatever the URL says, reading from replicas and waiting
// beyond the caller's deadline.
func connect(url string, cluster bool) (redis.UniversalClient, error) {
	if cluster {
		o, err := redis.ParseClusterURL(url)
		if err != nil {
			return nil, err
		}
		o.ReadOnly, o.RouteByLatency, o.RouteRandomly = false, false, false
		o.ContextTimeoutEnabled, o.DialTimeout, o.ReadTimeout, o.MaxRetries = true, time.Second, readLimit, 1
		return redis.NewClusterClient(o), nil
	}
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	o.ContextTimeoutEnabled, o.DialTimeout, o.ReadTimeout, o.MaxRetries = true, time.Second, readLimit, 1
	o.DialerRetries = 1
	return redis.NewClient(o), nil
}

// Ping tells whether Redis answers.
func (r *Redis) Ping(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	if err := r.client.Ping(limited).Err(); err != nil {
		return failed(ctx, "ping Redis", err)
	}
	return nil
}

// Close ends all connections.
func (r *Redis) Close() error {
	if err := r.client.Close(); err != nil {
		return fmt.Errorf("docstore: close Redis: %w", err)
	}
	return nil
}

// Client is the connection itself, for what lives beside the read models under
// the same prefix. Read models are read and written by this package alone.
func (r *Redis) Client() redis.UniversalClient { return r.client }
