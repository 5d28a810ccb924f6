// Package seed has the files of the article as they are printed there, slips and all.
package seed

import _ "embed"

// The files of /etc/ha.d, and drbd.conf.
var (
	//go:embed ha.cf
	HaCf string
	//go:embed authkeys
	Authkeys string
	//go:embed haresources
	Haresources string
	// HaresourcesApache is that of section 3.5.
	//go:embed haresources.apache
	HaresourcesApache string
	//go:embed drbd.conf
	DrbdConf string
)
