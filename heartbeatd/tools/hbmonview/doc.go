// Package hbmonview lays out a cluster.View for people: what hb_mon shows. It is
// pure: the result depends on its arguments only, so that golden tests hold it.
//
// The order is that of the questions people ask: is all well (summary), who am
// I talking to (title), what is this node doing (state), who is there (nodes),
// what runs where (groups), what is wrong (warnings).
package hbmonview
