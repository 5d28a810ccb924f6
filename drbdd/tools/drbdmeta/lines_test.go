package drbdmeta

import (
	"testing"

	"classicha/drbdd/metadata"
)

const plain = "--force MINOR v08 DISK internal "

func sb(change func(*metadata.Superblock)) func(*image) { return with(change) }

// TestRealLines: command lines, good and bad, on regular files.
func TestRealLines(t *testing.T) {
	flags := func(f metadata.Flags) func(*image) {
		return sb(func(s *metadata.Superblock) { s.Flags |= f; s.LaSizeSect = 16000 })
	}
	newBench(t, false).compare([]row{
		// Options and words, in the order of the checks.
		{args: "--force MINOR v08"},
		{args: "-v -v -v MINOR"},
		{args: "MINOR v10 DISK internal get-gi"},
		{args: "MINOR v08 DISK"},
		{args: "MINOR v08 DISK internal"},
		{args: "MINOR v08 DISK bad get-gi"},
		{args: "MINOR v08 DISK 256 get-gi"},
		{args: "MINOR v08 DISK 0x1 get-gi"},
		{args: "MINOR v08 DISK internal bogus"},
		{args: "MINOR v08 DISK internal get-gi"},
		{args: "MINOR v08 nofile internal get-gi"},
		{args: "--force MINOR v08 /tmp internal get-gi"},
		{args: "--force MINOR v08 /dev/null internal get-gi"},
		{args: "MINOR v08 DISK internal create-md -p 2M"},
		{args: "MINOR v08 DISK internal create-md -p 1048577"},
		{args: "MINOR v08 DISK internal create-md -p -1"},
		{args: "MINOR v08 DISK internal create-md -p 1kk"},
		{args: "MINOR v08 DISK internal create-md -p 0x10"},
		{argv: []string{"MINOR", "v08", "DISK", "internal", "create-md", "-p", ""}},
		{args: "MINOR v08 DISK internal create-md --initialize-bitmap auto"},
		{args: "MINOR v08 DISK internal create-md --al-stripes 0"},
		{args: "MINOR v08 DISK internal create-md --al-stripe-size-kB 4"},
		{args: "MINOR v08 DISK internal create-md --al-stripe-size-kB 33M"},
		{args: "MINOR v08 DISK internal get-gi --node-id 32"},
		{args: "MINOR v08 DISK internal outdate --node-id 1"},
		{args: "MINOR v08 DISK internal outdate --peer-max-bio-size 4k --al-stripes 2 --node-id 1"},
		{args: "MINOR v08 DISK internal outdate --al-stripes 2 --node-id 1"},
		{args: "MINOR v08 DISK internal restore-md x -p 4k"},
		{args: plain + "set-gi"},
		{args: plain + "write-dev-uuid"},

		// Reading.
		{args: plain + "get-gi", img: made},
		{args: plain + "get-gi --node-id 3", img: made},
		{args: "--forc MINOR v08 DISK flex-internal get-gi more words", img: made},
		{args: plain + "get-gi"},
		{args: plain + "-v get-gi"},
		{args: plain + "-v -v get-gi", img: made},
		{args: plain + "show-gi", img: flags(metadata.Consistent | metadata.PrimaryInd | metadata.ConnectedInd | metadata.CrashedPrimary)},
		{args: plain + "show-gi", img: flags(metadata.Consistent | metadata.WasUpToDate | metadata.PeerOutdated | metadata.FullSync)},
		{args: plain + "show-gi"},
		{args: plain + "dstate", img: made},
		{args: plain + "dstate", img: flags(metadata.Consistent)},
		{args: plain + "dstate", img: flags(metadata.Consistent | metadata.WasUpToDate)},
		{args: plain + "dstate", img: flags(metadata.Consistent | metadata.WasUpToDate | metadata.PeerOutdated)},
		{args: plain + "dstate"},
		{args: plain + "read-dev-uuid", img: sb(func(s *metadata.Superblock) { s.DeviceUUID = 0xabcdef1234 })},
		{args: plain + "get-gi", img: sb(func(s *metadata.Superblock) { s.LaSizeSect = 99999999 })},
		{args: plain + "-v get-gi", img: sb(func(s *metadata.Superblock) { s.MdSizeSect++ })},
		{args: plain + "-v get-gi", img: sb(func(s *metadata.Superblock) { s.ALOffset++ })},
		{args: plain + "-v dstate", img: sb(func(s *metadata.Superblock) { s.BMOffset-- })},
		{args: plain + "get-gi", img: sb(func(s *metadata.Superblock) { s.ALStripes, s.ALStripeSize4k = 0, 0 })},
		{args: plain + "-v get-gi", img: sb(func(s *metadata.Superblock) { s.Magic = metadata.MagicV09 })},

		// Changing.
		{args: plain + "set-gi 1:2:3:4:1:1:1:1:1:1:1", img: made},
		{args: plain + "set-gi ::::1", img: made},
		{args: plain + "set-gi 0x1F::0XaB:", img: made},
		{args: plain + "set-gi 1:2:3:4:2", img: made},
		{args: plain + "set-gi 1", img: nil},
		{args: plain + "set-gi 1 2", img: made},
		{args: plain + "outdate", img: made},
		{args: plain + "outdate", img: flags(metadata.Consistent | metadata.WasUpToDate)},
		{args: plain + "outdate"},
		{args: plain + "invalidate", img: flags(metadata.Consistent | metadata.WasUpToDate)},
		{args: plain + "invalidate x"},
		{args: plain + "write-dev-uuid 0x55", img: made},
		{args: plain + "write-dev-uuid 55 66"},
		{args: "--force MINOR v08 DISK flex-external write-dev-uuid 77", img: func(m *image) {
			m.make(metadata.FlexExternal, metadata.DefaultRing, nil)
			m.state = "8388608\tDISK\n"
		}},
		{args: plain + "--dry-run set-gi 1:2", img: made},
		{args: plain + "wipe-md", img: made},
		{args: plain + "wipe-md"},
		{args: "--force MINOR v08 DISK 0 wipe-md", img: func(m *image) { m.make(0, metadata.DefaultRing, nil) }},
		{args: "MINOR v08 DISK internal wipe-md", img: made},

		// The device "-" has neither lock nor check.
		{args: "--force - v08 DISK internal get-gi", img: made, dstate: "UpToDate/UpToDate\\n"},
		{args: "--force /dev/drbd99871 v08 DISK internal get-gi", img: made},

		// Sizes.
		{args: plain + "get-gi", img: on(69631, nil)},
		{args: plain + "create-md", img: on(69631, nil)},
		{args: plain + "create-md", img: on(69632, nil)},
		{args: plain + "create-md", img: on(8<<20+511, nil)},
		{args: plain + "get-gi", img: on(0, nil)},
		{args: "--force MINOR v08 DISK 1 get-gi"},
		{args: "--force MINOR v08 DISK flex-external create-md", img: on(1<<20+1536, nil)},
	})
}

