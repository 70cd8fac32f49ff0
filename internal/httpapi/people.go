package httpapi

import (
	"context"
	"maps"
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

// peopleOf looks up who did things, as far as they are not among those whose
// e-mails are known already: the caller's, and that of whom is shown.
func (s *Server) peopleOf(ctx context.Context, known map[events.UserID]string, ids ...events.UserID) (people, error) {
	var unknown []events.UserID
	for _, id := range ids {
		if _, ok := known[id]; id != "" && !ok {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 {
		return people{emails: known}, nil
	}
	emails, err := s.Users.Emails(ctx, unknown)
	if err != nil {
		return people{}, err
	}
	maps.Copy(emails, known)
	return people{emails: emails}, nil
}

// peopleAfter is peopleOf for the answer to a command, which is given also
// when the store went away: then only the caller is known by his e-mail.
func (s *Server) peopleAfter(ctx context.Context, by caller, ids ...events.UserID) people {
	if by.reply.async && !slices.ContainsFunc(ids, func(id events.UserID) bool { return id != "" && id != by.UserID() }) {
		return people{emails: map[events.UserID]string{by.UserID(): by.Email()}}
	}
	p, err := s.peopleOf(ctx, nil, ids...)
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
