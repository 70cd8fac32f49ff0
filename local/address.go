package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
)

// address is where the API listens.
type address struct {
	listen string // host:port
	url    string
}

// usual is the API's port where nothing is said.
const usual = 8080

// address takes what TENURE_LOCAL_ADDR says, to the letter. Where it says
// nothing, the API gets the port it had before, the usual one, or a free one.
func (h *home) address(ctx context.Context, say func(string, ...any)) (address, error) {
	named := os.Getenv("TENURE_LOCAL_ADDR")
	if named == "" {
		return h.freeAddress(ctx, say)
	}
	host, port, err := net.SplitHostPort(named)
	if err != nil {
		return address{}, fmt.Errorf("local: TENURE_LOCAL_ADDR=%s is not host:port", named)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "0" {
		free, err := h.ports.Pick(ctx, "api")
		return at(host, strconv.Itoa(free)), err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return address{}, fmt.Errorf("local: TENURE_LOCAL_ADDR=%s: %w", named, errors.Unwrap(err))
	}
	return at(host, port), l.Close()
}

func (h *home) freeAddress(ctx context.Context, say func(string, ...any)) (address, error) {
	port, err := h.ports.Pick(ctx, "api", usual)
	if err == nil && port != usual {
		say("the API is at port %d; %d was taken (TENURE_LOCAL_ADDR names another)", port, usual)
	}
	return at("127.0.0.1", strconv.Itoa(port)), err
}

// at makes the address; one that listens everywhere is reached on loopback.
func at(host, port string) address {
	a := address{listen: net.JoinHostPort(host, port)}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	a.url = "http://" + net.JoinHostPort(host, port)
	return a
}
