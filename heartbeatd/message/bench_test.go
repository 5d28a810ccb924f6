package message

import "testing"

// A keepalive as the daemon sends it. It must cost little: with keepalive 50 ms
// and several media both directions run through here some hundred times a second.
func benchStatus() *Message {
	m := New("t", "status", "st", "active", "dt", "bb8", "protocol", "1", "src", "node1")
	m.SetBin("srcuuid", make([]byte, 16))
	for _, f := range [][2]string{{"seq", "f"}, {"hg", "6b00e5b2"}, {"ts", "6b00e5b7"}, {"ld", "0.65 0.39 0.25 1/203 49"}, {"ttl", "3"}} {
		m.Add(f[0], f[1])
	}
	return m
}

func BenchmarkAppend(b *testing.B) {
	for _, method := range []Method{CRC, MD5, SHA1} {
		keys := &Keys{Current: 1, ByNum: map[int]Key{1: {method, []byte("labsecret")}}}
		m := benchStatus()
		var buf []byte
		b.Run("text/"+method.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buf = m.AppendText(buf[:0], keys, true)
			}
		})
		b.Run("netstring/"+method.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buf = m.AppendNetstring(buf[:0], keys, true)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, method := range []Method{CRC, MD5, SHA1} {
		keys := &Keys{Current: 1, ByNum: map[int]Key{1: {method, []byte("labsecret")}}}
		text := benchStatus().AppendText(nil, keys, true)
		netstring := benchStatus().AppendNetstring(nil, keys, true)
		for name, frame := range map[string][]byte{"text/": text, "netstring/": netstring} {
			b.Run(name+method.String(), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, _, err := Parse(frame, keys); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
