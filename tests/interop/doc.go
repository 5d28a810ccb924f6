// Package interop tests our heartbeatd against the real Heartbeat 3.0.6, one on
// each node of a lab, in both roles. Nothing is installed by the tests: without
// root or without the packages heartbeat and resource-agents they skip.
//
//	go test ./tests/interop                      ours+real and real+ours
//	HB_ROLES=real,real go test ./tests/interop   proves the tests themselves
//	HB_LOGS=/some/dir                            keeps the logs of failed tests there
//
//	test             what
//	TestMedia        boot together, power cut takeovers both ways, for each medium and digest
//	TestBootApart    one node serves alone, the other comes later, both orders
//	TestFailback     auto_failback on, off, legacy after a power cut of the owner
//	TestStop         graceful stops both ways
//	TestCommands     hb_standby and hb_takeover of every class from either side
//	TestLoss         a cluster is born and moves services with 20 % of packets lost
//	TestPartition    healed after both sides took over; a short one; one way only
//	TestKeys         authkeys changed one node after the other
//	TestDopd         drbd-peer-outdater on either node, dopd of the other program answers
//	TestDopdDies     the peer loses its power while it is asked
//	TestRolling      both nodes replaced while a client fetches from the service address
package interop
