// Package recorded holds DRBD traffic recorded between two in-kernel nodes (Linux
// 6.1, DRBD 8.4.11, protocol 101, features 0xf), for tests only: parsers are
// compared with it, and a node of ours can be made to play one side.
//
// For each of 45 scenarios there are the byte streams
// SCENARIO[.cN].{a2b,b2a}.{data,meta}.bin of each connection (cN from the second
// on), SCENARIO.timeline.txt, which decodes every packet in the order of arrival,
// and SCENARIO.kernel.txt, the messages of both kernels. Node a is
// 198.51.100.11, node b 198.51.100.12. Streams above 300 KiB were cut at a packet.
package recorded

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed streams.tar.gz
var archive []byte

// Files returns all files by name. They are shared: do not change them.
var Files = sync.OnceValue(func() map[string][]byte {
	files, err := unpack(archive)
	if err != nil {
		panic("recorded: the archive in this package is damaged: " + err.Error())
	}
	return files
})

func unpack(b []byte) (map[string][]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			return nil, err
		}
	}
}

// Scenarios lists the scenarios in order.
func Scenarios() (names []string) {
	for f := range Files() {
		if s, ok := strings.CutSuffix(f, ".timeline.txt"); ok {
			names = append(names, s)
		}
	}
	slices.Sort(names)
	return names
}

// KernelLog returns the messages of both kernels.
func KernelLog(scenario string) string { return string(Files()[scenario+".kernel.txt"]) }

// Line is one packet of a timeline.
type Line struct {
	Seconds float64 // since the first attempt to connect; 0 if not known
	Conn    int     // 1, 2, ...
	Dir     string  // "a2b" or "b2a"
	Sock    string  // "data" or "meta"
	Offset  int     // of the packet in its stream
	Text    string  // from the offset on: "@8 h80 P_CONNECTION_FEATURES vol=- len=72 min=86 ..."
}

// Stream is the name of the file that has the packet.
func (l Line) Stream(scenario string) string {
	conn := ""
	if l.Conn > 1 {
		conn = fmt.Sprintf(".c%d", l.Conn)
	}
	return fmt.Sprintf("%s%s.%s.%s.bin", scenario, conn, l.Dir, l.Sock)
}

// Timeline returns the packets of a scenario in the order of their arrival.
func Timeline(scenario string) ([]Line, error) {
	text, ok := Files()[scenario+".timeline.txt"]
	if !ok {
		return nil, fmt.Errorf("no scenario %q", scenario)
	}
	var all []Line
	for s := range strings.Lines(string(text)) {
		if strings.HasPrefix(s, "#") {
			continue
		}
		where, what, ok := strings.Cut(s, "@")
		f := strings.Fields(where)
		if !ok || len(f) < 3 {
			return nil, fmt.Errorf("%s: line %q", scenario, s)
		}
		l := Line{Text: "@" + strings.TrimSpace(what)}
		if len(f) == 4 {
			l.Seconds, _ = strconv.ParseFloat(f[0], 64)
			f = f[1:]
		}
		offset, _, _ := strings.Cut(what, " ")
		var err1, err2 error
		l.Conn, err1 = strconv.Atoi(strings.TrimPrefix(f[0], "c"))
		l.Offset, err2 = strconv.Atoi(offset)
		if l.Dir, l.Sock = f[1], f[2]; err1 != nil || err2 != nil {
			return nil, fmt.Errorf("%s: line %q", scenario, s)
		}
		all = append(all, l)
	}
	return all, nil
}
