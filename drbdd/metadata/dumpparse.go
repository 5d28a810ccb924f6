package metadata

import (
	"bufio"
	"fmt"
	"io"
)

// Dump is what the text of dump-md says, apart from the bitmap.
type Dump struct {
	UUIDs            UUIDs
	Flags            Flags
	LaSizeSect       uint64
	BytesPerBit      uint32
	DeviceUUID       uint64
	LaPeerMaxBioSize uint32
	ALExtents        uint32 // 0 = not told; dumps of today have it in a comment only
	Ring             Ring
	Words            uint64 // 64-bit words of bitmap that the text has
}

type dumpParser struct {
	lex dumpLexer
	tok token
	err error
}

// advance returns the current token and reads the next.
func (p *dumpParser) advance() token {
	t := p.tok
	if p.err == nil {
		p.tok, p.err = p.lex.next()
	}
	return t
}

func (p *dumpParser) fail(want string) {
	if p.err == nil {
		p.err = unexpected(p.tok, want)
	}
}

// take consumes a keyword or character, which must come next.
func (p *dumpParser) take(s, want string) {
	if p.err != nil {
		return
	}
	if !p.tok.is(s) {
		p.fail(want)
		return
	}
	p.advance()
}

func (p *dumpParser) keyword(s string) { p.take(s, "keyword '"+s+"'") }
func (p *dumpParser) end()             { p.take(";", "semicolon (;)") }
func (p *dumpParser) open()            { p.take("{", "opening brace ({)") }
func (p *dumpParser) close()           { p.take("}", "closing brace (})") }

func (p *dumpParser) value(kind tokenKind, want string) uint64 {
	if p.err == nil && p.tok.kind != kind {
		p.fail(want)
	}
	if p.err != nil {
		return 0
	}
	v := p.advance().num
	p.end()
	return v
}

func (p *dumpParser) hex64() uint64 { return p.value(tokHex64, "16-digit hex number") }

// number reads "name 123;" with a limit.
func (p *dumpParser) number(name string, limit uint64) uint64 {
	p.keyword(name)
	line := p.tok.line
	v := p.value(tokNumber, "number ([0-9], up to 20 digits)")
	if p.err == nil && v > limit {
		p.err = &DumpError{Line: line, Text: fmt.Sprintf("Parse error in line %d: '%s' must be between 0 and %d", line, name, limit)}
	}
	return v
}

func (p *dumpParser) optional(name string, limit, without uint64) uint64 {
	if p.err == nil && p.tok.is(name) {
		return p.number(name, limit)
	}
	return without
}

// ParseDump reads the text of dump-md. Each run of equal bitmap words is given to
// words (count may be huge in a hostile text: it is the caller who knows the size
// of the area); an error of words ends it. The order of the lines is that of
// drbdmeta, which accepts no other; lines that older versions did not print may
// be missing. Errors are *DumpError, or those of r and words.
func ParseDump(r io.Reader, words func(count, word uint64) error) (Dump, error) {
	const u32 = 1<<32 - 1
	var d Dump
	p := dumpParser{lex: dumpLexer{r: bufio.NewReader(r), line: 1}}
	p.advance()
	p.keyword("version")
	if p.err == nil && p.tok.kind != tokString {
		p.fail("string")
	}
	if v := p.advance(); p.err == nil && v.text != "v08" {
		return d, &DumpError{Line: v.line, Text: fmt.Sprintf("dump is '%s' you requested 'v08'.", v.text)}
	}
	p.end()
	p.keyword("uuid")
	p.open()
	d.UUIDs = UUIDs{p.hex64(), p.hex64(), p.hex64(), p.hex64()}
	p.keyword("flags")
	d.Flags = Flags(p.value(tokHex32, "8-digit hex number"))
	p.close()
	d.ALExtents = uint32(p.optional("al-extents", u32, 0))
	d.LaSizeSect = p.number("la-size-sect", 1<<64-1)
	d.BytesPerBit = uint32(p.number("bm-byte-per-bit", u32))
	p.keyword("device-uuid")
	d.DeviceUUID = p.hex64()
	d.LaPeerMaxBioSize = uint32(p.optional("la-peer-max-bio-size", u32, 0))
	d.Ring.Stripes = uint32(p.optional("al-stripes", u32, uint64(DefaultRing.Stripes)))
	d.Ring.Stripe4k = uint32(p.optional("al-stripe-size-4k", u32, uint64(DefaultRing.Stripe4k)))
	p.keyword("bm")
	p.open()
	for p.err == nil && !p.tok.is("}") {
		count := uint64(1)
		if p.tok.kind == tokNumber {
			count = p.advance().num
			p.keyword("times")
		} else if p.tok.kind != tokHex64 {
			p.fail("repeat count, 16-digit hex number, or closing brace (})")
			break
		}
		word := p.hex64()
		if p.err == nil && count > 1<<60-d.Words {
			p.err = &DumpError{Line: p.tok.line, Text: "Bitmap info too large, truncated!"}
		}
		if p.err == nil {
			d.Words += count
			p.err = words(count, word)
		}
	}
	p.close()
	if p.err == nil && p.tok.kind != tokEOF {
		p.fail("end of file")
	}
	return d, p.err
}

// Superblock returns the super block for the dump on a device with layout l, which
// must have been made with d.Ring. As drbdmeta does it counts the log as empty;
// unlike it the flag for that is set, so that the result is clean. truncated tells
// that the last agreed size had to be limited to what the device holds.
func (d *Dump) Superblock(l Layout) (s Superblock, truncated bool) {
	s = l.Create(CreateOptions{PeerMaxBioSize: d.LaPeerMaxBioSize, DeviceUUID: d.DeviceUUID})
	s.UUIDs, s.Flags, s.LaSizeSect = d.UUIDs, d.Flags|ALClean, d.LaSizeSect
	if d.ALExtents != 0 {
		s.ALExtents = d.ALExtents
	}
	if n := l.UsableSectors(MaxSectors); s.LaSizeSect > n {
		s.LaSizeSect, truncated = n, true
	}
	return s, truncated
}
