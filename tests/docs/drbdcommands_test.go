package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// columns are the words of a usage text that stand in lines of one or more columns.
func columns(text string, re string) (words []string) {
	for _, m := range regexp.MustCompile(re).FindAllStringSubmatch(text, -1) {
		words = append(words, strings.Fields(m[1])...)
	}
	return words
}

// compare wants two lists to have the same words.
func compare(t *testing.T, what string, program, documented []string) {
	t.Helper()
	for _, w := range program {
		if !slices.Contains(documented, w) {
			t.Errorf("%s: %s is not documented", what, w)
		}
	}
	for _, w := range documented {
		if !slices.Contains(program, w) {
			t.Errorf("%s: the page has %s, which the program does not know", what, w)
		}
	}
}

// word is what can be a command: no argument, no option.
var word = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

func onlyWords(words []string) []string {
	return slices.DeleteFunc(words, func(w string) bool { return !word.MatchString(w) })
}

// TestCommandsOfDrbdadm: those of its tables, also those that its help does not list.
func TestCommandsOfDrbdadm(t *testing.T) {
	known := onlyWords(literals(t, "tools/drbdadm/commands.go", behindName))
	known = append(known, onlyWords(columns(say(t, "drbdadm", "hidden-commands"), `(?m)^ ([a-z][a-z0-9-]+ +(?:[a-z][a-z0-9-]+)? *)$`))...)
	slices.Sort(known)
	known = slices.Compact(known)
	if len(known) < 70 {
		t.Fatalf("%d commands of drbdadm: %q", len(known), known)
	}
	p := page(t, "drbdadm.8")
	documented := onlyWords(tags(p, "COMMANDS", "COMMANDS FOR SCRIPTS", "COMMANDS FOR THE DAEMON"))
	for _, w := range []string{"wait_connect", "wait_con_int", "wait_sync", "invalidate_remote"} { // in running text
		if strings.Contains(p.text["COMMANDS FOR SCRIPTS"], w) {
			documented = append(documented, w)
		}
	}
	compare(t, "drbdadm.8", known, documented)
	var options []string
	for _, m := range regexp.MustCompile(`(?m)^  (--[a-z-]+)(?:=\.\.\.)?, (-\w)`).FindAllStringSubmatch(say(t, "drbdadm", "help"), -1) {
		options = append(options, m[1], m[2])
	}
	if len(options) < 20 {
		t.Fatalf("options of drbdadm: %q", options)
	}
	var inPage []string
	for _, w := range tags(p, "OPTIONS") {
		if strings.HasPrefix(w, "-") && w != "--style" {
			inPage = append(inPage, w)
		}
	}
	compare(t, "options of drbdadm.8", options, inPage)
}

func TestCommandsOfDrbdsetup(t *testing.T) {
	usage := say(t, "drbdsetup")
	_, list, _ := strings.Cut(usage, "Commands are:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	known := strings.Fields(list)
	old := literals(t, "tools/drbdsetup/oldtable.go", firstOf("same", "ask"))
	for _, n := range literals(t, "tools/drbdsetup/oldtable.go", behindName) {
		// Of the names in literals those that are commands, not options.
		if out := say(t, "drbdsetup", "help", n); !strings.Contains(out, "unknown command") {
			old = append(old, n)
		}
	}
	if len(known) < 35 || len(old) < 25 {
		t.Fatalf("%d commands, %d older ones", len(known), len(old))
	}
	for _, n := range old {
		if !slices.Contains(known, n) {
			known = append(known, n)
		}
	}
	compare(t, "drbdsetup.8", known, onlyWords(tags(page(t, "drbdsetup.8"), "COMMANDS FOR A RESOURCE", "COMMANDS FOR A DEVICE", "QUESTIONS", "OLDER FORM")))
}

func TestCommandsOfDrbdmeta(t *testing.T) {
	known := onlyWords(literals(t, "tools/drbdmeta/main.go", behindName))
	if len(known) < 12 {
		t.Fatalf("commands of drbdmeta: %q", known)
	}
	p := page(t, "drbdmeta.8")
	compare(t, "drbdmeta.8", known, onlyWords(tags(p, "COMMANDS")))
	var long []string
	for _, n := range literals(t, "tools/drbdmeta/options.go", behindName) {
		long = append(long, "--"+n)
	}
	inPage := slices.DeleteFunc(tags(p, "OPTIONS"), func(w string) bool { return !strings.HasPrefix(w, "--") })
	compare(t, "options of drbdmeta.8", long, inPage)
}

// TestOptionsOfDrbdd: the usage of the daemon and its page name the same.
func TestOptionsOfDrbdd(t *testing.T) {
	usage := say(t, "drbdd", "--help")
	for _, o := range []string{"-f FILE", "--WORD=VALUE", "--reexec"} {
		if !strings.Contains(usage, o) {
			t.Errorf("the usage does not have %s", o)
		}
	}
	compare(t, "drbdd.8", []string{"-f", "--WORD", "--reexec", "-V", "--version", "-h", "--help"},
		slices.DeleteFunc(tags(page(t, "drbdd.8"), "OPTIONS"), func(w string) bool { return !strings.HasPrefix(w, "-") }))
	if out := say(t, "drbdd", "--bogus"); !strings.Contains(out, "is not an option") {
		t.Errorf("--bogus: %q", out)
	}
	if out := say(t, "drbdd", "--front-end=no"); !strings.Contains(out, `"no" is not a front end`) {
		t.Errorf("--front-end=no: %q", out)
	}
}
