package tools

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"classicha/internal/hlog"

	"golang.org/x/sys/unix"
)

// scriptLog writes a line as the shell functions of the original do
// (heartbeat-behaviour 1.1): on a terminal it is just printed; else it goes to
// the places that the daemon's environment names, and without those to
// standard error with a date.
func scriptLog(name, text string, stderr io.Writer) {
	if _, err := unix.IoctlGetTermios(0, unix.TCGETS); err == nil {
		if tag := os.Getenv("HA_LOGTAG"); tag != "" {
			text = tag + ": " + text
		}
		fmt.Fprintln(stderr, text)
		return
	}
	facility, known := hlog.ParseFacility(os.Getenv("HA_LOGFACILITY"))
	if !known {
		facility = hlog.NoFacility
	}
	logFile, debugFile := os.Getenv("HA_LOGFILE"), os.Getenv("HA_DEBUGLOG")
	if facility == hlog.NoFacility && logFile == "" {
		fmt.Fprintf(stderr, "%s %s\n", scriptDate(time.Now(), os.Getenv("HA_DATEFMT")), text)
	}
	instance := envOr("OCF_RESOURCE_INSTANCE", "default")
	tag := envOr("HA_LOGTAG", hlog.ScriptTag(name, instance, os.Getpid()))
	log := hlog.New(hlog.Options{Entity: name}, hlog.Config{
		LogFile: logFile, DebugFile: debugFile, Facility: facility, Owner: "hacluster",
	})
	log.Script(tag, text)
	log.Close()
}

// scriptDate is the date by the format of HA_DATEFMT, as far as the daemon and
// the shell functions use it.
func scriptDate(now time.Time, format string) string {
	if format == "" {
		format = "%b %d %T "
	}
	r := strings.NewReplacer("%Y", now.Format("2006"), "%m", now.Format("01"), "%d", now.Format("02"),
		"%b", now.Format("Jan"), "%T", now.Format("15:04:05"), "%H", now.Format("15"), "%M", now.Format("04"), "%S", now.Format("05"))
	return strings.Join(strings.Fields(r.Replace(format)), " ")
}
