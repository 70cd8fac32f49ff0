package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	mongooptions "go.mongodb.org/mongo-driver/v2/mongo/options"
)

// shared is said of every row in which programs are measured.
func (m machine) shared() string {
	return fmt.Sprintf("clients, servers and stores share %d cores", m.cores)
}

func get() row {
	return row{
		key: "get", name: fmt.Sprintf("GET of one user over HTTP with an API key, %d clients", clients),
		against: "the driver's findOne of the same document behind a bare gorilla/mux handler, same clients",
		unit:    "requests/s", goal: always(0.7),
		open: func(ctx context.Context, s *stage) (pair, error) {
			k, err := s.site(ctx)
			if err != nil {
				return pair{}, err
			}
			id, err := k.user(ctx)
			if err != nil {
				return pair{}, err
			}
			bare, err := s.bare(ctx, k, id)
			if err != nil {
				return pair{}, err
			}
			ours, err := s.getting(ctx, k.api, request(http.MethodGet, "/api/v1/users/"+id, k.key, ""))
			if err != nil {
				return pair{}, err
			}
			peer, err := s.getting(ctx, bare, request(http.MethodGet, "/users/"+id, k.key, ""))
			return pair{ours: ours, peer: peer, note: s.machine.shared()}, err
		},
	}
}

// getting is all clients asking the same again and again.
func (s *stage) getting(ctx context.Context, address string, request []byte) (side, error) {
	all, err := s.wires(ctx, address, clients)
	return perSecond(all, func(_ context.Context, w *wire) error {
		_, err := w.ask(request, http.StatusOK)
		return err
	}), err
}

// bare starts the peer, in a process of its own as the API has one.
func (s *stage) bare(ctx context.Context, k *site, id string) (address string, err error) {
	collection, err := k.collectionWith(ctx, id)
	if err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	p, err := s.start(ctx, k.environ, self, bareCommand, k.mongo, collection)
	if err != nil {
		return "", err
	}
	return p.address(ctx)
}

// collectionWith is where the product keeps a user's document.
func (k *site) collectionWith(ctx context.Context, id string) (name string, err error) {
	db, closeDB, err := openDocuments(k.mongo)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, closeDB(ctx)) }()
	names, err := db.ListCollectionNames(ctx, bson.D{{Key: "name", Value: bson.D{{Key: "$regex", Value: "^users-v"}}}})
	if err != nil {
		return "", err
	}
	for _, name := range names {
		n, err := db.Collection(name).CountDocuments(ctx, bson.D{{Key: "_id", Value: id}}, mongooptions.Count().SetLimit(1))
		if n == 1 || err != nil {
			return name, err
		}
	}
	return "", fmt.Errorf("user %s is in none of %v", id, names)
}

// openDocuments opens the database that a URL names, by the driver as it is.
func openDocuments(address string) (*mongo.Database, func(context.Context) error, error) {
	name, err := databaseIn(address)
	if err != nil {
		return nil, nil, err
	}
	client, err := mongo.Connect(mongooptions.Client().ApplyURI(address))
	if err != nil {
		return nil, nil, err
	}
	return client.Database(name), client.Disconnect, nil
}
