//go:build linux

package main

import (
	"fmt"
	"strings"
)

// change is one line of a file that the demo replaces.
type change struct{ file, old, new string }

// shorter makes the demo fit into a minute; it changes nothing but times.
var shorter = []change{
	{"ha.cf", "keepalive 2", "keepalive 500ms"},
	{"ha.cf", "deadtime 10", "deadtime 2"},
	{"ha.cf", "wartime 6", "wartime 1"},
	{"ha.cf", "initdead 60", "initdead 12"},
}

// forReal is what the real Heartbeat needs besides: it refuses the article's
// slips, which our heartbeatd understands.
var forReal = []change{
	{"ha.cf", "logfile local0", "logfacility local0"},
	{"ha.cf", "wartime 1", "warntime 1"},
	{"haresources", "IPAddr2 ::", "IPaddr2::"},
}

// files are the files f of both machines after the changes.
func files(f map[string]string, changes []change) (map[string]string, error) {
	for _, c := range changes {
		if !strings.Contains(f[c.file], c.old) {
			return nil, fmt.Errorf("%s has no %q to change", c.file, c.old)
		}
		f[c.file] = strings.Replace(f[c.file], c.old, c.new, 1)
	}
	return f, nil
}

// apacheConf is the web server's configuration on both machines.
const apacheConf = `ServerRoot /etc/apache2
ServerName localhost
PidFile ${APACHE_PID_FILE}
Listen 80
User ${APACHE_RUN_USER}
Group ${APACHE_RUN_GROUP}
ErrorLog ${APACHE_LOG_DIR}/error.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
StartServers 1
DocumentRoot /var/www/html
DirectoryIndex index.html
`

const apacheEnv = `export APACHE_RUN_USER=www-data APACHE_RUN_GROUP=www-data
export APACHE_PID_FILE=/var/run/apache2/apache2.pid APACHE_RUN_DIR=/var/run/apache2
export APACHE_LOCK_DIR=/var/lock/apache2 APACHE_LOG_DIR=/var/log/apache2 LANG=C
`
