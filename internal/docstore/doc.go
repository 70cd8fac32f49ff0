// Package docstore is where read models are kept: documents in MongoDB, what
// every request needs in Redis. It never answers a read without a scope, it
// never lets an older writer overwrite a newer one, and an outage never looks
// like something that is not there.
package docstore
