package getopt

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

var longs = []Long{
	{"verbose", None, 'v'}, {"version", None, 'V'}, {"overwrite", None, 0}, {"file", Required, 'f'},
	{"color", Optional, 'c'}, {"colour", Optional, 'c'}, {"size", Required, 0}, {"sizes", Required, 0},
}

const shorts = "nmp:vVf:c::"

// run renders what Next returned as util-linux getopt(1) prints it.
func run(args []string, short string, long ...Long) (out, complaints string) {
	var stderr bytes.Buffer
	p := New("prog", args, short, long...)
	p.Stderr = &stderr
	var b strings.Builder
	for o, ok := p.Next(); ok; o, ok = p.Next() {
		switch {
		case o.Err != nil:
			continue
		case o.Long != "":
			fmt.Fprintf(&b, " --%s", o.Long)
		default:
			fmt.Fprintf(&b, " -%c", o.Short)
		}
		kind, _ := p.shortKind(o.Short)
		if o.HasArg || kind == Optional {
			fmt.Fprintf(&b, " '%s'", o.Arg)
		}
	}
	b.WriteString(" --")
	for _, w := range p.Operands() {
		fmt.Fprintf(&b, " '%s'", w)
	}
	return b.String(), stderr.String()
}

var cases = []struct{ args, out, complaint string }{
	{"", " --", ""},
	{"a b", " -- 'a' 'b'", ""},
	{"node link -p x", " -p 'x' -- 'node' 'link'", ""},
	{"-nm", " -n -m --", ""},
	{"-npx -m", " -n -p 'x' -m --", ""},
	{"-p -m a", " -p '-m' -- 'a'", ""},
	{"-p -- a", " -p '--' -- 'a'", ""},
	{"-n -- -m a", " -n -- '-m' 'a'", ""},
	{"- -n", " -n -- '-'", ""},
	{"-z -n", " -n --", "prog: invalid option -- 'z'"},
	{"-zn", " -n --", "prog: invalid option -- 'z'"},
	{"-:", " --", "prog: invalid option -- ':'"},
	{"-n -p", " -n --", "prog: option requires an argument -- 'p'"},
	{"-c -cred", " -c '' -c 'red' --", ""},
	{"-c red", " -c '' -- 'red'", ""},
	{"--verbose", " --verbose --", ""},
	{"--verb", " --verbose --", ""},
	{"--over", " --overwrite --", ""},
	{"--ver", " --", "prog: option '--ver' is ambiguous; possibilities: '--verbose' '--version'"},
	{"--ver=1", " --", "prog: option '--ver=1' is ambiguous; possibilities: '--verbose' '--version'"},
	{"--size 3", " --size '3' --", ""},
	{"--siz 3", " -- '3'", "prog: option '--siz' is ambiguous; possibilities: '--size' '--sizes'"},
	{"--file x a", " --file 'x' -- 'a'", ""},
	{"--file=x a", " --file 'x' -- 'a'", ""},
	{"--fi= a", " --file '' -- 'a'", ""},
	{"--file", " --", "prog: option '--file' requires an argument"},
	{"--verbose=1", " --", "prog: option '--verbose' doesn't allow an argument"},
	{"--foo", " --", "prog: unrecognized option '--foo'"},
	{"--foo=1 a", " -- 'a'", "prog: unrecognized option '--foo=1'"},
	{"--color=red x", " --color 'red' -- 'x'", ""},
	{"--color red", " --color '' -- 'red'", ""},
	{"--col=red", " --color 'red' --", ""},
}

func TestGetoptLong(t *testing.T) {
	for _, c := range cases {
		out, complaints := run(strings.Fields(c.args), shorts, longs...)
		if out != c.out || strings.TrimSuffix(complaints, "\n") != c.complaint {
			t.Errorf("%q: got %q %q, want %q %q", c.args, out, complaints, c.out, c.complaint)
		}
	}
}

// TestAgainstGlibc runs the same lines through util-linux getopt(1), which is
// glibc's getopt_long.
func TestAgainstGlibc(t *testing.T) {
	path, err := exec.LookPath("getopt")
	if err != nil {
		t.Skip("no getopt(1) on this machine")
	}
	long := ""
	for _, l := range longs {
		long += l.Name + []string{"", ":", "::"}[l.Arg] + ","
	}
	for _, c := range cases {
		if strings.Contains(c.args, "--col=") {
			continue // getopt(1) cannot say that two names mean one thing
		}
		cmd := exec.Command(path, append([]string{"-n", "prog", "-o", shorts, "-l", long, "--"}, strings.Fields(c.args)...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		cmd.Env = []string{"LC_ALL=C"}
		out, _ := cmd.Output()
		if got := strings.TrimSuffix(string(out), "\n"); got != c.out {
			t.Errorf("%q: glibc prints %q, we expect %q", c.args, got, c.out)
		}
		if got := strings.TrimSuffix(stderr.String(), "\n"); got != c.complaint {
			t.Errorf("%q: glibc complains %q, we expect %q", c.args, got, c.complaint)
		}
	}
}

func TestOnlyShort(t *testing.T) {
	// getopt without long options reads --bogus as letters, as cl_status shows.
	_, complaints := run([]string{"--nm"}, "nm")
	if complaints != "prog: invalid option -- '-'\n" {
		t.Errorf("got %q", complaints)
	}
	if out, _ := run([]string{"-n", "a", "-m"}, "+nm"); out != " -n -- 'a' '-m'" {
		t.Errorf("+ did not stop at the operand: %q", out)
	}
	if _, complaints := run([]string{"-z"}, ":n"); complaints != "" {
		t.Errorf("a leading colon printed %q", complaints)
	}
}

func FuzzGetopt(f *testing.F) {
	f.Add("-nm --file=x a -- -b", shorts)
	f.Add("---- -p", "+:p:")
	f.Fuzz(func(t *testing.T, line, short string) {
		words := strings.Fields(line)
		p := New("prog", words, short, longs...)
		n := 0
		for _, ok := p.Next(); ok; _, ok = p.Next() {
			if n++; n > len(line) {
				t.Fatal("more options than letters")
			}
		}
		if len(p.Operands()) > len(words) {
			t.Fatal("operands out of nowhere")
		}
	})
}
