// Package e2e runs drbdd as its users do: two machines (package rig), the
// commands of DRBD, real file systems. Every test says what it shows.
package e2e
