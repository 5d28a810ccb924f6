package clientapi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"classicha/heartbeatd/clientapi/apitest"
	"classicha/heartbeatd/message"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const waitTime = 10 * time.Second

// logBook records what a Server logs.
type logBook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logBook) log(level, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, level+": "+text)
}

func (l *logBook) has(part string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(strings.Join(l.lines, "\n"), part)
}

type world struct {
	t    testing.TB
	s    *Server
	b    *apitest.Backend
	log  *logBook
	path string
}

func everybody(names ...string) (rules []Rule) {
	for _, n := range names {
		rules = append(rules, Rule{Client: n, UIDs: []int{os.Geteuid()}})
	}
	return rules
}

func newWorld(t testing.TB, rules ...Rule) *world {
	t.Helper()
	w := &world{t: t, b: apitest.New("node1"), log: &logBook{}, path: filepath.Join(t.TempDir(), "register")}
	w.s = NewServer(Options{Path: w.path, Rules: rules, LogFacility: 128, Log: w.log.log}, w.b)
	if err := w.s.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.s.Close() })
	return w
}

// raw is a client that says what it wants.
type raw struct {
	t testing.TB
	*net.UnixConn
}

func (w *world) dial() *raw {
	w.t.Helper()
	uc, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: w.path, Net: "unix"})
	if err != nil {
		w.t.Fatal(err)
	}
	uc.SetDeadline(time.Now().Add(waitTime))
	w.t.Cleanup(func() { uc.Close() })
	return &raw{w.t, uc}
}

// body frames and sends a body.
func (r *raw) body(b string) {
	h := binary.LittleEndian.AppendUint32(nil, uint32(len(b)))
	h = binary.LittleEndian.AppendUint32(h, magic)
	if _, err := r.Write(append(h, b...)); err != nil {
		r.t.Fatalf("send %q: %v", b, err)
	}
}

func (r *raw) send(kv ...string) { r.body(string(message.New(kv...).AppendText(nil, nil, true))) }

// request sends a request in the name of id.
func (r *raw) request(id, kind string, kv ...string) {
	r.send(append([]string{"t", "hbapi-req", "reqtype", kind, "dest", "node1", "pid", fmt.Sprint(os.Getpid()), "from_id", id}, kv...)...)
}

// next returns the next body, newlines shown as " | ".
func (r *raw) next() string {
	r.t.Helper()
	b, err := r.nextBody()
	if err != nil {
		r.t.Fatalf("read: %v", err)
	}
	return show(b)
}

func show(b []byte) string {
	s := strings.TrimSuffix(strings.TrimPrefix(string(b), ">>>\n"), "\n<<<\n\x00")
	return strings.ReplaceAll(s, "\n", " | ")
}

func (r *raw) nextBody() ([]byte, error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(h[4:]) != magic {
		return nil, fmt.Errorf("magic %x", h[4:])
	}
	b := make([]byte, binary.LittleEndian.Uint32(h[:]))
	_, err := io.ReadFull(r, b)
	return b, err
}

// wantEOF wants the server to hang up.
func (r *raw) wantEOF(why string) {
	r.t.Helper()
	b, err := r.nextBody()
	if err == nil {
		r.t.Errorf("%s: got %s, want the connection closed", why, show(b))
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		r.t.Errorf("%s: the connection stays open", why)
	}
}

func me() string { return fmt.Sprint(os.Getpid()) }

// signon signs on and wants it to work.
func (w *world) signon(id string) *raw {
	w.t.Helper()
	r := w.dial()
	r.request(id, "signon", "uid", fmt.Sprint(os.Geteuid()), "gid", fmt.Sprint(os.Getegid()))
	const want = "t=hbapi-resp | reqtype=signon | result=OK | deadtime=bb8 | keepalive=3e8 | node=node1 | " +
		"hbversion=3.0.6 (node: 958e11be8686759f1b99204c17812f2c2633b169) | pacemaker=false | logfacility=128"
	if got := r.next(); got != want {
		w.t.Fatalf("signon of %s:\n got %s\nwant %s", id, got, want)
	}
	return r
}

func TestReadFrame(t *testing.T) {
	good := appendFrame(nil, message.New("t", "x"))
	if want := "\x0c\x00\x00\x00\xcd\xab\x00\x00>>>\nt=x\n<<<\n\x00"; string(good) != strings.Replace(want, "\x0c", "\x0d", 1) {
		t.Errorf("frame %q", good)
	}
	nested := &message.Message{Fields: []message.Field{{Kind: message.Nested, Name: "k", Child: message.New("a", "1")}}}
	stream := bytes.NewReader(append(bytes.Clone(good), appendFrame(nil, nested)...))
	for _, want := range []string{"t=x", "(2)k={a=1}"} {
		m, err := readFrame(stream)
		if err != nil || m.String() != want {
			t.Errorf("%v %v, want %s", m, err, want)
		}
	}
	if _, err := readFrame(stream); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	for name, frame := range map[string]string{
		"magic":     "\x01\x00\x00\x00\xcd\xab\x01\x00x",
		"huge":      "\xff\xff\xff\xff\xcd\xab\x00\x00x",
		"rubbish":   "\x05\x00\x00\x00\xcd\xab\x00\x00hello",
		"empty":     "\x00\x00\x00\x00\xcd\xab\x00\x00",
		"malformed": "\x0b\x00\x00\x00\xcd\xab\x00\x00>>>\nt\n<<<\n\x00",
	} {
		if _, err := readFrame(strings.NewReader(frame)); !errors.Is(err, errFrame) {
			t.Errorf("%s: %v, want errFrame", name, err)
		}
	}
	for n := 1; n < len(good); n++ {
		if _, err := readFrame(bytes.NewReader(good[:n])); err != io.ErrUnexpectedEOF {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}
