// Package drbdadm is the command of that name: a planner. It turns the
// configuration and a command into calls of drbdsetup and drbdmeta, and makes
// them in the order of drbdadm 8.4.
//
//	cmdline.go   options and words             ┐
//	load.go      the configuration file        ├─ main.go
//	commands.go  what each command is about    ┘
//	   │ target: a resource, or one volume of it (names.go)
//	   ├─ volume.go, fallback.go, createmd.go    calls that are made at once
//	   ├─ stages.go, adjust.go, compare.go       up and adjust: first planned, then made stage by stage
//	   ├─ shell.go, shstatus.go, dumpcmd.go      answers from the configuration alone
//	   ├─ handler.go                             what the daemon calls
//	   └─ dialog.go, waitsync.go, proc.go,
//	      splitbrain.go, splittext.go            waiting, and what is ours
//	plan.go makes the argument lists, call.go runs them.
//
// The package knows nothing of the daemon's state but what drbdsetup says. The
// world (programs, terminal, files) comes in through Env, so that tests need
// neither root nor a daemon. Texts, streams, exit codes and the order of calls
// are those of drbdadm-84 of drbd-utils 9.22 (drbd-cli 2, 6, 7, 9; "seen" marks
// what its program was observed to do beyond that). What differs on purpose is
// listed with its reason in differences_test.go.
package drbdadm
