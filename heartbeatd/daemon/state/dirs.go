package state

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// IDs are a user and a group that directories are given to.
type IDs struct{ UID, GID int }

// ClusterIDs are hacluster and haclient, each root's (0) where the machine
// does not know it. Our programs run without the two as well.
func ClusterIDs() IDs {
	var ids IDs
	if u, err := user.Lookup("hacluster"); err == nil {
		ids.UID, _ = strconv.Atoi(u.Uid)
	}
	if g, err := user.LookupGroup("haclient"); err == nil {
		ids.GID, _ = strconv.Atoi(g.Gid)
	}
	return ids
}

// MakeDirs makes the directories of a node where they are missing: lib
// (/var/lib/heartbeat, 0755 root) with lib/cores, and run (/run/heartbeat, 0750
// hacluster:haclient, which keeps others away from the sockets in it). Existing
// ones are left as the package or the administrator made them.
func MakeDirs(lib, run string, ids IDs) error {
	if err := makeDir(lib, 0o755, IDs{}); err != nil {
		return err
	}
	if err := makeDir(filepath.Join(lib, "cores"), 0o755, IDs{}); err != nil {
		return err
	}
	return makeDir(run, 0o750, ids)
}

// MakeRunDir makes a directory for a socket below run, with its owner and mode.
func MakeRunDir(path string, ids IDs) error { return makeDir(path, 0o750, ids) }

// ResetRsctmp empties and makes again the directory where resource agents keep
// what must not survive a start (heartbeat-config 1): /run/heartbeat/rsctmp,
// root's, sticky, readable. Symbolic links in it are removed, not followed.
func ResetRsctmp(path string) error {
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("empty %s: %w", path, err)
	}
	return makeDir(path, 0o755|os.ModeSticky, IDs{})
}

// makeDir sets mode and owner explicitly: the umask may take bits.
func makeDir(path string, mode os.FileMode, ids IDs) error {
	if st, err := os.Stat(path); err == nil {
		if !st.IsDir() {
			return fmt.Errorf("%s is not a directory", path)
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		if errors.Is(err, os.ErrExist) {
			return nil // somebody else made it just now
		}
		return err
	}
	if os.Getuid() == 0 {
		if err := os.Chown(path, ids.UID, ids.GID); err != nil && !errors.Is(err, syscall.EPERM) {
			return err
		}
	}
	return os.Chmod(path, mode)
}
