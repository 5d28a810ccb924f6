package drbdadm

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// FuzzCommandLine: no command line crashes us, and a dry run calls nothing but
// drbdsetup show.
func FuzzCommandLine(f *testing.F) {
	for _, s := range []string{"-d up r0", "-- --force primary all", "-d adjust minor-0", "-W--x role r0/0", "--dr x", "help attach", "-S -P x -n y sh-dev r0", "primary -- r0"} {
		f.Add(s)
	}
	b := newBench(f, onePair)
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, "c") && strings.Contains(line, "-") && strings.Contains(line, "/") {
			return // another configuration file
		}
		b.do("-d " + line)
		for _, r := range b.ran {
			if r != "drbdsetup-84 show r0" {
				t.Errorf("%q ran %q", line, r)
			}
		}
	})
}

// FuzzQuote: a shell reads a quoted word back as it was.
func FuzzQuote(f *testing.F) {
	f.Add("s3 cret'x")
	f.Add("a;b&c|d<e>f(g)h$i`j\"k*l?m[n]o#p~q")
	f.Add("é\x80\t")
	sh, err := exec.LookPath("sh")
	if err != nil {
		f.Skip(err)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if word == "" || strings.ContainsAny(word, "\x00\n") {
			return // no argument has a zero, and no value of drbd.conf a newline
		}
		out, err := exec.Command(sh, "-c", "printf %s "+quoteWord(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q as %s is read as %q, %v", word, quoteWord(word), out, err)
		}
	})
}

// FuzzCutLine: nothing that is typed gets lost or comes twice.
func FuzzCutLine(f *testing.F) {
	f.Add([]byte("yes\nno\r\x03"))
	f.Fuzz(func(t *testing.T, typed []byte) {
		var all []byte
		rest := typed
		for {
			line, more, ok := cutLine(rest)
			if !ok {
				break
			}
			if len(line) == 0 {
				t.Fatal("an empty line")
			}
			all, rest = append(all, line...), more
		}
		if !bytes.Equal(append(all, rest...), typed) {
			t.Errorf("%q became %q and %q", typed, all, rest)
		}
	})
}
