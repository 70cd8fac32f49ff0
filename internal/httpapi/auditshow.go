package httpapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"tenure/internal/events"
)

// showEvent is an event for an auditor, without what opens something.
func showEvent(by caller, e events.Recorded) (auditEvent, error) {
	data, err := showPayload(inSight(by, e))
	if err != nil {
		return auditEvent{}, fmt.Errorf("httpapi: show the event at %d: %w", e.Position, err)
	}
	return auditEvent{
		Position: e.Position, Tenant: e.Stream.Tenant, StreamType: e.Stream.Type, StreamID: e.Stream.ID, Version: e.Version,
		EventID: e.ID.String(), Type: e.Type, Schema: e.Schema, Data: data, RecordedAt: e.RecordedAt.UTC(), Meta: showMeta(e.Meta, by.IsSuperAdmin() || actedByAuthority(e.Meta)),
	}, nil
}

// inSight is an event as a reader of one supplier's log is told of it: of the
// suppliers that a key was limited to only his own.
func inSight(by caller, e events.Recorded) events.Recorded {
	issued, ok := e.Payload.(events.APIKeyIssued)
	if !ok || by.IsSuperAdmin() || issued.Tenants == nil {
		return e
	}
	told := slices.DeleteFunc(slices.Clone(*issued.Tenants), func(t events.TenantID) bool { return t != by.Tenant() })
	issued.Tenants = &told
	e.Payload, e.Data = issued, nil
	return e
}

// actedByAuthority tells whether an actor had authority in the supplier whose
// event it is: a membership gave it to him, or the highest role. Who did what
// anyone may with his own had none, and where he was is nobody's there to know.
func actedByAuthority(m events.Meta) bool {
	return m.AllowedBy != nil && (m.AllowedBy.Membership != "" || m.AllowedBy.Role == string(events.SuperAdmin))
}

// showMeta shows where a request came from only if it is placed.
func showMeta(m events.Meta, placed bool) auditMeta {
	if !placed {
		m.IP, m.UserAgent = "", ""
	}
	return auditMeta{
		Actor: textOrNull(m.Actor), Principal: m.Principal, CorrelationID: m.CorrelationID, CausationID: textOrNull(m.CausationID),
		RequestID: textOrNull(m.RequestID), IP: textOrNull(m.IP), UserAgent: textOrNull(m.UserAgent),
		Traceparent: textOrNull(m.Traceparent), AllowedBy: orNull[allowedBy]{(*allowedBy)(m.AllowedBy)},
	}
}

// showPayload is the payload's bytes as they stand in the log, but for what is
// tagged as secret. Those of a retired type are read as their successor's,
// whose tags are known.
func showPayload(e events.Recorded) (json.RawMessage, error) {
	data := json.RawMessage(e.Data)
	if e.Payload.EventType() != e.Type || len(data) == 0 {
		var err error
		if data, err = json.Marshal(e.Payload); err != nil {
			return nil, err
		}
	}
	return withoutSecrets(data, reflect.TypeOf(e.Payload))
}

// withoutSecrets drops the members that t tags as secret, also from objects
// within. Data without any is left as it is, byte for byte.
func withoutSecrets(data json.RawMessage, t reflect.Type) (json.RawMessage, error) {
	if !holdsSecret(t) {
		return data, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, err
	}
	if err := dropSecrets(members, t); err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

func dropSecrets(members map[string]json.RawMessage, t reflect.Type) error {
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner := elementOf(f.Type)
		switch {
		case f.Tag.Get("secret") == "true":
			delete(members, name)
		case f.Anonymous || inner.Kind() != reflect.Struct || members[name] == nil || string(members[name]) == "null":
			continue
		default:
			kept, err := withoutSecrets(members[name], inner)
			if err != nil {
				return err
			}
			members[name] = kept
		}
	}
	return nil
}

// holdsSecret tells whether a type, or what lies in it, has a secret.
func holdsSecret(t reflect.Type) bool {
	if t = elementOf(t); t.Kind() != reflect.Struct {
		return false
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("secret") == "true" || f.IsExported() && holdsSecret(f.Type) {
			return true
		}
	}
	return false
}

// elementOf is what a pointer points to.
func elementOf(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}
