package wire

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"

	"classicha/drbdd/wire/digest"
	"classicha/drbdd/wire/recorded"
)

// digestOf is the digest of b by the kernel's name.
func digestOf(t *testing.T, alg string, b []byte) []byte {
	t.Helper()
	h, err := digest.New(alg)
	if err != nil {
		t.Fatal(err)
	}
	h.Write(b)
	return h.Sum(nil)
}

// TestDigestSizes: both packages know the same algorithms.
func TestDigestSizes(t *testing.T) {
	for alg, size := range digests {
		if n := len(digestOf(t, alg, nil)); n != size {
			t.Errorf("%s has %d bytes, want %d", alg, n, size)
		}
	}
	if n, ok := DigestSize(""); n != 0 || !ok {
		t.Error("no algorithm has no digest")
	}
	if _, ok := DigestSize("rot13"); ok {
		t.Error("rot13 is known")
	}
	// Section 17.1: crc32c is stored little endian.
	if got := digestOf(t, "crc32c", make([]byte, 4096)); !bytes.Equal(got, []byte{0x89, 0x41, 0xf9, 0x98}) {
		t.Errorf("crc32c of zeros: % x", got)
	}
}

// TestRecordedAuth: the kernels' responses are the HMACs of the other's challenge.
func TestRecordedAuth(t *testing.T) {
	files := recorded.Files()
	const long = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"
	for _, c := range []struct{ scenario, alg, a, b string }{
		{"handshake_sha1", "sha1", "FooFunFactory", "FooFunFactory"},
		{"handshake_sha256", "sha256", long, long},
		{"auth_wrong_secret", "sha1", "right", "wrong"},
	} {
		challenge, response := map[string][]byte{}, map[string][]byte{}
		for _, dir := range []string{"a2b", "b2a"} {
			for _, p := range split(t, DataSocket, files[c.scenario+"."+dir+".data.bin"]) {
				switch p.Cmd {
				case CmdAuthChallenge:
					challenge[dir] = p.Payload
				case CmdAuthResponse:
					response[dir] = p.Payload
				}
			}
		}
		for _, x := range []struct{ own, theirs, secret string }{{"a2b", "b2a", c.a}, {"b2a", "a2b", c.b}} {
			got, err := digest.Response(c.alg, x.secret, challenge[x.theirs])
			if err != nil || !bytes.Equal(got, response[x.own]) {
				t.Errorf("%s %s: response %x, the kernel sent %x (%v)", c.scenario, x.own, got, response[x.own], err)
			}
		}
		if err := digest.CheckChallenge(challenge["a2b"], challenge["b2a"]); err != nil {
			t.Errorf("%s: %v", c.scenario, err)
		}
		// a checks what b answered to a's challenge.
		err := digest.CheckResponse(c.alg, c.a, challenge["a2b"], response["b2a"])
		if (c.a == c.b) != (err == nil) || err != nil && !errors.Is(err, digest.ErrWrongResponse) {
			t.Errorf("%s: check says %v", c.scenario, err)
		}
	}
}

// TestAuthRefusals: section 5.
func TestAuthRefusals(t *testing.T) {
	own := bytes.Repeat([]byte{1}, 64)
	for _, c := range []struct {
		peer []byte
		want error
	}{
		{own, digest.ErrSameChallenge},
		{own[:63], digest.ErrChallengeSize},
		{make([]byte, 129), digest.ErrChallengeSize},
		{make([]byte, 64), nil},
		{make([]byte, 128), nil},
	} {
		if err := digest.CheckChallenge(own, c.peer); !errors.Is(err, c.want) {
			t.Errorf("%d bytes: %v, want %v", len(c.peer), err, c.want)
		}
	}
	if err := digest.CheckResponse("sha1", "s", own, make([]byte, 19)); !errors.Is(err, digest.ErrResponseSize) {
		t.Error(err)
	}
	if err := digest.CheckResponse("sha1", "s", own, make([]byte, 20)); !errors.Is(err, digest.ErrWrongResponse) {
		t.Error(err)
	}
	for _, alg := range []string{"crc32c", "", "nonsense"} {
		if _, err := digest.Response(alg, "s", own); !errors.Is(err, digest.ErrUnknownAlg) {
			t.Errorf("%q for HMAC: %v", alg, err)
		}
	}
}

