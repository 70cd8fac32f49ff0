// Package projections folds the log into read models and answers queries from
// them: one file per read model says what it holds, how events change it, and
// what may be asked of it. It is handed batches and never sees the log; a fold
// is pure and never refuses an event.
package projections
