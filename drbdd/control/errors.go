package control

// Configuration errors that the program itself gives or asks for (drbd-cli 3.1).
// Every number from 102 to 170 is one of the original; Text knows them all.
const (
	ErrLocalAddr         = 102
	ErrRemoteAddr        = 103
	ErrOpenDisk          = 104
	ErrOpenMeta          = 105
	ErrDiskNotBlock      = 107
	ErrMetaNotBlock      = 108
	ErrDiskTooSmall      = 111
	ErrMetaTooSmall      = 112
	ErrDiskClaimed       = 114
	ErrMetaClaimed       = 115
	ErrMetaIndex         = 116
	ErrMetaIO            = 118
	ErrMetaInvalid       = 119
	ErrAuthAlg           = 120
	ErrAuthAlgNotDigest  = 121
	ErrNoMemory          = 122
	ErrDiscardImpossible = 123
	ErrDiskConfigured    = 124
	ErrNetConfigured     = 125
	ErrMinorUnknown      = 127
	ErrInterrupted       = 129
	ErrResizeResync      = 130
	ErrNoPrimary         = 131
	ErrResyncAfter       = 132
	ErrResyncAfterCycle  = 133
	ErrPauseIsSet        = 134
	ErrPauseIsClear      = 135
	ErrNoDisk            = 138
	ErrNotProtocolC      = 139
	ErrIntegrityAlg      = 141
	ErrCPUMask           = 143
	ErrCsumsAlg          = 144
	ErrVerifyAlg         = 146
	ErrCsumsRunning      = 148
	ErrVerifyRunning     = 149
	ErrDataNotCurrent    = 150
	ErrConnected         = 151
	ErrPermission        = 152
	ErrNeedAPV93         = 153
	ErrStonithAndProtA   = 154
	ErrPullAheadProtA    = 155
	ErrPicAfterDep       = 156
	ErrPicPeerDep        = 157
	ErrResourceUnknown   = 158
	ErrResourceInUse     = 159
	ErrMinorConfigured   = 160
	ErrMinorExists       = 161
	ErrInvalidRequest    = 162
	ErrNeedAPV100        = 163
	ErrNeedTwoPrimaries  = 164
	ErrMetaUnclean       = 165
	ErrMetaNotConnected  = 166
	ErrALTooBig          = 167
	ErrALTooSmall        = 168
	ErrALDoesNotFit      = 169
	ErrImplicitShrink    = 170
)

var errorTexts = map[int]string{
	102: "Local address(port) already in use.",
	103: "Remote address(port) already in use.",
	104: "Can not open backing device.",
	105: "Can not open meta device.",
	106: "Lower device already in use.",
	107: "Lower device is not a block device.",
	108: "Meta device is not a block device.",
	109: "Open of lower device failed.",
	110: "Open of meta device failed.",
	111: "Low.dev. smaller than requested DRBD-dev. size.",
	112: "Meta device too small.",
	113: "You have to use the disk command first.",
	114: "Lower device is already claimed. This usually means it is mounted.",
	115: "Meta device is already claimed. This usually means it is mounted.",
	116: "Lower device / meta device / index combination invalid.",
	117: "Currently we only support devices up to 3.998TB.\n(up to 2TB in case you do not have CONFIG_LBD set)\nContact office@linbit.com, if you need more.",
	118: "IO error(s) occurred during initial access to meta-data.\n",
	119: "No valid meta-data signature found.\n\n\t==> Use 'drbdadm create-md res' to initialize meta-data area. <==\n",
	120: "The 'cram-hmac-alg' you specified is not known in the kernel. (Maybe you need to modprobe it, or modprobe hmac?)",
	121: "The 'cram-hmac-alg' you specified is not a digest.",
	122: "kmalloc() failed. Out of memory?",
	123: "--discard-my-data not allowed when primary.",
	124: "Device is attached to a disk (use detach first)",
	125: "Device has a net-config (use disconnect first)",
	126: "UnknownMandatoryTag",
	127: "Device minor not allocated",
	128: "Resulting device state would be invalid",
	129: "Interrupted by Signal",
	130: "Resize not allowed during resync.",
	131: "Need one Primary node to resize.",
	132: "The resync-after minor number is invalid",
	133: "This would cause a resync-after dependency cycle",
	134: "Sync-pause flag is already set",
	135: "Sync-pause flag is already cleared",
	136: "Disk state is lower than outdated",
	137: "Kernel does not know how to handle your request.\nMaybe API_VERSION mismatch?",
	138: "Device does not have a disk-config",
	139: "Protocol C required",
	140: "vmalloc() failed. Out of memory?",
	141: "The 'data-integrity-alg' you specified is not known in the kernel. (Maybe you need to modprobe it, or modprobe hmac?)",
	142: "The 'data-integrity-alg' you specified is not a digest.",
	143: "Invalid cpu-mask.",
	144: "CSUMSAlgNotAvail",
	145: "CSUMSAlgNotDigest",
	146: "VERIFYAlgNotAvail",
	147: "VERIFYAlgNotDigest",
	148: "Can not change csums-alg while resync is in progress",
	149: "Can not change verify-alg while online verify runs",
	150: "Can only attach to the data we lost last (see kernel log).",
	151: "Need to be StandAlone",
	152: "Permission denied. CAP_SYS_ADMIN necessary",
	153: "Protocol version 93 required to use --assume-clean",
	154: "Fencing policy resource-and-stonith only with prot B or C allowed",
	155: "on-congestion policy pull-ahead only with prot A allowed",
	156: "Sync-pause flag is already cleared.\nNote: Resync pause caused by a local resync-after dependency.",
	157: "Sync-pause flag is already cleared.\nNote: Resync pause caused by the peer node.",
	158: "Unknown resource",
	159: "Resource still in use (delete all minors first)",
	160: "Minor still configured (down it first)",
	161: "Minor or volume exists already (delete it first)",
	162: "Invalid configuration request",
	163: "Prot version 100 required in order to change\nthese network options while connected",
	164: "Can not clear allow_two_primaries as long as\nthere a primaries on both sides",
	165: "Unclean meta-data found.\nYou need to 'drbdadm apply-al res'\n",
	166: "DRBD need to be connected for online MD layout change\n",
	167: "Resulting AL area too big\n",
	168: "Resulting AL are too small\n",
	169: "Resulting AL does not fit into available meta data space\n",
	170: "Implicit device shrinking not allowed. See kernel log.\n",
}

// ErrorText is the original's sentence for a configuration error; empty if there
// is no such error.
func ErrorText(code int) string { return errorTexts[code] }
