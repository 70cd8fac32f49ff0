package docstore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Mend puts documents where others stand, or none, and removes those of gone,
// whatever their positions. Nobody may fold the model meanwhile: the caller
// sees to that. It fails with ErrRefused and ErrUnavailable.
//
// Dies the process here, some are mended, and the next one finds the rest.
func (c Collection[T]) Mend(ctx context.Context, docs []Document[T], gone []Key) error {
	var all []mongo.WriteModel
	for _, d := range docs {
		body, err := Encode(d)
		if err != nil {
			return err
		}
		all = append(all, mongo.NewReplaceOneModel().SetUpsert(true).SetReplacement(bson.Raw(body)).SetFilter(bson.D{{Key: "_id", Value: d.Key}}))
	}
	for _, k := range gone {
		all = append(all, mongo.NewDeleteOneModel().SetFilter(bson.D{{Key: "_id", Value: k}}))
	}
	if len(all) == 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	_, err := c.mongo().BulkWrite(limited, all, options.BulkWrite().SetOrdered(false))
	return orFailed(ctx, "mend "+c.model.String(), err)
}

// clearScript removes a partition that was never complete.
const clearScript = `
if redis.call('HEXISTS', KEYS[1], 'ready') == 1 then return 0 end
redis.call('UNLINK', KEYS[1])
return 1`

// Clear removes a partition of a build that is written anew, and tells false,
// with nothing changed, for one that is complete: that one may be read. It
// fails with ErrUnavailable.
func (p Partitions[T]) Clear(ctx context.Context, i Partition) (bool, error) {
	done, err := p.run(ctx, clearScript, []call{{partition: i}})
	if err != nil {
		return false, failed(ctx, "clear "+p.model.String(), err)
	}
	return done[0], nil
}
