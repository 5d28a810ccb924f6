package config

// Places of Heartbeat (DESIGN.md section 4).
const (
	HADir      = "/etc/ha.d"
	StateDir   = "/var/lib/heartbeat"
	RunDir     = "/run/heartbeat" // also reachable as /var/run/heartbeat
	PIDFile    = "/run/heartbeat.pid"
	ShareDir   = "/usr/share/heartbeat"
	BinDir     = "/usr/libexec/heartbeat" // HA_BIN: helpers of the original
	StonithCmd = "/usr/sbin/stonith"

	RegisterSocket = RunDir + "/register" // client API of the original
	ControlSocket  = RunDir + "/ctl"      // ours

	HACfName        = "ha.cf"
	HaresourcesName = "haresources"
	AuthkeysName    = "authkeys"
	ExtName         = "haext.cf"
	NodeinfoName    = "nodeinfo"
	ResourceDirName = "resource.d"
	RCDirName       = "rc.d"
)

// DefaultUDPPort is used when neither ha.cf nor the services file names one.
const DefaultUDPPort = 694

// FileIn names a configuration file the way the original's messages do: its
// directory ends in a slash, so that there are two (/etc/ha.d//ha.cf).
func FileIn(dir, name string) string {
	return dir + "//" + name
}
