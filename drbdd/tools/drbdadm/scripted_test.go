package drbdadm

import "fmt"

// scriptedTrials: what becomes of the exit codes and the output of the programs.
func scriptedTrials() []trial {
	var out []trial
	add := func(args, fake string) {
		out = append(out, trial{conf: "conf/two.conf", host: "alpha", args: args, fake: fake})
	}
	const talk = "echo out; echo err >&2; "
	for _, code := range []int{0, 1, 5, 10, 11, 16, 17, 19, 20, 21, 40} {
		for _, c := range []string{"primary", "role", "status", "attach", "connect", "wait-connect", "apply-al", "down"} {
			add(c+" r0 r1", fmt.Sprintf("%src=%d", talk, code))
		}
		for _, c := range []string{"invalidate", "outdate", "dstate", "get-gi", "show-gi", "check-resize", "resize"} {
			add(c+" r1", fmt.Sprintf("case $line in drbdsetup*) %src=%d;; esac", talk, code))
		}
	}
	for _, c := range []string{"dstate", "outdate", "check-resize", "invalidate"} {
		for _, code := range []int{3, 10, 20, 30} {
			add(c+" all", fmt.Sprintf("case $line in *drbdsetup*) echo 1; rc=20;; *) echo m; echo merr >&2; rc=%d;; esac", code))
		}
	}
	for _, pair := range [][2]int{{5, 10}, {10, 5}, {11, 17}, {17, 11}, {20, 5}, {5, 20}, {19, 3}, {0, 7}, {7, 0}, {21, 0}} {
		for _, c := range []string{"role all", "role r0 r1", "status", "status r0 r1"} {
			add(c, fmt.Sprintf("case $line in *' 0'|*r0*) rc=%d;; *' 9'|*r1*) rc=%d;; esac", pair[0], pair[1]))
		}
	}
	add("role r0", "case $line in *' 1') rc=3;; esac")
	add("create-md r0 r1", "case $line in *create-md) rc=10;; esac")
	add("create-md r0 r1", "case $line in *create-md) rc=20;; esac")
	add("-v create-md r1", "case $line in *read-dev*) echo 00AABB;; esac")
	add("-v create-md r1", "case $line in *read-dev*) echo 12345678ABCDEF01; rc=1;; esac")
	add("create-md r1", "case $line in *write-dev*) rc=10;; esac")
	add("create-md r1", talk)
	add("resize all", "case $line in *check*) echo 1; echo err >&2; rc=20;; *) echo m; echo merr >&2;; esac")
	add("check-resize all", "case $line in *check*) echo 1; echo err >&2; rc=20;; *) echo m; echo merr >&2;; esac")
	add("wait-con-int", "case $line in *wait*) rc=5;; esac")
	add("sh-status", "case $line in *'sh-status 1') echo x; rc=10;; esac")
	add("sh-status", "echo _minor=$2")
	for _, what := range []string{"new-resource r0", "new-resource", "new-minor r0 1", "new-minor r0 5", "new-minor", "attach 1", "attach", "apply-al", "connect", "connect r1"} {
		for _, c := range []string{"up", "adjust", "adjust-with-progress", "-v up", "-v adjust-with-progress"} {
			add(c+" all", fmt.Sprintf("case $line in *'%s'*) echo out; echo err >&2; rc=10;; esac", what))
		}
	}
	for _, c := range []string{"attach r0", "status all", "resize r0", "check-resize r0", "invalidate r0", "outdate r0", "dstate r0", "show-gi r1", "sh-status", "adjust all", "up all", "down all", "wait-connect r0",
		"set-gi r0/1", "new-current-uuid r1", "role all", "create-md r1", "sh-b-pri all", "fence-peer r1", "disconnect all", "net-options all", "secondary minor-5", "pause-sync all", "resume-io r0/5"} {
		add("-v "+c, "")
	}
	for _, h := range []string{"fence-peer r0", "fence-peer r1", "fence-peer all", "fence-peer r0/2", "pri-lost minor-7", "pri-lost r0/3", "pri-lost r0", "pri-lost minor-1", "split-brain minor-8", "split-brain r1", "out-of-sync r1",
		"before-resync-target minor-7", "after-resync-target minor-7", "local-io-error minor-8", "unfence-peer r0", "initial-split-brain minor-99", "-d pri-lost minor-7", "-v split-brain minor-1", "pri-lost r0 r1"} {
		out = append(out, trial{conf: "conf/handlers.conf", host: "alpha", args: h})
	}
	limits := "global { usage-count no; disable-ip-verification; cmd-timeout-short 1; cmd-timeout-medium 1; cmd-timeout-long 1; }\n" +
		"resource r0 { device minor 0; disk /dev/s; meta-disk internal; on alpha { address 127.0.0.1:7788; } on bravo { address 127.0.0.2:7788; } }\n"
	for _, c := range []string{"role", "primary", "up", "outdate", "adjust-with-progress"} {
		out = append(out, trial{name: "limits", text: limits, host: "alpha", args: c + " r0", fake: "case $line in *show*) ;; *) exec sleep 20;; esac"})
	}
	return out
}
