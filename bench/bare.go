package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/gorilla/mux"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"tenure/internal/projections"
)

// bareCommand makes this program the peer of the row get.
const bareCommand = "bare"

// serveBare answers GET /users/{id} with what findOne finds in a collection,
// and does nothing else: it asks nobody who he is.
func serveBare(ctx context.Context, address, collection string) (err error) {
	db, closeDB, err := openDocuments(address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDB(context.WithoutCancel(ctx))) }()
	r := mux.NewRouter()
	r.HandleFunc("/users/{id}", findOne(db.Collection(collection))).Methods(http.MethodGet)
	listening, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: r}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	slog.New(slog.NewJSONHandler(os.Stderr, nil)).InfoContext(ctx, "serving", "addr", listening.Addr().String())
	if err := server.Serve(listening); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func findOne(users *mongo.Collection) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var found struct {
			Body projections.User `bson:"body"`
		}
		err := users.FindOne(r.Context(), bson.D{{Key: "_id", Value: mux.Vars(r)["id"]}}).Decode(&found)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(found.Body) // whoever asked has gone
	}
}

// databaseIn is the database that a URL names.
func databaseIn(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(u.Path, "/"), nil
}
