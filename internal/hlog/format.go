package hlog

import "github.com/sirupsen/logrus"

// recordField carries our record through a logrus entry.
const recordField = "hlog"

// formatter turns the record of an entry into the bytes of one destination.
type formatter func(b []byte, r *record) []byte

// Format implements logrus.Formatter. An entry without a record, or a nil
// result, writes nothing.
func (f formatter) Format(e *logrus.Entry) ([]byte, error) {
	r, ok := e.Data[recordField].(*record)
	if !ok {
		return nil, nil
	}
	return f(nil, r), nil
}

// lineStyle is the form of daemon lines in files and on standard error.
func lineStyle(c Config) formatter {
	if c.SyslogMsgFmt {
		return func(b []byte, r *record) []byte { return r.appendSyslogStyle(b, c.Host) }
	}
	return func(b []byte, r *record) []byte { return r.appendClassic(b) }
}

func logFileStyle(c Config) formatter {
	if c.JSON {
		return jsonStyle(c)
	}
	daemon := lineStyle(c)
	return func(b []byte, r *record) []byte {
		if r.tag != "" {
			return r.appendScriptLog(b)
		}
		return daemon(b, r)
	}
}

func debugFileStyle(c Config) formatter {
	if c.JSON {
		return jsonStyle(c)
	}
	daemon := lineStyle(c)
	return func(b []byte, r *record) []byte {
		if r.tag != "" {
			return r.appendScriptDebug(b)
		}
		return daemon(b, r)
	}
}

func stderrStyle(c Config) formatter {
	daemon := lineStyle(c)
	return func(b []byte, r *record) []byte {
		if r.tag != "" {
			return r.appendScriptStderr(b)
		}
		return daemon(b, r)
	}
}

func syslogStyle(c Config) formatter {
	return func(b []byte, r *record) []byte { return r.appendDatagram(b, c.Facility) }
}

func jsonStyle(c Config) formatter {
	return func(b []byte, r *record) []byte { return r.appendJSON(b, c.Host) }
}
