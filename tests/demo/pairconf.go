//go:build linux

package main

import (
	"strings"

	"classicha/tests/demo/seed"
	"classicha/tests/lab/records"
)

const (
	vip2     = "130.66.201.4"
	mount1   = "/run/user0"
	mount2   = "/run/site"
	diskSize = 192 << 20
)

// forPair are the changes to the article's four files: other times, what this machine has
// instead of cyrus and mysql, and the slips that heartbeatd does not guess at.
var forPair = []change{
	{"ha.cf", "keepalive 2", "keepalive 500ms"},
	{"ha.cf", "deadtime 10", "deadtime 2"},
	{"ha.cf", "wartime 6", "wartime 1"},
	{"ha.cf", "initdead 60", "initdead 6"},
	{"haresources", "drbdisk ::user", "drbddisk ::user"},
	{"haresources", "::/user ", "::" + mount1 + " "},
	{"haresources", "cyrus mysql-debian", "redis-server"},
	// Later than the article: a resync makes way for the application (c-min-rate), down to 250 KiB/s.
	{"drbd.conf", "rate 700000K;", "rate 700000K; c-min-rate 0;"},
}

// pairFiles are /etc/ha.d/{ha.cf,haresources,authkeys} and /etc/drbd.conf.
func pairFiles() (map[string]string, error) {
	return files(map[string]string{
		"ha.cf": seed.HaCf, "authkeys": seed.Authkeys, "haresources": seed.Haresources, "drbd.conf": seed.DrbdConf,
	}, forPair)
}

// secondGroup is the line that makes both machines serve.
const secondGroup = "serv-b drbddisk::site Filesystem::/dev/drbd1::" + mount2 + "::ext3 IPaddr2::" + vip2 + "/24/eth0:1 apache2\n"

// secondResource is that of the second group, after the manner of the first.
var secondResource = strings.NewReplacer("resource user", "resource site", "/dev/drbd0", "/dev/drbd1", "/dev/sda1", "/dev/sdb1", ":7788", ":7789").Replace(seed.DrbdConf)

// sitePage is on the second disk; the web server fills in which machine it runs on.
const sitePage = `the page on the mirrored disk, by the web server of <!--#echo var="WHO" -->`

// mailProgram stands in for a mail server: it puts the mail into the mailbox.
const mailProgram = `#!/bin/sh
# mail -s SUBJECT ADDRESS
{ echo "From $(uname -n) $(date)"; echo "Subject: $2"; echo "To: $3"; echo; cat; echo; } >>/var/log/mailbox-$3
`

// machineFiles are the further files of machine i.
func machineFiles(i int) map[string]string {
	name := [2]string{"serv-a", "serv-b"}[i]
	return map[string]string{
		"/usr/local/bin/mail":   mailProgram,
		"/etc/redis/redis.conf": records.Conf(mount1+"/redis", name),
		"/etc/apache2/apache2.conf": strings.Replace(apacheConf, "/var/www/html", mount2+"/html", 1) +
			"LoadModule include_module /usr/lib/apache2/modules/mod_include.so\nLoadModule env_module /usr/lib/apache2/modules/mod_env.so\n" +
			"<Directory " + mount2 + "/html>\nOptions +Includes\nSetOutputFilter INCLUDES\nSetEnv WHO " + name + "\nRequire all granted\n</Directory>\n",
		"/etc/apache2/envvars": apacheEnv,
	}
}
