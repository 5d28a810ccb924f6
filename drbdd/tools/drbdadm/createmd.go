package drbdadm

import (
	"fmt"
	"strconv"
	"strings"
)

// createMD makes metadata and gives them an identifier of the device: the one
// that they had, if they had one. The original counts devices for the usage
// statistics that way; nothing is sent anywhere by us.
func (t *tool) createMD(x target) (int, error) {
	if t.dry || !hasMetadata(x.vol) {
		return t.onDisk(x, "create-md", t.opts...)
	}
	uuid := t.readUUID(x)
	code, err := t.onDisk(x, "create-md", t.opts...)
	if code != 0 || err != nil {
		return code, err
	}
	for uuid == 0 {
		uuid = t.env.Random()
	}
	_, err = t.call(t.metaCall(x.vol, "write-dev-uuid", fmt.Sprintf("%016X", uuid)), long)
	return 0, err
}

// readUUID is the identifier that is there now, 0 if there is none.
func (t *tool) readUUID(x target) uint64 {
	text, _ := t.output(t.metaCall(x.vol, "read-dev-uuid"), long, true)
	n, err := strconv.ParseUint(strings.TrimSpace(text), 16, 64)
	if err != nil {
		return 0
	}
	return n
}
