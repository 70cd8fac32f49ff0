package feed

import (
	"database/sql"
	"errors"
	"strconv"

	wsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
)

// pageKey is where a row keeps its page.
const pageKey = "page"

// batches says how a batch becomes a message: Watermill's SchemaAdapter. The
// message names the range; the events stay where they were decoded, with the
// turn in its context.
type batches struct{}

// SelectQuery is what a turn asks first. It reads the batch from there by
// itself.
func (batches) SelectQuery(p wsql.SelectQueryParams) (wsql.Query, error) {
	return p.OffsetsAdapter.NextOffsetQuery(wsql.NextOffsetQueryParams{Topic: p.Topic, ConsumerGroup: p.ConsumerGroup})
}

// UnmarshalMessage makes the message of a batch.
func (batches) UnmarshalMessage(p wsql.UnmarshalMessageParams) (wsql.Row, error) {
	var page *page
	if err := p.Row.Scan(&page); err != nil {
		return wsql.Row{}, err
	}
	from, through := page.batch.From, page.batch.Through
	msg := message.NewMessage(through.Event.String(), nil)
	msg.Metadata.Set("log", through.Log.String())
	msg.Metadata.Set("after", strconv.FormatInt(int64(from.Position), 10))
	msg.Metadata.Set("through", strconv.FormatInt(int64(through.Position), 10))
	return wsql.Row{Offset: int64(through.Position), Msg: msg, ExtraData: map[string]any{pageKey: page}}, nil
}

// SubscribeIsolationLevel is the one that a turn begins at.
func (batches) SubscribeIsolationLevel() sql.IsolationLevel { return sql.LevelReadCommitted }

// SchemaInitializingQueries are none: migrations make the tables.
func (batches) SchemaInitializingQueries(wsql.SchemaInitializingQueriesParams) ([]wsql.Query, error) {
	return nil, nil
}

// InsertQuery is refused: only eventlog writes the log.
func (batches) InsertQuery(wsql.InsertQueryParams) (wsql.Query, error) {
	return wsql.Query{}, errors.New("feed: the log is not written through Watermill")
}
