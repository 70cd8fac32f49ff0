package projections

import (
	"tenure/internal/authz"
	"tenure/internal/docstore"
	"tenure/internal/events"
)

// journal is a document that notes each event that was applied to it. Read
// models forgive an event that comes twice, since it says the same; this one
// does not.
type journal struct {
	Applied []events.Position `bson:"applied" json:"applied"`
}

// journals note the events of users and keys, in documents that several events
// share and that one event shares out.
var journals = Projection[journal]{
	Name:    "journals",
	Version: 1,
	Handles: Authorities.Handles,
	Keys:    Authorities.Keys,
	Apply: func(j *journal, _ docstore.Key, e events.Recorded) {
		if _, ends := e.Payload.(events.UserDeleted); ends {
			*j = journal{}
			return
		}
		j.Applied = append(j.Applied[:len(j.Applied):len(j.Applied)], e.Position)
	},
	Tags:  func(*journal) authz.Tags { return authz.Tags{} },
	Texts: func(*journal) map[string]string { return nil },
}
