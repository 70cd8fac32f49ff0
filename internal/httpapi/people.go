package httpapi

import (
	"context"
	"slices"

	"tenure/internal/events"
)

// people are the e-mails of those who did something, by id.
type people struct {
	emails map[events.UserID]string
	// partial: nobody could be asked, so that an id without an e-mail is not
	// one of a deleted user.
	partial bool
}

// peopleOf looks up who did things.
func (s *Server) peopleOf(ctx context.Context, ids ...events.UserID) (people, error) {
	var known []events.UserID
	for _, id := range ids {
		if id != "" {
			known = append(known, id)
		}
	}
	if len(known) == 0 {
		return people{}, nil
	}
	emails, err := s.Users.Emails(ctx, known)
	return people{emails: emails}, err
}

// peopleAfter is peopleOf for the answer to a command, which is given also
// when the store went away: then only the caller is known by his e-mail.
func (s *Server) peopleAfter(ctx context.Context, by caller, ids ...events.UserID) people {
	if by.reply.async && !slices.ContainsFunc(ids, func(id events.UserID) bool { return id != "" && id != by.UserID() }) {
		return people{emails: map[events.UserID]string{by.UserID(): by.Email()}}
	}
	p, err := s.peopleOf(ctx, ids...)
	if err != nil {
		s.Logger.WarnContext(ctx, "an answer lacks e-mails", "error", err, "request_id", by.requestID)
		return people{emails: map[events.UserID]string{by.UserID(): by.Email()}, partial: true}
	}
	return p
}

// name is how someone is told: by e-mail, as the system, or as someone who is
// no more.
func (p people) name(id events.UserID) string {
	email, ok := p.emails[id]
	switch {
	case id == "":
		return "system"
	case ok:
		return email
	case p.partial:
		return string(id)
	default:
		return "deleted user"
	}
}
