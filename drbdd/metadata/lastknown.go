package metadata

import (
	"fmt"
	"strconv"
	"strings"
)

// LastKnown is the file /var/lib/drbd/drbd-minor-N.lkbd: what the tools remember of
// a backing device with internal metadata, to find the metadata again after the
// device was resized while it was not in use (section 3).
type LastKnown struct {
	Bytes      int64
	Device     string
	DeviceUUID uint64 // 0 = not told
}

// String is the text of the file.
func (l LastKnown) String() string {
	s := fmt.Sprintf("%d\t%s\n", l.Bytes, l.Device)
	if l.DeviceUUID != 0 {
		s += fmt.Sprintf("uuid:\t%016x\n", l.DeviceUUID)
	}
	return s
}

// ParseLastKnown reads the text of the file.
func ParseLastKnown(text string) (LastKnown, error) {
	var l LastKnown
	lines := strings.Split(text, "\n")
	size, device, ok := strings.Cut(lines[0], "\t")
	n, err := strconv.ParseInt(size, 10, 64)
	if !ok || err != nil || n < 0 || device == "" {
		return l, fmt.Errorf("first line %.80q is not \"BYTES<tab>DEVICE\"", lines[0])
	}
	l.Bytes, l.Device = n, device
	for _, line := range lines[1:] {
		if x, ok := strings.CutPrefix(line, "uuid:\t"); ok {
			if l.DeviceUUID, err = strconv.ParseUint(x, 16, 64); err != nil {
				return l, fmt.Errorf("%.80q is not a device UUID", line)
			}
		}
	}
	return l, nil
}
