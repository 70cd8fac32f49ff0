package eventlog

// Pending is how many callers wait for the next batch.
func (a *Appender) Pending() int { return a.pending() }

// Check is what a command has to pass before it is queued.
func Check(c Command) error {
	_, err := newCall(&c)
	return err
}

// Unreadable names what makes a JSON text unreadable; empty when nothing does.
func Unreadable(data []byte) string { return unreadable(data) }
