// Package config reads drbd.conf of every era - 0.7, 8.0 to 8.3, 8.4, and 9
// where it maps to one peer - into one model, and prints it back as drbdadm 8.4
// does.
//
// The way of a file: lex.go makes tokens that know their place; parse*.go is one
// recursive descent over them, which builds the model (model.go) and collects
// findings; check.go looks at what only the whole file shows; dump.go and
// dumpxml.go print the model. effective.go answers the planner: which options
// are in force for this volume. table*.go lists every option with its type,
// range, default, unit and history; everything else asks that table.
//
// One parser serves two questions. What does the file mean? It is read
// tolerantly (drbd-config 7): older words, capital letters and harmless DRBD 9
// words are taken for what they mean today, with a warning. What would the real
// tool say? Every finding carries the lines and the exit code of drbdadm 8.4, so
// that Findings.Original gives its standard error to the character although we
// read on.
//
// The package does no I/O: files come through Env, which package sysenv fills
// from the running system. The rules are those of specs/drbd-config.md
// ("drbd-config N" in comments); what drbd-utils 9.22 was seen to do beyond it
// is marked "seen". The manual of what became of older words is OldWords.
package config