// TestRealAttached: what drbdsetup says decides (drbd-cli 2.3).
func TestRealAttached(t *testing.T) {
	var rows []row
	for _, s := range []string{"UpToDate/DUnknown\\n", "Diskless/DUnknown\\n", "Unconfigured\\n", "Unconfigured", "Attaching/x\\n", "Failed/x\\n", "DUnknown/x\\n",
		"Negotiating\\n", "Bogus/x\\n", "UpToDate\\nmore\\n", "Unconfigured/Unconfigured\\n", "uptodate/x\\n", "AVeryLongWordThatDoesNotFitIntoTheBufferOfFortyBytes/x\\n"} {
		rows = append(rows, row{name: "change " + s, args: plain + "invalidate", img: made, dstate: s},
			row{name: "read " + s, args: plain + "get-gi", img: made, dstate: s})
	}
	for _, code := range []int{1, 5, 10, 11, 17, 20, 127} {
		rows = append(rows, row{args: plain + "invalidate", img: made, dstate: "UpToDate/x\\n", dcode: code},
			row{args: plain + "invalidate", img: made, dcode: code})
	}
	for _, c := range []string{"show-gi", "dstate", "read-dev-uuid", "get-gi x", "get-gi --node-id 1", "restore-md x", "create-md", "apply-al", "check-resize", "wipe-md", "bogus", "get-gi -s 1"} {
		rows = append(rows, row{args: plain + c, dstate: "UpToDate/UpToDate\\n"})
	}
	rows = append(rows, row{
		name: "an empty state", args: plain + "invalidate", img: made, dstate: "/\\n",
		differs: "no name at all is no disk state: the original takes it for the begin of Diskless and changes the disk",
		want:    &result{err: "Unexpected output from drbdsetup >/<\n", code: 20},
	})
	newBench(t, false).compare(rows)
}
