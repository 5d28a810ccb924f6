package daemon

import (
	"os"
	"path/filepath"
	"time"

	"classicha/heartbeatd/config"
	"classicha/heartbeatd/config/sysenv"
)

// loaded is a configuration with the times at which its files had been changed.
type loaded struct {
	*config.Config
	stamps map[string]time.Time
}

// load reads all files of a directory. Stamps are taken before, so that a change in the
// meantime counts as one later.
func load(dir string) (loaded, config.Findings) {
	l := loaded{stamps: stamps(dir)}
	var found config.Findings
	l.Config, found = config.Load(sysenv.Files(dir), sysenv.Env(dir))
	return l, found
}

func stamps(dir string) map[string]time.Time {
	out := map[string]time.Time{}
	for _, name := range []string{config.HACfName, config.HaresourcesName, config.AuthkeysName, config.ExtName} {
		if st, err := os.Stat(filepath.Join(dir, name)); err == nil {
			out[name] = st.ModTime()
		}
	}
	return out
}

// changed names the files that are not as they were.
func changed(was, is map[string]time.Time) map[string]bool {
	out := map[string]bool{}
	for _, name := range []string{config.HACfName, config.HaresourcesName, config.AuthkeysName, config.ExtName} {
		if !was[name].Equal(is[name]) {
			out[name] = true
		}
	}
	return out
}
