package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"tenure/local/internal/proc"
)

// openMongo runs MongoDB, a single journaled server, with its data in s.Data.
func openMongo(ctx context.Context, s Setup, url string) (*Server, error) {
	if url != "" {
		return named("mongo", url), nil
	}
	p, err := s.findMongo(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.data("mongo"), 0o700); err != nil {
		return nil, fmt.Errorf("store: mongo: %w", err)
	}
	kept, port, err := s.start(ctx, launch{name: "mongo", spec: s.mongod(p.path), ready: mongoReady})
	if err != nil {
		return nil, err
	}
	url = fmt.Sprintf("mongodb://127.0.0.1:%d", port)
	if !s.Scratch {
		url += "/" + database
	}
	return &Server{Name: "mongo", URL: url, From: p.version + " from " + p.from, kept: kept}, nil
}

func (s Setup) findMongo(ctx context.Context) (program, error) {
	var missed missed
	p, ok := s.Machine.onPath(ctx, "mongod", &missed)
	if !ok {
		var err error
		if p, err = s.pip(ctx, mongoWheel()); err != nil {
			missed.add("%v", err)
			if ctx.Err() != nil {
				return p, fmt.Errorf("store: mongo: %w", ctx.Err())
			}
			return p, missed.fault("MongoDB", "mongo", "TENURE_MONGO_URL", "mongodb://127.0.0.1:27017/tenure")
		}
	}
	p.version = "MongoDB " + strings.TrimPrefix(strings.TrimPrefix(p.version, "db version "), "v")
	return p, nil
}

func (s Setup) mongod(path string) func(port int) proc.Spec {
	return func(port int) proc.Spec {
		return proc.Spec{Path: path, Dir: s.data("mongo"), Env: s.Machine.Env, Args: []string{
			"--dbpath", s.data("mongo"), "--port", strconv.Itoa(port), "--bind_ip", "127.0.0.1",
			"--nounixsocket", "--wiredTigerCacheSizeGB", "0.5", "--quiet",
			// It would write its own measurements to disk every second.
			"--setParameter", "diagnosticDataCollectionEnabled=false",
		}}
	}
}

// mongoReady asks the server hello, in its own protocol: a port that merely
// accepts may belong to a server that is still recovering.
func mongoReady(ctx context.Context, _, port int) bool {
	conn, err := dial(ctx, port)
	if err != nil {
		return false
	}
	defer conn.Close()
	if _, err := conn.Write(hello()); err != nil {
		return false
	}
	header := make([]byte, 16)
	_, err = io.ReadFull(conn, header)
	return err == nil && binary.LittleEndian.Uint32(header[12:]) == opMsg
}

const opMsg = 2013

// hello is the command {hello: 1, $db: "admin"} as a message of the wire
// protocol: header, no flags, one section that is one document.
func hello() []byte {
	document := "\x10hello\x00\x01\x00\x00\x00" + "\x02$db\x00\x06\x00\x00\x00admin\x00" + "\x00"
	size := binary.LittleEndian.AppendUint32(nil, uint32(4+len(document)))
	body := append([]byte{0, 0, 0, 0, 0}, append(size, document...)...)
	message := binary.LittleEndian.AppendUint32(nil, uint32(16+len(body)))
	message = append(message, 1, 0, 0, 0, 0, 0, 0, 0)
	message = binary.LittleEndian.AppendUint32(message, opMsg)
	return append(message, body...)
}

func dial(ctx context.Context, port int) (net.Conn, error) {
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("store: %w", err)
	}
	return conn, nil
}
