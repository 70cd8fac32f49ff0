package main

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"tenure/cmd/internal/boot"
)

// believing gives requests that come through trusted proxies the address of
// whoever stands before the first of them. What anybody else says of an
// address is not read.
func believing(trusted boot.Networks, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from, ok := caller(trusted, r); ok {
			r.RemoteAddr = net.JoinHostPort(from.String(), "0")
		}
		next.ServeHTTP(w, r)
	})
}

// caller is the last address in X-Forwarded-For that is no trusted proxy's:
// each proxy adds at the end whom it was asked by, and what stands further
// ahead may be anybody's invention.
func caller(trusted boot.Networks, r *http.Request) (netip.Addr, bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !within(trusted, peer.Addr()) {
		return netip.Addr{}, false
	}
	from := peer.Addr()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		address, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		if from = address.Unmap(); !within(trusted, from) {
			break
		}
	}
	return from, true
}

func within(networks boot.Networks, address netip.Addr) bool {
	address = address.Unmap()
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(address) })
}
