package digest

import (
	"encoding/hex"
	"strings"
	"testing"
)

// TestKnownAnswers: values published for the algorithms (RFC 1321, 2202, 4231,
// FIPS 180; crc32c "123456789" is e3069283, stored little endian).
func TestKnownAnswers(t *testing.T) {
	for alg, want := range map[string]string{
		"crc32c": "839206e3",
		"md5":    "25f9e794323b453885f5181f1b624d0b",
		"sha1":   "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
		"sha256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
	} {
		h, err := New(alg)
		if err != nil {
			t.Fatal(err)
		}
		h.Write([]byte("1234"))
		h.Write([]byte("56789"))
		if got := hex.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("%s: %s, want %s", alg, got, want)
		}
	}
	for alg, want := range map[string]string{
		"md5":    "750c783e6ab0b503eaa86e310a5db738",
		"sha1":   "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
		"sha256": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
	} {
		got, err := Response(alg, "Jefe", []byte("what do ya want for nothing?"))
		if err != nil || hex.EncodeToString(got) != want {
			t.Errorf("HMAC %s: %x %v, want %s", alg, got, err, want)
		}
		if err := CheckResponse(alg, "Jefe", []byte("what do ya want for nothing?"), got); err != nil {
			t.Error(err)
		}
	}
	if _, err := New("md4"); err == nil || !strings.Contains(err.Error(), `"md4"`) {
		t.Errorf("unknown: %v", err)
	}
}
