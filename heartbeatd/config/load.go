package config

import (
	"io/fs"

	"classicha/heartbeatd/message"
)

// File is one configuration file as it was found. Err is why it could not be
// read; a haext.cf with Err is absent.
type File struct {
	Name string // with directory
	Data []byte
	Mode fs.FileMode
	Err  error
}

// Files are the files of one directory.
type Files struct {
	HA, Authkeys, Haresources, Ext File
}

// Config is everything that the files say. Parts that could not be read are nil.
type Config struct {
	HA        *HA
	Keys      *message.Keys
	Resources *Haresources
	Ext       *Ext
}

// Load parses all files. The findings of all of them are returned; whether the
// daemon may start, and what it logs, is StartLog's answer.
func Load(files Files, env Env) (*Config, Findings) {
	c := &Config{Ext: DefaultExt()}
	var all, fs Findings
	if files.HA.Err != nil {
		all = append(all, MissingHA(files.HA.Name, files.HA.Err)...)
	} else {
		c.HA, fs = ParseHA(files.HA.Name, files.HA.Data, env)
		all = append(all, fs...)
	}
	if files.Authkeys.Err != nil {
		all = append(all, MissingAuthkeys(files.Authkeys.Name, files.Authkeys.Err)...)
	} else {
		c.Keys, fs = ParseAuthkeys(files.Authkeys.Name, files.Authkeys.Data, files.Authkeys.Mode)
		all = append(all, fs...)
	}
	if files.Ext.Err == nil {
		c.Ext, fs = ParseExt(files.Ext.Name, files.Ext.Data)
		all = append(all, fs...)
	}
	if files.Haresources.Err != nil {
		all = append(all, MissingHaresources(files.Haresources.Name, files.Haresources.Err)...)
	} else if c.HA != nil {
		c.Resources, fs = ParseHaresources(files.Haresources.Name, files.Haresources.Data, c.HA.Nodes, env)
		all = append(all, fs...)
	}
	return c, all
}
