package docstore

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"

	"tenure/internal/authz"
)

// Plan tells how MongoDB carries out a list, as the names of the stages that
// it chose for the page and for the count. It runs neither.
func (c Collection[T]) Plan(ctx context.Context, s authz.Scope, q Query) (page, count []string, err error) {
	filter, ok := q.filter(s)
	if !ok {
		return nil, nil, nil
	}
	page, err = c.explain(ctx, bson.D{
		{Key: "find", Value: c.model.String()},
		{Key: "filter", Value: q.page(s, filter)},
		{Key: "sort", Value: q.Order.sort()},
		{Key: "skip", Value: q.Skip},
		{Key: "limit", Value: q.Limit + 1},
		{Key: "projection", Value: q.Order.shown()},
	})
	if err != nil {
		return nil, nil, err
	}
	count, err = c.explain(ctx, bson.D{
		{Key: "aggregate", Value: c.model.String()},
		{Key: "cursor", Value: bson.D{}},
		{Key: "pipeline", Value: bson.A{
			bson.D{{Key: "$match", Value: filter}},
			bson.D{{Key: "$group", Value: bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: bson.D{{Key: "$sum", Value: 1}}}}}},
		}},
	})
	return page, count, err
}

func (c Collection[T]) explain(ctx context.Context, command bson.D) ([]string, error) {
	limited, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	answer, err := c.db.RunCommand(limited, bson.D{
		{Key: "explain", Value: command}, {Key: "verbosity", Value: "queryPlanner"},
	}).Raw()
	if err != nil {
		return nil, failed(ctx, "explain "+c.model.String(), err)
	}
	return stages(nil, answer), nil
}

// stages collects the names of the chosen stages, wherever the server's
// version puts them. What it considered and rejected does not count.
func stages(names []string, v bson.Raw) []string {
	fields, err := v.Elements()
	if err != nil {
		return names
	}
	for _, f := range fields {
		if name, ok := f.Value().StringValueOK(); ok && f.Key() == "stage" {
			names = append(names, name)
		}
		if f.Key() == "rejectedPlans" || f.Key() == "command" {
			continue
		}
		if inner, ok := f.Value().DocumentOK(); ok {
			names = stages(names, inner)
		}
		if inner, ok := f.Value().ArrayOK(); ok {
			names = stages(names, bson.Raw(inner))
		}
	}
	return names
}
