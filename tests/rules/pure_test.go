package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// pure lists the packages that decide (DESIGN: the pure core in a thin shell). A
// package that is not there yet is skipped; tests of these packages may do what they like.
var pure = []string{
	"heartbeatd/cluster", "heartbeatd/message", "heartbeatd/config", "heartbeatd/outdate",
	"drbdd/replica", "drbdd/replica/state", "drbdd/replica/gi", "drbdd/replica/rate", "drbdd/replica/size", "drbdd/peer/meet", "drbdd/wire", "drbdd/wire/digest", "drbdd/metadata", "drbdd/config",
	"internal/sim",
}

// allowed is every import a pure package may have, besides pure packages of ours.
var allowed = map[string]bool{}

func init() {
	for _, p := range []string{
		"bufio", "bytes", "cmp", "compress/bzip2", "compress/zlib", "container/heap", "crypto/hmac", "crypto/md5",
		"crypto/sha1", "crypto/sha256", "crypto/sha512", "crypto/subtle", "encoding/base64", "encoding/binary", "encoding/hex",
		"errors", "fmt", "hash", "hash/crc32", "io", "io/fs", "iter", "maps", "math", "math/bits", "net/netip", "path",
		"regexp", "slices", "sort", "strconv", "strings", "text/tabwriter", "time", "unicode", "unicode/utf8",
	} {
		allowed[p] = true
	}
}

// clock is what of package time a pure package may not call.
var clock = map[string]bool{
	"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true,
	"NewTimer": true, "NewTicker": true, "Tick": true,
}

func TestPurePackages(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := 0
	for _, dir := range pure {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			seen++
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range violations(t, name, src) {
				t.Error(v)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d files looked at: are the paths right?", seen)
	}
}

// violations walks the syntax tree of one file.
func violations(t *testing.T, name string, src []byte) (v []string) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	report := func(n ast.Node, what string) {
		v = append(v, fset.Position(n.Pos()).String()+": a pure package must not "+what)
	}
	for _, im := range f.Imports {
		p, _ := strconv.Unquote(im.Path.Value)
		ours := false
		for _, d := range pure {
			ours = ours || p == "classicha/"+d
		}
		if !allowed[p] && !ours {
			report(im, "import "+p)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			report(n, "start a goroutine")
		case *ast.ChanType:
			report(n, "use a channel")
		case *ast.SendStmt:
			report(n, "send on a channel")
		case *ast.SelectStmt:
			report(n, "select")
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && x.Obj == nil && clock[n.Sel.Name] {
				report(n, "call time."+n.Sel.Name)
			}
		}
		return true
	})
	return v
}

// TestViolationsAreSeen: the rule must be able to fail.
func TestViolationsAreSeen(t *testing.T) {
	bad := `package x
import ("os"; "time")
func f() { go f(); c := make(chan int); c <- 1; _ = time.Now(); os.Exit(1); select {} }`
	if v := violations(t, "bad.go", []byte(bad)); len(v) != 6 {
		t.Errorf("got %d violations, want 6: %q", len(v), v)
	}
}