// TestRecordedDigests: the digests on data packets are those of their payload; the
// digests of a verify are those of the blocks, where these are known.
func TestRecordedDigests(t *testing.T) {
	data, same := 0, 0
	for name, b := range recorded.Files() {
		if !strings.HasSuffix(name, ".data.bin") {
			continue
		}
		alg, verify := "", ""
		for _, p := range split(t, DataSocket, b) {
			switch body := p.Body.(type) {
			case Protocol:
				alg = body.Integrity
			case SyncParam:
				if verify = body.VerifyAlg; body.CsumsAlg != "" {
					verify = body.CsumsAlg
				}
			case Data:
				if alg == "" {
					continue
				}
				if data++; !bytes.Equal(digestOf(t, alg, p.Payload), p.Digest) {
					t.Errorf("%s: %s of %s", name, alg, p.String())
				}
			case BlockReq:
				if len(p.Digest) == 0 {
					continue
				}
				if len(p.Digest) != digests[verify] {
					t.Errorf("%s: %d bytes of %s", name, len(p.Digest), verify)
				}
				if bytes.Equal(digestOf(t, verify, make([]byte, body.Size)), p.Digest) {
					same++ // most blocks of these devices are zero
				}
			}
		}
	}
	if data < 6 || same < 200 {
		t.Errorf("%d digests of data, %d of zero blocks", data, same)
	}
}

// TestRecordedAcks: what section 18 says of acknowledgements and barriers holds for
// our reading of the streams: each write gets the ack that its flags ask for, with
// its sector and block id, and each barrier its count.
func TestRecordedAcks(t *testing.T) {
	files := recorded.Files()
	meta := regexp.MustCompile(`^(.*)\.(a2b|b2a)\.meta\.bin$`)
	acks, barriers := 0, 0
	for name, b := range files {
		m := meta.FindStringSubmatch(name)
		if m == nil || strings.HasPrefix(m[1], "two_primaries") {
			continue
		}
		other := map[string]string{"a2b": "b2a", "b2a": "a2b"}[m[2]]
		type key struct {
			cmd    Command
			sector uint64
			id     uint64
		}
		writes := map[key]int{}
		var epochs []BarrierAck
		count := uint32(0)
		for _, p := range split(t, DataSocket, files[m[1]+"."+other+".data.bin"]) {
			var w Data
			switch body := p.Body.(type) {
			case Data:
				w = body
			case Trim:
				w = body.Data
			case Barrier:
				epochs, count = append(epochs, BarrierAck{body.Number, count}), 0
				continue
			default:
				continue
			}
			if p.Cmd == CmdDataReply || p.Cmd == CmdRSDataReply {
				continue
			}
			count++
			if ack, ok := p.d.AckFor(w.Flags, 0); ok {
				writes[key{ack, w.Sector, w.BlockID}]++
			}
		}
		for _, p := range split(t, MetaSocket, b) {
			switch body := p.Body.(type) {
			case BlockAck:
				k := key{p.Cmd, body.Sector, body.BlockID}
				if p.Cmd != CmdWriteAck && p.Cmd != CmdRecvAck {
					continue
				}
				if writes[k]--; writes[k] < 0 {
					t.Errorf("%s: %s acknowledges no write", name, p.String())
				}
				acks++
			case BarrierAck:
				if len(epochs) == 0 || epochs[0] != body {
					t.Errorf("%s: %s, expected %v", name, p.String(), epochs)
					continue
				}
				epochs = epochs[1:]
				barriers++
			}
		}
	}
	if acks < 40 || barriers < 50 {
		t.Errorf("only %d acks and %d barriers", acks, barriers)
	}
}
