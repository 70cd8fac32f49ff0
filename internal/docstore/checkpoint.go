package docstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"tenure/internal/events"
)

// checkpoints is the collection that holds one document for each model.
const checkpoints = "checkpoints"

// modelID is a model as the key of a document. A tuple, so that no name can be
// read in two ways; its members' order is part of it.
type modelID struct {
	Projection string `bson:"projection"`
	Version    int    `bson:"version"`
	Generation int    `bson:"generation"`
}

// storedMark is a mark as both stores keep it.
type storedMark struct {
	Log      string `bson:"log" json:"log"`
	Position int64  `bson:"position" json:"position"`
	Event    string `bson:"event" json:"event"`
}

type storedCheckpoint struct {
	Model modelID    `bson:"_id"`
	Mark  storedMark `bson:",inline"`
}

func storeMark(m events.Mark) storedMark {
	return storedMark{m.Log.String(), int64(m.Position), m.Event.String()}
}

func (s storedMark) mark() (events.Mark, error) {
	log, badLog := uuid.Parse(s.Log)
	event, badEvent := uuid.Parse(s.Event)
	if err := errors.Join(badLog, badEvent); err != nil {
		return events.Mark{}, fmt.Errorf("docstore: a checkpoint cannot be read: %w", err)
	}
	return events.Mark{Log: events.LogID(log), Position: events.Position(s.Position), Event: event}, nil
}

// Checkpoint tells how far a model was folded; the zero mark when it was never.
func (m *Mongo) Checkpoint(ctx context.Context, model Model) (events.Mark, error) {
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	var c storedCheckpoint
	err := m.db.Collection(checkpoints).FindOne(limited, bson.D{{Key: "_id", Value: modelID(model)}}).Decode(&c)
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return events.Mark{}, nil
	case err != nil:
		return events.Mark{}, failed(ctx, "read the checkpoint of "+model.String(), err)
	}
	return c.Mark.mark()
}

// MoveCheckpoint moves a model's checkpoint from one place to another, and
// tells false, with nothing changed, when it is not at from any more.
func (m *Mongo) MoveCheckpoint(ctx context.Context, model Model, from, to events.Mark) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	moved, err := m.moveCheckpoint(limited, storedCheckpoint{modelID(model), storeMark(to)}, from)
	if err != nil {
		return false, failed(ctx, "move the checkpoint of "+model.String(), err)
	}
	return moved, nil
}

// moveCheckpoint writes to where from was. Dies the process before it, the
// documents are ahead of the checkpoint, and the same events come again and
// change nothing; dies it after, the batch is done.
func (m *Mongo) moveCheckpoint(ctx context.Context, to storedCheckpoint, from events.Mark) (bool, error) {
	c := m.db.Collection(checkpoints)
	if from == (events.Mark{}) {
		_, err := c.InsertOne(ctx, to)
		if mongo.IsDuplicateKeyError(err) {
			return false, nil
		}
		return err == nil, err
	}
	was := storeMark(from)
	done, err := c.ReplaceOne(ctx, bson.D{
		{Key: "_id", Value: to.Model},
		{Key: "log", Value: was.Log},
		{Key: "position", Value: was.Position},
		{Key: "event", Value: was.Event},
	}, to)
	if err != nil {
		return false, err
	}
	return done.MatchedCount == 1, nil
}
