package message

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
)

// Method is a way of signing (heartbeat-wire 6).
type Method uint8

// Methods of authkeys.
const (
	CRC Method = iota
	MD5
	SHA1
)

func (m Method) String() string {
	switch m {
	case CRC:
		return "crc"
	case MD5:
		return "md5"
	case SHA1:
		return "sha1"
	}
	return "unknown"
}

// ParseMethod reads the method's word of authkeys, in lower case.
func ParseMethod(s string) (Method, error) {
	switch s {
	case "crc":
		return CRC, nil
	case "md5":
		return MD5, nil
	case "sha1":
		return SHA1, nil
	}
	return 0, fmt.Errorf("unknown authentication method %q: use crc, md5 or sha1", s)
}

// Key is one line of authkeys. CRC needs no secret.
type Key struct {
	Method Method
	Secret []byte
}

// MaxKeyNum is the highest number of a key.
const MaxKeyNum = 15

// Keys is the content of authkeys: the key that signs and all that verify.
type Keys struct {
	Current int // number of the signing key
	ByNum   map[int]Key
}

// appendDigest appends the printed digest of data.
func (k Key) appendDigest(dst, data []byte) []byte {
	var h hash.Hash
	switch k.Method {
	case MD5:
		h = hmac.New(md5.New, k.Secret)
	case SHA1:
		h = hmac.New(sha1.New, k.Secret)
	default:
		// Lower-case hex without leading zeros, as the original prints it.
		return strconv.AppendUint(dst, uint64(crcBytes(data)), 16)
	}
	h.Write(data)
	var sum [sha1.Size]byte
	return hex.AppendEncode(dst, h.Sum(sum[:0]))
}

// appendSignature appends "NUM DIGEST" of data by the current key.
func (ks *Keys) appendSignature(dst, data []byte) []byte {
	dst = strconv.AppendInt(dst, int64(ks.Current), 10)
	dst = append(dst, ' ')
	return ks.ByNum[ks.Current].appendDigest(dst, data)
}

// splitSignature reads "NUM DIGEST".
func splitSignature(b []byte) (num int, digest []byte, ok bool) {
	i := 0
	for i < len(b) && i < 5 && b[i] >= '0' && b[i] <= '9' {
		num = num*10 + int(b[i]-'0')
		i++
	}
	if i == 0 || i+1 >= len(b) || b[i] != ' ' {
		return 0, nil, false
	}
	return num, b[i+1:], true
}

// verdict of one signature.
type verdict struct {
	num      int
	fallback bool   // good only with the current key's secret
	want     []byte // the digest that was expected
	reason   Reason // 0: good
}

// verify checks a signature value over data. With orCurrent a digest made with
// the current key's secret is good under any known number: that is how 3.0.6
// verifies (and so signs nothing else than) netstring trailers, heartbeat-wire 6.
func (ks *Keys) verify(sig, data []byte, orCurrent bool) verdict {
	num, digest, ok := splitSignature(sig)
	if !ok {
		return verdict{reason: NoAuth}
	}
	key, ok := ks.ByNum[num]
	if !ok {
		return verdict{num: num, reason: UnknownKey}
	}
	v := verdict{num: num, want: key.appendDigest(nil, data)}
	if subtle.ConstantTimeCompare(v.want, digest) == 1 {
		return v
	}
	if cur, known := ks.ByNum[ks.Current]; orCurrent && known && num != ks.Current {
		key.Secret = cur.Secret
		if subtle.ConstantTimeCompare(key.appendDigest(nil, data), digest) == 1 {
			v.fallback = true
			return v
		}
	}
	v.reason = BadAuth
	return v
}

// InnerAuth checks the auth field of a message, whatever form it came in: it
// signs the text form of all other fields (heartbeat-wire 6). For netstring
// frames the result is information only, the trailer decides.
func (m *Message) InnerAuth(keys *Keys) (present, valid bool) {
	i := m.find("auth", String)
	if i < 0 {
		return false, false
	}
	v := keys.verify(m.Fields[i].Value, m.appendTextBody(nil, true, 0), false)
	return true, v.reason == 0
}
