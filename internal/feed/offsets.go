package feed

import (
	"context"
	"errors"
	"fmt"

	wsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/jackc/pgx/v5"

	"tenure/internal/events"
)

// errMoved says that the offset was not where the turn began.
var errMoved = errors.New("the offset is not where it was: it was moved without the lock")

// lockConsumer takes the consumer's lock.
const lockConsumer = `select from feed_consumers where name = $1 for update`

// newestOffset is found at the end of the primary key. What was pruned lies
// before it, so a snapshot that keeps the dead rows does not slow it down.
const newestOffset = `select position, log_id, event_id from feed_offsets
	where consumer = $1 order by position desc limit 1`

// moveOffset is a compare-and-set: it changes no row unless the newest offset
// is the former one.
const moveOffset = `insert into feed_offsets (consumer, position, log_id, event_id)
	select $1, $2, $3, $4 where (select position from feed_offsets
		where consumer = $1 order by position desc limit 1) is not distinct from $5::bigint`

// offsets says how an offset is moved: Watermill's OffsetsAdapter. Offsets are
// inserted and never updated.
type offsets struct{}

// AckMessageQuery moves the offset to the end of the batch.
func (offsets) AckMessageQuery(p wsql.AckMessageQueryParams) (wsql.Query, error) {
	page, ok := p.LastRow.ExtraData[pageKey].(*page)
	if !ok {
		return wsql.Query{}, errors.New("feed: a row without its page")
	}
	to := page.batch.Through
	return wsql.Query{Query: moveOffset, Args: []any{
		p.ConsumerGroup, int64(to.Position), [16]byte(to.Log), [16]byte(to.Event), page.former,
	}}, nil
}

// ConsumedMessageQuery is none.
func (offsets) ConsumedMessageQuery(wsql.ConsumedMessageQueryParams) (wsql.Query, error) {
	return wsql.Query{}, nil
}

// NextOffsetQuery finds the newest offset.
func (offsets) NextOffsetQuery(p wsql.NextOffsetQueryParams) (wsql.Query, error) {
	return wsql.Query{Query: newestOffset, Args: []any{p.ConsumerGroup}}, nil
}

// SchemaInitializingQueries are none: migrations make the tables.
func (offsets) SchemaInitializingQueries(wsql.OffsetsSchemaInitializingQueriesParams) ([]wsql.Query, error) {
	return nil, nil
}

// BeforeSubscribingQueries are none: a turn registers its consumer.
func (offsets) BeforeSubscribingQueries(wsql.BeforeSubscribingQueriesParams) ([]wsql.Query, error) {
	return nil, nil
}

// insertConsumer tells whether the consumer is a new one.
func insertConsumer(ctx context.Context, tx pgx.Tx, name string) (isNew bool, err error) {
	tag, err := tx.Exec(ctx, `insert into feed_consumers (name) values ($1) on conflict do nothing`, name)
	return tag.RowsAffected() == 1, err
}

func insertOffset(ctx context.Context, tx pgx.Tx, consumer string, m events.Mark) error {
	_, err := tx.Exec(ctx, `insert into feed_offsets (consumer, position, log_id, event_id) values ($1, $2, $3, $4)`,
		consumer, int64(m.Position), [16]byte(m.Log), [16]byte(m.Event))
	return err
}

func deleteOffsetsAbove(ctx context.Context, tx pgx.Tx, consumer string, p events.Position) error {
	_, err := tx.Exec(ctx, `delete from feed_offsets where consumer = $1 and position > $2`, consumer, int64(p))
	if err != nil {
		return fmt.Errorf("rewind the offset to the checkpoint: %w", err)
	}
	return nil
}

// prune deletes the offsets below the former one, now and then: each time
// would walk over what the last times left dead.
func (t *turn) prune(ctx context.Context) error {
	t.count++
	if t.count%128 != 1 || t.page.former == nil {
		return nil
	}
	_, err := t.tx.Exec(ctx, `delete from feed_offsets where consumer = $1 and position < $2`, t.consumer.Name, *t.page.former)
	if err != nil {
		return fmt.Errorf("prune the offsets: %w", err)
	}
	return nil
}
