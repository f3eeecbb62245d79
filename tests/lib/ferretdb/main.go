// The stand-in for a MongoDB server in the tests: FerretDB's public package over a PostgreSQL.
// Usage: parley-ferretdb LISTEN POSTGRESQL-URL; prints its URI when it accepts connections, ends on SIGINT or SIGTERM.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:      ferretdb.ListenerConfig{TCP: os.Args[1]},
		Handler:       "postgresql",
		PostgreSQLURL: os.Args[2],
	})
	if err != nil {
		slog.Error("cannot start", "error", err)
		os.Exit(1)
	}
	go func() { fmt.Println(server.MongoDBURI()) }() // waits for the listener
	_ = server.Run(ctx)
}
