// Package config reads Heartbeat's configuration files - ha.cf, haresources,
// authkeys - and our own haext.cf, and turns them into typed values and
// findings.
//
// Every parser takes the name and the bytes of one file and an Env, which
// answers questions about the machine (does this interface exist, who is this
// user). The package itself does no I/O: package sysenv fills an Env from the
// running system, tests fill one from tables.
//
// Nothing here stops at the first mistake. A parser returns what it understood
// and a list of findings; each says where, what was read, what is wrong with it
// or what it was taken for, and what to write instead. A finding whose Refuse
// is set keeps the daemon from starting, as the original does; it also carries
// the lines that the original would have printed. StartLog puts these in the
// order of the original's start.
//
// The rules are those of specs/heartbeat-config.md ("heartbeat-config N" in
// comments). What is forgiven beyond the original is one warning each.
package config
