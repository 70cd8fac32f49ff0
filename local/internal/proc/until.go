package proc

import "time"

// Until asks whether something is so until it is, for what nobody tells us of.
// It asks once at least, and gives false when it was not so within limit.
func Until(limit, every time.Duration, ok func() bool) bool {
	over, tick := time.NewTimer(limit), time.NewTicker(every)
	defer over.Stop()
	defer tick.Stop()
	for !ok() {
		select {
		case <-over.C:
			return false
		case <-tick.C:
		}
	}
	return true
}
