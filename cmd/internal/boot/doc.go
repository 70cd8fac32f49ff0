// Package boot turns an environment into what a process runs on: settings,
// logs, telemetry, connections and the signal to end. It never knows what the
// process does with them, and only binaries import it.
package boot
