package config_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"net/netip"
	"pgregory.net/rapid"

	"classicha/heartbeatd/config"
)

// dropPos sets every config.Pos below v to zero: printing changes places only.
func dropPos(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			dropPos(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			dropPos(v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[config.Pos]() {
			v.SetZero()
			return
		}
		if v.Type() == reflect.TypeFor[netip.Addr]() {
			return
		}
		for i := range v.NumField() {
			dropPos(v.Field(i))
		}
	}
}

func diff(a, b any) string {
	dropPos(reflect.ValueOf(a))
	dropPos(reflect.ValueOf(b))
	return cmp.Diff(a, b, cmp.Comparer(func(x, y netip.Addr) bool { return x == y }))
}

type reporter interface{ Fatalf(string, ...any) }

// sameHA checks parse -> print -> parse for ha.cf.
func sameHA(t reporter, data []byte, env config.Env) {
	one, found := config.ParseHA(haFile, data, env)
	config.StartLog(found)
	two, _ := config.ParseHA(haFile, []byte(one.Format()), env)
	if d := diff(one, two); d != "" {
		t.Fatalf("printed and read again it differs:\n%q\nprinted:\n%s\n%s", data, one.Format(), d)
	}
}

func sameHaresources(t reporter, data []byte, env config.Env) {
	nodes := []string{"serv-a", "serv-b"}
	one, _ := config.ParseHaresources("/etc/ha.d/haresources", data, nodes, env)
	two, _ := config.ParseHaresources("/etc/ha.d/haresources", []byte(one.Format()), nodes, env)
	text := one.Format()
	if d := diff(one, two); d != "" {
		t.Fatalf("printed and read again it differs:\n%q\nprinted:\n%s\n%s", data, text, d)
	}
}

func sameExt(t reporter, data []byte) {
	one, _ := config.ParseExt("haext.cf", data)
	two, found := config.ParseExt("haext.cf", []byte(one.Format()))
	if d := diff(one, two); d != "" || len(found) > 0 {
		t.Fatalf("printed and read again it differs:\n%q\nprinted:\n%s\n%v\n%s", data, one.Format(), found, d)
	}
}

// TestPrintedHAReadsTheSame draws files of real directives, good and bad values,
// blanks, comments and slips.
func TestPrintedHAReadsTheSame(t *testing.T) {
	lines := strings.Split(strings.ReplaceAll(haLines, "|", "\n"), "\n")
	env := labEnv()
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		for range rapid.IntRange(0, 12).Draw(t, "lines") {
			line := rapid.SampledFrom(lines).Draw(t, "line")
			switch rapid.IntRange(0, 5).Draw(t, "slip") {
			case 0:
				line = "\t " + strings.ReplaceAll(line, " ", "  ") + "  # comment"
			case 1:
				line = strings.ToUpper(line)
			case 2:
				line += "\r"
			}
			b.WriteString(line + "\n")
		}
		sameHA(t, []byte(b.String()), env)
	})
}

func TestPrintedHaresourcesReadTheSame(t *testing.T) {
	words := []string{"serv-a", "SERV-B", "serv-c", "cyrus", "LabRsc::a::b", "::c", "Filesystem", "10.0.0.1/24/eth0", "IPv6addr::2001:db8::1/64",
		"2001:db8::9", "\\", "a\\", "#", "x#y", "\\\n", "\n", "\n", "\r\n", "\"q", "::", "X::"}
	env := articleEnv()
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 20).Draw(t, "words"), " ")
		if rapid.Bool().Draw(t, "tight") {
			text = strings.ReplaceAll(strings.ReplaceAll(text, " \n", "\n"), "\n ", "\n")
		}
		sameHaresources(t, []byte(text), env)
	})
}

func FuzzHACf(f *testing.F) {
	for _, l := range strings.Split(haLines, "\n") {
		f.Add([]byte(baseHA + strings.ReplaceAll(l, "|", "\n")))
	}
	f.Add([]byte("logfile local0\nwartime 6\n\xef\xbb\xbf"))
	env := labEnv()
	f.Fuzz(func(t *testing.T, data []byte) {
		sameHA(t, data, env)
		sameHA(t, data, config.Env{})
	})
}

func FuzzHaresources(f *testing.F) {
	for _, text := range haresCases {
		f.Add([]byte(text))
	}
	f.Add([]byte("serv-a drbdisk ::user\nFilesystem ::/dev/drbd0 ::/user ::ext3\nserv-b IPv6addr::2001:db8::1/64 Filesystem::[::1]:/x::/y \\\n cyrus"))
	env := articleEnv()
	f.Fuzz(func(t *testing.T, data []byte) {
		sameHaresources(t, data, env)
		sameHaresources(t, data, config.Env{})
	})
}

func FuzzAuthkeys(f *testing.F) {
	for _, text := range authTexts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, found := config.ParseAuthkeys("/etc/ha.d/authkeys", data, 0o600)
		if (keys == nil) != found.Refused() {
			t.Fatalf("keys %v, refused %v", keys, found.Refused())
		}
		if keys != nil {
			if _, ok := keys.ByNum[keys.Current]; !ok {
				t.Fatalf("the signing key %d does not exist", keys.Current)
			}
		}
	})
}

func FuzzExt(f *testing.F) {
	f.Add([]byte("logformat json\nstart_timeout 30s\nstop_timeout 1.5\nstonith_timeout 20ms\narp_repeat 0\nemergency log\n"))
	f.Add([]byte("arp_repeat 5m # x\nkeepalive 1\nlogformat\n"))
	f.Fuzz(func(t *testing.T, data []byte) { sameExt(t, data) })
}
