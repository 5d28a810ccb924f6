package drbdsetup

// difference is a command line that ends otherwise than there, and why.
type difference struct {
	want result
	why  string
}

const (
	outOfRange = "8.4 sends any number and leaves it to the kernel, which takes most; 8.3 refused it with this text, and drbdadm does"
	spellings  = "these spellings of a minor are those of 8.0 to 8.3"
	tooLarge   = "there are no such minors: the kernel says so later"
	shorts     = "short options that drbd-cli 3 lists; 9.x has them"
	guessed    = "the first of two would be a guess"
)

func outside(text string) difference { return difference{result{20, "", text + "\n"}, outOfRange} }

func noSuchMinor(text string) difference {
	return difference{result{20, "", "Cannot determine minor device number of device '" + text + "'\n"}, tooLarge}
}

var understood = result{}

const (
	noAlternate = "Option --alternate-address: drbdd has no alternate addresses\n"
	oneSecond   = "degr-wfc-timeout has to be shorter than wfc-timeout\ndegr-wfc-timeout implicitly set to wfc-timeout (1s)\n" +
		"outdated-wfc-timeout has to be shorter than degr-wfc-timeout\noutdated-wfc-timeout implicitly set to degr-wfc-timeout (1s)\n"
)

var differs = map[string]difference{
	"attach 0 a b internal --resync-rate=0":                            outside("resync-rate 0 => 0k out of range [1..4194304]k"),
	"disk-options 0 --on-io-error=panic":                               {result{}, "a word of 0.7 that the article's file has"},
	"disk-options 0 --resync-rate=0":                                   outside("resync-rate 0 => 0k out of range [1..4194304]k"),
	"disk-options 0 --resync-rate=5000000":                             outside("resync-rate 5000000 => 5000000k out of range [1..4194304]k"),
	"disk-options 0 --resync-rate=-1":                                  outside("resync-rate -1 => 18446744073709551615k out of range [1..4194304]k"),
	"disk-options 0 --resync-after=-2":                                 outside("resync-after -2 => -2 out of range [-1..1048575]"),
	"net-options ipv4:1.2.3.4:7788 ipv4:1.2.3.5:7788 --timeout=0":      outside("timeout 0 => 0 out of range [1..600]"),
	"net-options ipv4:1.2.3.4:7788 ipv4:1.2.3.5:7788 --timeout=601":    outside("timeout 601 => 601 out of range [1..600]"),
	"net-options ipv4:1.2.3.4:7788 ipv4:1.2.3.5:7788 --max-buffers=1G": outside("max-buffers 1G => 1073741824 out of range [32..131072]"),
	"resize 0 --al-stripes=0":                                          outside("al-stripes 0 => 0 out of range [1..1024]"),
	"connect r0 ipv4:1.2.3.4:70000 ipv4:1.2.3.5:1":                     outside("port 70000 => 70000 out of range [0..65535]"),
	"connect r0 ipv4:1.2.3.4:1 ipv4:1.2.3.5:1 --shared-secret=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": outside("Option --shared-secret: longer than 64 bytes"),
	"primary minor-0":          {understood, spellings},
	"primary drbd0":            {understood, spellings},
	"minor-3 secondary":        {understood, spellings},
	"primary /dev/drbd1048576": noSuchMinor("/dev/drbd1048576"),
	"primary 1048576":          noSuchMinor("1048576"),
	"new-minor r0 2000000 0":   noSuchMinor("2000000"),
	"primary 99999999999":      noSuchMinor("99999999999"),
	"primary 4294967296":       noSuchMinor("4294967296"),

	"resize 0 --assume":   {result{20, "@USAGE@", "resize: option '--assume' is ambiguous; possibilities: '--assume-peer-has-space' '--assume-clean'\n"}, guessed},
	"verify 0 --st=8":     {result{20, "@USAGE@", "verify: option '--st=8' is ambiguous; possibilities: '--start' '--stop'\n"}, guessed},
	"status -v":           {understood, shorts},
	"status -vs":          {understood, shorts},
	"status -c":           {understood, shorts},
	"status -cx":          {result{20, "@USAGE@\nunknown --color argument\n", ""}, shorts},
	"events2 -n":          {result{0, "exists -\n", ""}, shorts},
	"events2 r0 -n":       {result{0, "exists -\n", ""}, shorts},
	"wait-connect 0 -t 1": {result{20, "", oneSecond + "error determining which timeout to use: minor not available\n"}, shorts},
	"status --json":       {result{0, "[]\n", ""}, "as in 9.x"},
	"status all all":      {result{20, "\n", "Excess arguments: all"}, "a word too many everywhere else"},

	"resize 0 --size=-1":                   outside("size -1 => 18446744073709551615s out of range [0..2199023255552]s"),
	"resize 0 --size=99999999999999999999": outside("size 99999999999999999999 => 18446744073709551615s out of range [0..2199023255552]s"),

	"connect r0 1.2.3.4 1.2.3.5 --alternate-address=9.9.9.9:1": {result{20, "", noAlternate}, "a connection over other addresses than those one knows of"},
	"connect r0 1.2.3.4 1.2.3.5 --alternate-address=ipv6:zz":   {result{20, "", noAlternate}, "the same"},
	"connect r0 1.2.3.4 1.2.3.5 --alternate": {result{20, "@USAGE@",
		"connect: option '--alternate' is ambiguous; possibilities: '--alternate-address' '--alternate-peer-address'\n"}, guessed},
	"connect r0 ssocks:1.2.3.4:1 sdp:1.2.3.5:1": {understood, "nobody looks for such sockets in /proc here"},

	"[-3] primary 0": {result{20, "", "0: Error code -3 unknown.\nYou should update the drbd userland tools.\n"}, "there is no such result"},
	"[-12] down r0": {result{11, "", "r0: State change failed: (-12) Device is held open by someone\nadditional info from kernel:\nfailed to demote\n"},
		"there the explanation of a failed down is not printed; drbd-cli 3.1 has it"},
	"attach 0 @DIR@/regfile @DIR@/regfile internal": {understood, "regular files are taken (drbd-cli 3)"},
}
