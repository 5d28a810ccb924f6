package tools

import (
	"os"
	"os/exec"
	"path/filepath"
)

// scriptDir is where the originals of the shell commands live.
const scriptDir = "/usr/share/heartbeat/"

// scriptName is what $0 would be in the original's shell script: the path by
// which it was called. Its messages begin with it.
func scriptName(name string) string {
	arg0 := os.Args[0]
	if filepath.Base(arg0) != name {
		return scriptDir + name // called as a function, or as "heartbeatd NAME"
	}
	if filepath.Base(arg0) == arg0 {
		if path, err := exec.LookPath(arg0); err == nil {
			return path
		}
	}
	return arg0
}
