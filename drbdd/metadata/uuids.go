package metadata

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// JustCreated is the current UUID of metadata that never met a peer.
const JustCreated uint64 = 4

// UUIDs is the set of generation identifiers of one disk (drbd-wire 11). Bit 0 of
// the current one tells that the node was Primary; comparisons ignore it.
type UUIDs struct {
	Current  uint64
	Bitmap   uint64 // what the bitmap is relative to; 0 = nothing
	History0 uint64 // younger
	History1 uint64 // older
}

// SetCurrent makes x the current UUID, with bit 0 telling the role.
func (u *UUIDs) SetCurrent(x uint64, primary bool) {
	u.Current = x &^ 1
	if primary {
		u.Current |= 1
	}
}

// NewCurrent begins a new generation x: what was current becomes the base of the
// bitmap. It reports whether a bitmap UUID was lost, which the original warns of
// ("bm UUID was already set").
func (u *UUIDs) NewCurrent(x uint64, primary bool) (lost bool) {
	lost = u.Bitmap != 0
	u.Bitmap = u.Current
	u.SetCurrent(x, primary)
	return lost
}

// SetBitmap replaces the bitmap UUID; a former one goes to the history.
func (u *UUIDs) SetBitmap(x uint64) {
	u.rotate()
	u.Bitmap = x
}

// ClearBitmap moves the bitmap UUID, if there is one, to the history.
func (u *UUIDs) ClearBitmap() {
	u.rotate()
	u.Bitmap = 0
}

func (u *UUIDs) rotate() {
	if u.Bitmap != 0 {
		u.History1, u.History0 = u.History0, u.Bitmap
	}
}

// giFlags are the flags that get-gi shows, in its order.
var giFlags = [...]Flags{Consistent, WasUpToDate, PrimaryInd, ConnectedInd, FullSync, PeerOutdated, CrashedPrimary}

// GI is the line of drbdmeta's get-gi: four UUIDs and seven flags.
func (s *Superblock) GI() string { return FormatGI(s.UUIDs, s.Flags) }

// FormatGI is the get-gi line of a set of UUIDs and flags.
func FormatGI(u UUIDs, f Flags) string {
	b := fmt.Appendf(nil, "%016X:%016X:%016X:%016X", u.Current, u.Bitmap, u.History0, u.History1)
	for _, g := range giFlags {
		b = append(b, ':', '0')
		if f.Has(g) {
			b[len(b)-1] = '1'
		}
	}
	return string(b)
}

// SetGI changes UUIDs and flags as drbdmeta's set-gi does: fields in the order of
// get-gi, separated by colons; an empty or missing field leaves the value, fields
// after the last are ignored. On an error s is unchanged.
func (s *Superblock) SetGI(text string) error {
	u, f := s.UUIDs, s.Flags
	slots := [...]*uint64{&u.Current, &u.Bitmap, &u.History0, &u.History1}
	for i, field := range strings.Split(text, ":") {
		switch {
		case field == "":
		case i < len(slots):
			x, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimPrefix(field, "0x"), "0X"), 16, 64)
			if errors.Is(err, strconv.ErrRange) {
				return fmt.Errorf("'%s': Numerical result out of range", field)
			}
			if err != nil {
				return fmt.Errorf("'%s' is not a number.", field)
			}
			*slots[i] = x
		case i < len(slots)+len(giFlags):
			g := giFlags[i-len(slots)]
			x, err := strconv.ParseUint(field, 10, 64)
			if err != nil {
				return fmt.Errorf("'%s' is not a number.", field)
			}
			switch x {
			case 0:
				f &^= g
			case 1:
				f |= g
			default:
				return fmt.Errorf("'%s' is not 0 or 1.", field)
			}
		}
	}
	s.UUIDs, s.Flags = u, f
	return nil
}

const legendTop = `
       +--<  Current data generation UUID  >-
       |               +--<  Bitmap's base data generation UUID  >-
       |               |                 +--<  younger history UUID  >-
       |               |                 |         +-<  older history  >-
       V               V                 V         V
`

const legendBottom = `
                                                                    ^ ^ ^ ^ ^ ^ ^
                                      -<  Data consistency flag  >--+ | | | | | |
                             -<  Data was/is currently up-to-date  >--+ | | | | |
                                  -<  Node was/is currently primary  >--+ | | | |
                                  -<  Node was/is currently connected  >--+ | | |
         -<  Node was in the progress of setting all bits in the bitmap  >--+ | |
                        -<  The peer's disk was out-dated or inconsistent  >--+ |
      -<  This node was a crashed primary, and has not seen its peer since   >--+

`

// Legend is get-gi's line with the explanation of each field around it, as both
// drbdmeta and drbdsetup show-gi print it.
func Legend(u UUIDs, f Flags) string { return legendTop + FormatGI(u, f) + legendBottom }

// ShowGI is the whole output of drbdmeta's show-gi.
func (s *Superblock) ShowGI() string {
	var b strings.Builder
	b.WriteString(Legend(s.UUIDs, s.Flags))
	fmt.Fprintf(&b, "flags: %s\nmeta-data: %s\n", s.Flags.Words(), pick(s.NeedApplyAL(), "need apply-al", "clean"))
	if s.LaSizeSect == 0 {
		b.WriteString("zero size device -- never seen peer yet?\n")
		return b.String()
	}
	fmt.Fprintf(&b, "last agreed size: %s (%d sectors)\nlast agreed max bio size: %d Byte\n",
		HumanKiB(s.LaSizeSect/2), s.LaSizeSect, s.LaPeerMaxBioSize)
	return b.String()
}

// HumanKiB prints an amount given in KiB as the original does: four digits at
// most, rounded, with the unit: "8192 KB", "16 MB".
func HumanKiB(kib uint64) string {
	units := "KMGTPE"
	i := 0
	for ; kib >= 10000 && i < len(units)-1; i++ {
		kib = kib>>10 + kib>>9&1
	}
	return fmt.Sprintf("%d %cB", kib, units[i])
}
