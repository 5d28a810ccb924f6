package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// Held is what a run leaves to the next when the daemon executes itself again
// with its resources running (SIGHUP with a changed ha.cf, or a restart after a
// partition). The original passes the class on the command line (-C); the keys
// of the groups do not fit there.
type Held struct {
	PID    int      `json:"pid"`  // exec keeps the number: another one means an old file
	Boot   string   `json:"boot"` // the kernel's boot id
	Class  string   `json:"held"` // none, local, foreign, all
	Took   string   `json:"took"` // those of them that were taken over from a dead node
	Groups []string `json:"groups"`
}

// SaveHeld writes the file; pid and boot are filled in.
func SaveHeld(path string, h Held) error {
	h.PID, h.Boot = os.Getpid(), bootID()
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return writeDurably(path, append(b, '\n'), 0o600)
}

// TakeHeld reads the file and removes it, so that it is used once. ok is false
// when there is none or when it does not belong to this process: then this is a
// normal start. An error means that an own file was there and could not be read.
func TakeHeld(path string) (h Held, ok bool, err error) {
	b, err := readSmall(path, 1<<20)
	if errors.Is(err, os.ErrNotExist) {
		return Held{}, false, nil
	}
	os.Remove(path)
	if err != nil {
		return Held{}, false, err
	}
	if err := json.Unmarshal(b, &h); err != nil {
		return Held{}, false, fmt.Errorf("%s: %w", path, err)
	}
	if h.PID != os.Getpid() || h.Boot != bootID() {
		return Held{}, false, nil
	}
	return h, true, nil
}

func bootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return string(b)
}
