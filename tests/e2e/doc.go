// Package e2e tests two and three nodes of ours in namespaces, as root: what
// needs a kernel, real processes and real scripts, and no real Heartbeat.
//
//	go test ./tests/e2e
//	HB_ROLES=ours,ours go test ./tests/interop     the interop scenarios with ours on both nodes
//
// HB_ROLES=real,real runs those tests here that the real program can pass too,
// which proves the tests.
package e2e
