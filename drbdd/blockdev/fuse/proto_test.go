package fuse

import (
	"testing"
	"unsafe"

	"classicha/drbdd/blockdev"
)

func isAligned(b []byte) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))%blockdev.PageSize == 0
}

func TestAnswerInit(t *testing.T) {
	in := make([]byte, 64)
	ne.PutUint32(in, 7)
	ne.PutUint32(in[4:], 45)
	ne.PutUint32(in[12:], 0xffffffff)
	ne.PutUint32(in[16:], 0xffffffff)
	out, flags, err := answerInit(in, 1<<20)
	if err != nil || flags != wantFlags || len(out) != 64 {
		t.Fatalf("a kernel that has everything: %#x, %d bytes, %v", flags, len(out), err)
	}
	if bg, pages := ne.Uint16(out[16:]), ne.Uint16(out[28:]); bg != 256 || pages != 256 {
		t.Errorf("max_background %d, max_pages %d, want 256 and 256", bg, pages)
	}
	ne.PutUint32(in[16:], 0) // Linux 6.8
	if _, flags, _ := answerInit(in, 1<<20); flags&initResend != 0 || flags&initAsyncDIO == 0 {
		t.Errorf("a kernel without resend: %#x", flags)
	}
	ne.PutUint32(in[4:], 23)
	if _, _, err := answerInit(in, 1<<20); err == nil {
		t.Error("FUSE 7.23 was accepted")
	}
	if _, _, err := answerInit(in[:8], 1<<20); err == nil {
		t.Error("a short INIT was accepted")
	}
}

func TestParseMounts(t *testing.T) {
	const text = `24 30 0:22 / /sys rw,relatime - sysfs sysfs rw
61 30 7:3 / /srv/with\040blank rw,relatime shared:1 - ext4 /dev/drbd0 rw
62 30 0:55 /sub /data rw - btrfs /dev/drbd0 rw
63 30 7:30 / /other rw - ext4 /dev/loop30 rw
broken line
`
	h := parseMounts(text, "7:3", func(s string) bool { return s == "/dev/drbd0" })
	if len(h) != 2 || h[0].String() != "ext4 mounted on /srv/with blank" || h[1].String() != "btrfs mounted on /data" {
		t.Errorf("got %v", h)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(make([]byte, 80), 80)
	f.Add([]byte{40, 0, 0, 0}, 4)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		if h, err := parseHeader(b, n); err == nil && int(h.length) != n {
			t.Errorf("%d bytes taken for %d", n, h.length)
		}
		answerInit(b, 1<<20)
	})
}
