package docstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// ErrPolicy says that Redis would throw keys away when it is full, or cannot
// tell. A key that was thrown away would read as a wrong one.
var ErrPolicy = errors.New("docstore: Redis has to run with maxmemory-policy noeviction")

// checkPolicy asks every server that holds keys.
func (r *Redis) checkPolicy(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	if c, ok := r.client.(*redis.ClusterClient); ok {
		return c.ForEachMaster(limited, func(_ context.Context, node *redis.Client) error {
			return r.checkNode(limited, node)
		})
	}
	return r.checkNode(limited, r.client)
}

func (r *Redis) checkNode(ctx context.Context, node redis.Cmdable) error {
	policy, err := policyOf(ctx, node)
	switch {
	case err != nil:
		return failed(ctx, "ask Redis for its policy", err)
	case policy == "noeviction", policy == "" && r.Miniredis:
		return nil
	case policy == "":
		return fmt.Errorf("%w; this server does not tell", ErrPolicy)
	default:
		return fmt.Errorf("%w, not %s", ErrPolicy, policy)
	}
}

// policyOf is the server's policy, empty when it answers and does not tell.
// CONFIG is refused by many who run Redis for others; INFO is not.
func policyOf(ctx context.Context, node redis.Cmdable) (string, error) {
	config, err := node.ConfigGet(ctx, "maxmemory-policy").Result()
	if err != nil && !answered(err) {
		return "", err
	}
	if policy := config["maxmemory-policy"]; policy != "" {
		return policy, nil
	}
	memory, err := node.Info(ctx, "memory").Result()
	if err != nil && !answered(err) {
		return "", err
	}
	for line := range strings.Lines(memory) {
		if policy, ok := strings.CutPrefix(strings.TrimSpace(line), "maxmemory_policy:"); ok {
			return policy, nil
		}
	}
	return "", nil
}

// answered tells whether an error is the server's own no to a command, and not
// that it is starting, or away.
func answered(err error) bool {
	var said redis.Error
	return errors.As(err, &said) && !redis.IsLoadingError(err) && !redis.IsMasterDownError(err)
}
