package boot

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"tenure/internal/events"
	"tenure/internal/identity"
)

// The values that settings have. Each reads its own text, and says what is
// wrong with it in words that end "NAME ...", never with the text itself.

// hidden is what is shown of what is never shown.
const hidden = "(secret)"

// Secret is a text that is never printed.
type Secret string

// String hides it.
func (Secret) String() string { return hidden }

// GoString hides it.
func (Secret) GoString() string { return hidden }

// LogValue hides it.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// Key is a secret of at least 32 bytes, in base64.
type Key string

// UnmarshalText reads what identity takes for a secret.
func (k *Key) UnmarshalText(text []byte) error {
	if _, err := identity.ParseSecrets(string(text)); err != nil {
		return fmt.Errorf("is not the base64 of %d bytes or more; make one with: openssl rand -base64 32", identity.MinSecret)
	}
	*k = Key(text)
	return nil
}

// String hides it.
func (Key) String() string { return hidden }

// GoString hides it.
func (Key) GoString() string { return hidden }

// LogValue hides it.
func (Key) LogValue() slog.Value { return slog.StringValue(hidden) }

// KeyList is several keys.
type KeyList []Key

// UnmarshalText reads a comma-separated list.
func (l *KeyList) UnmarshalText(text []byte) error {
	for i, part := range parts(text) {
		var k Key
		if err := k.UnmarshalText([]byte(part)); err != nil {
			return fmt.Errorf("is wrong in its part %d, which %w", i+1, err)
		}
		*l = append(*l, k)
	}
	return nil
}

// Address is a host and a port.
type Address string

// UnmarshalText reads host:port. An empty host is every interface.
func (a *Address) UnmarshalText(text []byte) error {
	_, port, err := net.SplitHostPort(string(text))
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n > 65535 {
		return errors.New("is not an address such as 127.0.0.1:8080")
	}
	*a = Address(text)
	return nil
}

// Endpoint is the URL of a collector.
type Endpoint string

// UnmarshalText reads a URL with scheme and host. Whether the way there is
// encrypted is for the scheme to say.
func (e *Endpoint) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("is not a URL such as http://collector:4317 or https://collector:4317")
	}
	*e = Endpoint(text)
	return nil
}

// Protocol is how traces are sent.
type Protocol string

// The protocols.
const (
	GRPC        Protocol = "grpc"
	OverHTTP    Protocol = "http"
	anyProtocol          = "is not a protocol: grpc or http"
)

// UnmarshalText reads the name of a protocol, also as OpenTelemetry calls it.
func (p *Protocol) UnmarshalText(text []byte) error {
	switch strings.ToLower(string(text)) {
	case "grpc":
		*p = GRPC
	case "http", "http/protobuf":
		*p = OverHTTP
	default:
		return errors.New(anyProtocol)
	}
	return nil
}

// Headers are sent with every request to the collector.
type Headers map[string]string

// UnmarshalText reads name=value pairs, comma-separated.
func (h *Headers) UnmarshalText(text []byte) error {
	*h = Headers{}
	for i, part := range parts(text) {
		name, value, ok := strings.Cut(part, "=")
		if name = strings.TrimSpace(name); !ok || !headerName.MatchString(name) {
			return fmt.Errorf("is wrong in its part %d, which is not name=value", i+1)
		}
		(*h)[name] = strings.TrimSpace(value)
	}
	return nil
}

// Ratio is a share of a whole.
type Ratio float64

// UnmarshalText reads a number from 0 to 1.
func (r *Ratio) UnmarshalText(text []byte) error {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return errors.New("is not a number from 0 to 1")
	}
	*r = Ratio(f)
	return nil
}

// Path is the beginning of paths.
type Path string

var path = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)

// UnmarshalText reads a path, with or without a slash at its end.
func (p *Path) UnmarshalText(text []byte) error {
	trimmed := strings.TrimRight(string(text), "/")
	if !path.MatchString(trimmed) {
		return errors.New("is not the beginning of a path, such as /api/v1")
	}
	*p = Path(trimmed)
	return nil
}

// HeaderName is the name of a header.
type HeaderName string

var headerName = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+.^_|~-]+$`)

// UnmarshalText reads a header's name.
func (n *HeaderName) UnmarshalText(text []byte) error {
	if !headerName.Match(text) {
		return errors.New("is not the name of a header, such as X-Tenant-ID")
	}
	*n = HeaderName(text)
	return nil
}

// Origins are what browsers call the pages that may call.
type Origins []string

// UnmarshalText reads a comma-separated list of exact origins, or *.
func (o *Origins) UnmarshalText(text []byte) error {
	for i, part := range parts(text) {
		u, err := url.Parse(part)
		exact := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && part == u.Scheme+"://"+strings.ToLower(u.Host)
		if part != "*" && (!exact || strings.Contains(part, "*")) {
			return fmt.Errorf("is wrong in its part %d, which is not an origin such as https://example.com", i+1)
		}
		*o = append(*o, part)
	}
	return nil
}

// Networks are ranges of addresses.
type Networks []netip.Prefix

// UnmarshalText reads a comma-separated list of networks and addresses.
func (n *Networks) UnmarshalText(text []byte) error {
	for i, part := range parts(text) {
		network, err := netip.ParsePrefix(part)
		if err != nil {
			address, err := netip.ParseAddr(part)
			if err != nil {
				return fmt.Errorf("is wrong in its part %d, which is neither a network such as 10.0.0.0/8 nor an address", i+1)
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		*n = append(*n, network.Masked())
	}
	return nil
}

// Role is a user's role, under any of its names.
type Role events.Role

// UnmarshalText reads a role in any case.
func (r *Role) UnmarshalText(text []byte) error {
	role, ok := events.ParseRole(string(text))
	if !ok {
		return fmt.Errorf("is not a role: %s", strings.Join(roleNames(), ", "))
	}
	*r = Role(role)
	return nil
}

func roleNames() []string {
	var names []string
	for _, r := range events.Roles() {
		names = append(names, string(r))
	}
	return names
}

// parts are the parts of a comma-separated list that hold something.
func parts(text []byte) []string {
	var found []string
	for part := range strings.SplitSeq(string(text), ",") {
		if part = strings.TrimSpace(part); part != "" {
			found = append(found, part)
		}
	}
	return found
}
