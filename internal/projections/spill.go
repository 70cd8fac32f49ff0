package projections

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"tenure/internal/docstore"
	"tenure/internal/events"
)

// partCount is how many parts the documents of a read model are divided into by
// hash of their keys. Those of one part have to fit in memory. It is a multiple
// of docstore.PartitionCount, so that a part lies in one partition.
const partCount = 4 * docstore.PartitionCount

func partOf(k docstore.Key) int { return docstore.PartOf(k, partCount) }

// spillBuffer is how much of each part is kept in memory before it is written.
const spillBuffer = 32 << 10

// spill keeps records on disk, by part, each part in the order in which it was
// given them. What it holds is personal: only this user may read it, and Close
// removes it.
type spill struct {
	dir     string // empty until something is written
	under   string
	buffers [partCount]bytes.Buffer
	written int64 // bytes on disk
}

// put appends a record.
func (s *spill) put(part int, record []byte) error {
	b := &s.buffers[part]
	b.Write(binary.AppendUvarint(b.AvailableBuffer(), uint64(len(record))))
	b.Write(record)
	if b.Len() < spillBuffer {
		return nil
	}
	return s.write(part)
}

func (s *spill) write(part int) (err error) {
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp(s.under, "tenure-rebuild-"); err != nil {
			return fmt.Errorf("projections: spill: %w", err)
		}
	}
	f, err := os.OpenFile(s.file(part), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("projections: spill: %w", err)
	}
	n, err := s.buffers[part].WriteTo(f)
	s.written += n
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("projections: spill: %w", err)
	}
	return nil
}

func (s *spill) file(part int) string { return filepath.Join(s.dir, fmt.Sprintf("%03d", part)) }

// each gives the records of a part, in order, and forgets them.
func (s *spill) each(part int, take func(record []byte) error) error {
	rest := bytes.NewReader(s.buffers[part].Bytes())
	err := s.fromDisk(part, take)
	if err == nil {
		err = records(bufio.NewReader(rest), take)
	}
	s.buffers[part] = bytes.Buffer{}
	return err
}

func (s *spill) fromDisk(part int, take func([]byte) error) error {
	if s.dir == "" {
		return nil
	}
	f, err := os.Open(s.file(part))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("projections: spill: %w", err)
	}
	err = records(bufio.NewReaderSize(f, spillBuffer), take)
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

func records(r *bufio.Reader, take func([]byte) error) error {
	for {
		n, err := binary.ReadUvarint(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		record := make([]byte, n)
		if err == nil {
			_, err = io.ReadFull(r, record)
		}
		if err != nil {
			return fmt.Errorf("projections: spill: %w", err)
		}
		if err := take(record); err != nil {
			return err
		}
	}
}

// Close removes what is on disk.
func (s *spill) Close() error {
	if s.dir == "" {
		return nil
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("projections: spill: %w", err)
	}
	return nil
}

// spilledEvent is an event outside of the log.
type spilledEvent struct {
	Position events.Position   `json:"p"`
	Tenant   events.TenantID   `json:"t"`
	Kind     events.StreamType `json:"k"`
	Stream   string            `json:"s"`
	Version  events.Version    `json:"v"`
	ID       events.EventID    `json:"i"`
	Type     string            `json:"n"`
	Schema   int               `json:"c"`
	Data     json.RawMessage   `json:"d"`
	Meta     events.Meta       `json:"m"`
	At       time.Time         `json:"a"`
}

func encodeEvent(e events.Recorded) ([]byte, error) {
	return json.Marshal(spilledEvent{
		e.Position, e.Stream.Tenant, e.Stream.Type, e.Stream.ID, e.Version, e.ID, e.Type, e.Schema, e.Data, e.Meta, e.RecordedAt,
	})
}

func decodeEvent(record []byte) (events.Recorded, error) {
	var s spilledEvent
	if err := json.Unmarshal(record, &s); err != nil {
		return events.Recorded{}, fmt.Errorf("projections: spill: %w", err)
	}
	payload, err := events.Decode(s.Type, s.Schema, s.Data)
	if err != nil {
		return events.Recorded{}, fmt.Errorf("projections: spill: %w", err)
	}
	return events.Recorded{
		Position: s.Position, Stream: events.Stream{Tenant: s.Tenant, Type: s.Kind, ID: s.Stream}, Version: s.Version,
		ID: s.ID, Type: s.Type, Schema: s.Schema, Payload: payload, Meta: s.Meta, RecordedAt: s.At.UTC(), Data: s.Data,
	}, nil
}
