package metadata

import "strings"

// Flags are the bits of the super block's flags word (section 2). Bits that are
// not named here are kept.
type Flags uint32

// The flags and their bits.
const (
	Consistent     Flags = 1 << iota // disk > Inconsistent
	PrimaryInd                       // own role Primary, or the peer uses us as its only disk
	ConnectedInd                     // conn > WFReportParams
	FullSync                         // a "set all bits" was begun and not finished
	WasUpToDate                      // disk > Outdated
	PeerOutdated                     // Inconsistent <= peer disk <= Outdated
	CrashedPrimary                   // was a crashed Primary and has not synced with its peer since
	ALClean                          // activity log applied or empty
	ALDisabled                       // writes are not logged: a crash means a full sync
)

var flagNames = [...]string{
	"CONSISTENT", "PRIMARY_IND", "CONNECTED_IND", "FULL_SYNC", "WAS_UP_TO_DATE",
	"PEER_OUT_DATED", "CRASHED_PRIMARY", "AL_CLEAN", "AL_DISABLED",
}

// Has tells whether all bits of x are set.
func (f Flags) Has(x Flags) bool { return f&x == x }

// String lists the names joined by "|"; unknown bits come last in hex.
func (f Flags) String() string {
	var parts []string
	for i, n := range flagNames {
		if f&(1<<i) != 0 {
			parts = append(parts, n)
		}
	}
	if rest := f &^ (1<<len(flagNames) - 1); rest != 0 {
		parts = append(parts, hex32(uint32(rest)))
	}
	if parts == nil {
		return "0"
	}
	return strings.Join(parts, "|")
}

// DState is the disk state that the flags promise while the device is down, as
// drbdmeta's dstate prints it. A disk is UpToDate only if the peer is known to be
// worse; otherwise the peer has to be asked and it is Consistent.
func (f Flags) DState() string {
	switch {
	case !f.Has(Consistent):
		return "Inconsistent"
	case !f.Has(WasUpToDate):
		return "Outdated"
	case !f.Has(PeerOutdated):
		return "Consistent"
	}
	return "UpToDate"
}

// Words is the line of drbdmeta's show-gi after "flags: ", such as
// "Primary, Connected, UpToDate".
func (f Flags) Words() string {
	var b strings.Builder
	if f.Has(CrashedPrimary) {
		b.WriteString("crashed ")
	}
	b.WriteString(pick(f.Has(PrimaryInd), "Primary", "Secondary"))
	b.WriteString(pick(f.Has(ConnectedInd), ", Connected", ", StandAlone"))
	switch {
	case !f.Has(Consistent):
		b.WriteString(", Inconsistent")
	case f.Has(WasUpToDate):
		b.WriteString(", UpToDate")
	default:
		b.WriteString(", Outdated")
	}
	if f.Has(FullSync) {
		b.WriteString(", need full sync")
	}
	if f.Has(PeerOutdated) {
		b.WriteString(", peer Outdated")
	}
	return b.String()
}

func pick(c bool, yes, no string) string {
	if c {
		return yes
	}
	return no
}
