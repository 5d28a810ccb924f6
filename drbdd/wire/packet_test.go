package wire

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

var full = Dialect{Version: 101, Features: AllFeatures}

// samples has a packet of every kind, and what it prints.
var samples = []struct {
	d    Dialect
	p    Packet
	text string
}{
	{full, Packet{Cmd: CmdData, Volume: 2, Body: Data{8, 0x11, 3, DPRWSync | DPSendWriteAck}, Payload: make([]byte, 512)},
		"P_DATA vol=2 sector=8 block_id=0x0000000000000011 seq=3 flags=0x102(RW_SYNC|SEND_WRITE_ACK) data=512"},
	{Dialect{Version: 101, Digest: 4}, Packet{Cmd: CmdData, Body: Data{}, Digest: []byte{1, 2, 3, 4}, Payload: make([]byte, 1<<20)},
		"P_DATA vol=0 sector=0 block_id=0x0000000000000000 seq=0 flags=0x0() digest=01020304 data=1048576"},
	{Dialect{Version: 99}, Packet{Cmd: CmdDataReply, Body: Data{Sector: 1}, Payload: make([]byte, 128<<10)},
		"P_DATA_REPLY vol=0 sector=1 block_id=0x0000000000000000 seq=0 flags=0x0() data=131072"},
	{Dialect{Version: 86}, Packet{Cmd: CmdRSDataReply, Body: Data{BlockID: IDSyncer}, Payload: make([]byte, 32<<10)},
		"P_RS_DATA_REPLY vol=0 sector=0 block_id=0xffffffffffffffff seq=0 flags=0x0() data=32768"},
	{full, Packet{Cmd: CmdBarrier, Body: Barrier{0x03000000, 0}}, "P_BARRIER vol=0 barrier=0x03000000 pad=0"},
	{full, Packet{Cmd: CmdBitmap, Payload: make([]byte, 4080)}, "P_BITMAP vol=0 4080 bytes"},
	{full, Packet{Cmd: CmdBitmap}, "P_BITMAP vol=0 0 bytes"},
	{full, Packet{Cmd: CmdUnplugRemote}, "P_UNPLUG_REMOTE vol=0"},
	{full, Packet{Cmd: CmdDataRequest, Body: BlockReq{16, 5, 4096, 0}}, "P_DATA_REQUEST vol=0 sector=16 block_id=0x0000000000000005 blksize=4096"},
	{full, Packet{Cmd: CmdRSDataRequest, Body: BlockReq{16, 5, 4096, 9}}, "P_RS_DATA_REQUEST vol=0 sector=16 block_id=0x0000000000000005 blksize=4096"},
	{Dialect{Version: 87}, Packet{Cmd: CmdSyncParam, Body: SyncParam{Rate: 250, form: 4}}, "P_SYNC_PARAM vol=0 rate=250"},
	{Dialect{Version: 88}, Packet{Cmd: CmdSyncParam, Body: SyncParam{Rate: 250, VerifyAlg: "md5", form: 5}}, "P_SYNC_PARAM vol=0 rate=250 verify='md5'"},
	{Dialect{Version: 94}, Packet{Cmd: CmdSyncParam89, Body: SyncParam{Rate: 250, VerifyAlg: "md5", CsumsAlg: "sha1", form: 132}},
		"P_SYNC_PARAM89 vol=0 rate=250 verify='md5' csums='sha1'"},
	{Dialect{Version: 95}, Packet{Cmd: CmdSyncParam89, Body: SyncParam{250, "", "", 20, 10, 100, 102400, 148}},
		"P_SYNC_PARAM89 vol=0 rate=250 verify='' csums='' plan_ahead=20 delay_target=10 fill_target=100 max_rate=102400"},
	{full, Packet{Cmd: CmdProtocol, Body: Protocol{3, 5, 8, 0, DiscardMyData, 1, "sha1", false}},
		"P_PROTOCOL vol=0 protocol=3 after_sb_0p=5 after_sb_1p=8 after_sb_2p=0 conn_flags=1 two_primaries=1 integrity_alg='sha1'"},
	{Dialect{Version: 86}, Packet{Cmd: CmdProtocol, Body: Protocol{Protocol: 1, NoIntegrity: true}},
		"P_PROTOCOL vol=0 protocol=1 after_sb_0p=0 after_sb_1p=0 after_sb_2p=0 conn_flags=0 two_primaries=0 integrity_alg=''"},
	{full, Packet{Cmd: CmdProtocolUpdate, Body: Protocol{Protocol: 2}},
		"P_PROTOCOL_UPDATE vol=0 protocol=2 after_sb_0p=0 after_sb_1p=0 after_sb_2p=0 conn_flags=0 two_primaries=0 integrity_alg=''"},
	{full, Packet{Cmd: CmdUUIDs, Body: UUIDs{1, 2, 3, 4, 12, 10}},
		"P_UUIDS vol=0 current=0000000000000001 bitmap=0000000000000002 history=0000000000000003,0000000000000004 dirty_bits=12 flags=0xa"},
	{Dialect{Version: 101}, Packet{Cmd: CmdSizes, Body: Sizes{1, 2, 3, 4096, 0, DDSNoResync, false, QueueLimits{}}},
		"P_SIZES vol=0 d_size=1 u_size=2 c_size=3 max_bio=4096 queue_order=0 dds_flags=2"},
	{full, Packet{Cmd: CmdSizes, Body: Sizes{DSize: 1, HasLimits: true, Limits: QueueLimits{512, 512, 0, 512, 0, 1, 0, 0, 0}}},
		"P_SIZES vol=0 d_size=1 u_size=0 c_size=0 max_bio=0 queue_order=0 dds_flags=0 phys_bs=512 log_bs=512 align=0 io_min=512 io_opt=0 discard=1 discard_zeroes=0 write_same=0 pad=0"},
	{full, Packet{Cmd: CmdState, Body: StateInfo{0x0010d081}},
		"P_STATE vol=0 0x0010d081 role=Primary peer=Unknown conn=WFConnection disk=UpToDate pdsk=DUnknown user_isp=1"},
	{full, Packet{Cmd: CmdSyncUUID, Body: SyncUUID{0xabc}}, "P_SYNC_UUID vol=0 0000000000000abc"},
	{full, Packet{Cmd: CmdAuthChallenge, Payload: make([]byte, 64)}, "P_AUTH_CHALLENGE vol=0 64 bytes"},
	{full, Packet{Cmd: CmdAuthResponse, Payload: make([]byte, 20)}, "P_AUTH_RESPONSE vol=0 20 bytes"},
	{full, Packet{Cmd: CmdStateChgReq, Body: StateReq{RoleMask | SuspUser, State(0).WithRole(Primary)}},
		"P_STATE_CHG_REQ vol=0 mask=0x00020003 val=0x00000001 role=Primary susp=0"},
	{full, Packet{Cmd: CmdPing}, "P_PING vol=0"},
	{Dialect{Version: 86}, Packet{Cmd: CmdPingAck}, "P_PING_ACK vol=0"},
	{full, Packet{Cmd: CmdRecvAck, Body: BlockAck{1, 2, 512, 4}}, "P_RECV_ACK vol=0 sector=1 block_id=0x0000000000000002 blksize=512 seq=4"},
	{full, Packet{Cmd: CmdWriteAck, Body: BlockAck{}}, "P_WRITE_ACK vol=0 sector=0 block_id=0x0000000000000000 blksize=0 seq=0"},
	{full, Packet{Cmd: CmdRSWriteAck, Body: BlockAck{}}, "P_RS_WRITE_ACK vol=0 sector=0 block_id=0x0000000000000000 blksize=0 seq=0"},
	{full, Packet{Cmd: CmdSuperseded, Body: BlockAck{}}, "P_SUPERSEDED vol=0 sector=0 block_id=0x0000000000000000 blksize=0 seq=0"},
	{full, Packet{Cmd: CmdNegAck, Body: BlockAck{}}, "P_NEG_ACK vol=0 sector=0 block_id=0x0000000000000000 blksize=0 seq=0"},
	{full, Packet{Cmd: CmdNegDReply, Body: BlockAck{}}, "P_NEG_DREPLY vol=0 sector=0 block_id=0x0000000000000000 blksize=0 seq=0"},
	{full, Packet{Cmd: CmdNegRSDReply, Body: BlockAck{}}, "P_NEG_RS_DREPLY vol=0 sector=0 block_id=0x0000000000000000 blksize=0 seq=0"},
	{full, Packet{Cmd: CmdBarrierAck, Body: BarrierAck{1, 2}}, "P_BARRIER_ACK vol=0 barrier=0x00000001 set_size=2"},
	{full, Packet{Cmd: CmdStateChgReply, Body: StateReply{CWFailedByPeer}}, "P_STATE_CHG_REPLY vol=0 retcode=-10 (State change was refused by peer node)"},
	{full, Packet{Cmd: CmdOVRequest, Body: BlockReq{0, IDSyncer, 4096, 0}}, "P_OV_REQUEST vol=0 sector=0 block_id=0xffffffffffffffff blksize=4096"},
	{full, Packet{Cmd: CmdOVReply, Body: BlockReq{0, IDSyncer, 4096, 0}, Digest: []byte{9, 8}}, "P_OV_REPLY vol=0 sector=0 block_id=0xffffffffffffffff blksize=4096 digest=0908"},
	{full, Packet{Cmd: CmdOVResult, Body: BlockAck{0, OVDiffers, 4096, 1}}, "P_OV_RESULT vol=0 sector=0 block_id=0x0000000000001268 blksize=4096 seq=1"},
	{full, Packet{Cmd: CmdCsumRSRequest, Body: BlockReq{0, IDSyncer, 1 << 20, 0}, Digest: make([]byte, 64)},
		"P_CSUM_RS_REQUEST vol=0 sector=0 block_id=0xffffffffffffffff blksize=1048576 digest=" + strings.Repeat("00", 64)},
	{full, Packet{Cmd: CmdRSIsInSync, Body: BlockAck{}}, "P_RS_IS_IN_SYNC vol=0 sector=0 block_id=0x0000000000000000 blksize=0 seq=0"},
	{full, Packet{Cmd: CmdCompressedBitmap, Body: BitmapCode{2, 4, true}, Payload: bytes.Repeat([]byte{0xab}, 65)},
		"P_COMPRESSED_BITMAP vol=0 encoding=2 first_run_set=1 pad_bits=4 code=" + strings.Repeat("ab", 64) + "..."},
	{full, Packet{Cmd: CmdDelayProbe, Body: DelayProbe{1, 2}}, "P_DELAY_PROBE vol=0 seq=1 offset=2us"},
	{full, Packet{Cmd: CmdOutOfSync, Body: BlockDesc{8, 4096, 0xeb4144ff}}, "P_OUT_OF_SYNC vol=0 sector=8 blksize=4096 pad=3946923263"},
	{full, Packet{Cmd: CmdRSCancel, Body: BlockAck{}}, "P_RS_CANCEL vol=0 sector=0 block_id=0x0000000000000000 blksize=0 seq=0"},
	{full, Packet{Cmd: CmdConnStChgReq, Body: StateReq{ConnMask, State(0).WithConn(Disconnecting)}},
		"P_CONN_ST_CHG_REQ vol=0 mask=0x000001f0 val=0x00000010 conn=Disconnecting"},
	{full, Packet{Cmd: CmdConnStChgReply, Body: StateReply{Success}}, "P_CONN_ST_CHG_REPLY vol=0 retcode=1"},
	{full, Packet{Cmd: CmdRetryWrite, Body: BlockAck{}}, "P_RETRY_WRITE vol=0 sector=0 block_id=0x0000000000000000 blksize=0 seq=0"},
	{full, Packet{Cmd: CmdTrim, Body: Trim{Data{8, 1, 2, DPDiscard}, 128 << 20}},
		"P_TRIM vol=0 sector=8 block_id=0x0000000000000001 seq=2 flags=0x40(DISCARD) size=134217728"},
	{full, Packet{Cmd: CmdRSThinReq, Body: BlockReq{0, IDSyncer, 65536, 0}}, "P_RS_THIN_REQ vol=0 sector=0 block_id=0xffffffffffffffff blksize=65536"},
	{full, Packet{Cmd: CmdRSDeallocated, Body: BlockDesc{0, 65536, 0}}, "P_RS_DEALLOCATED vol=0 sector=0 blksize=65536 pad=0"},
	{full, Packet{Cmd: CmdWSame, Body: Trim{Data{8, 1, 2, DPWSame}, 4096}, Payload: make([]byte, 512)},
		"P_WSAME vol=0 sector=8 block_id=0x0000000000000001 seq=2 flags=0x200(WSAME) size=4096 data=512"},
	{full, Packet{Cmd: CmdZeroes, Body: Trim{Data{8, 1, 2, DPZeroes | DPDiscard}, 4096}},
		"P_ZEROES vol=0 sector=8 block_id=0x0000000000000001 seq=2 flags=0x440(DISCARD|ZEROES) size=4096"},
	{Initial, Packet{Cmd: CmdInitialMeta}, "P_INITIAL_META vol=0"},
	{Initial, Packet{Cmd: CmdInitialData}, "P_INITIAL_DATA vol=0"},
	{Initial, Packet{Cmd: CmdFeatures, Body: OwnFeatures(AllFeatures)}, "P_CONNECTION_FEATURES vol=0 min=86 max=101 features=0xf"},
}

// sockOf is a socket where the packet is allowed.
func sockOf(c Command) Socket {
	if c.spec().sock&DataSocket != 0 {
		return DataSocket
	}
	return MetaSocket
}

// TestSamples: append, parse, print for every packet of the table.
func TestSamples(t *testing.T) {
	seen := map[Command]bool{CmdBecomeSyncTarget: true, CmdBecomeSyncSource: true} // no handler
	for _, c := range samples {
		seen[c.p.Cmd] = true
		if c.d.Version < 100 {
			c.p.Volume = 0
		}
		b := c.d.Append([]byte("x"), &c.p)[1:]
		sock := sockOf(c.p.Cmd)
		got, n, err := c.d.Next(sock, append(b, "next"...))
		if err != nil || n != len(b) {
			t.Errorf("%s: %v, %d of %d bytes", c.p.String(), err, n, len(b))
			continue
		}
		if got.String() != c.text || c.p.String() != c.text {
			t.Errorf("prints\n%s\nwant\n%s", got.String(), c.text)
		}
		if !reflect.DeepEqual(got.Body, c.p.Body) || !bytes.Equal(got.Payload, c.p.Payload) || !bytes.Equal(got.Digest, c.p.Digest) || got.Volume != c.p.Volume {
			t.Errorf("%s: came back as %+v", c.text, got)
		}
		for i := range b[:min(len(b), 100)] {
			if _, _, err := c.d.Next(sock, b[:i]); err != ErrShort {
				t.Errorf("%s: %d bytes of it: %v", c.p.Cmd, i, err)
			}
		}
		if _, _, err := c.d.Next(bothSocket&^c.p.Cmd.spec().sock, b); c.p.Cmd.spec().sock != bothSocket && reason(err) != UnknownCmd {
			t.Errorf("%s on the other socket: %v", c.p.Cmd, err)
		}
		if s := c.p.Cmd.spec(); s.since > MinVersion && s.since < 100 { // a header of the same size
			if _, _, err := (Dialect{Version: s.since - 1}).Next(sock, Dialect{Version: s.since}.Append(nil, &c.p)); reason(err) != NotAgreed {
				t.Errorf("%s before its version: %v", c.p.Cmd, err)
			}
		}
		if s := c.p.Cmd.spec(); s.feature != 0 {
			if _, _, err := (Dialect{Version: 101, Features: AllFeatures &^ s.feature}).Next(sock, b); reason(err) != NotAgreed {
				t.Errorf("%s without its feature: %v", c.p.Cmd, err)
			}
		}
	}
	for _, c := range Commands() {
		if !seen[c] {
			t.Errorf("no sample of %s", c)
		}
	}
}

func reason(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return 0
}

// TestPlanRefusals: headers that are refused before anything is read.
func TestPlanRefusals(t *testing.T) {
	for _, c := range []struct {
		d      Dialect
		sock   Socket
		cmd    Command
		length uint32
		reason Reason
		text   string
	}{
		{full, DataSocket, 0x30, 0, UnknownCmd, "Unexpected data packet Unknown (0x0030)"},
		{full, DataSocket, CmdBecomeSyncTarget, 0, UnknownCmd, "Unexpected data packet BecomeSyncTarget (0x0005)"},
		{full, MetaSocket, CmdState, 4, UnknownCmd, "Unexpected meta packet ReportState (0x000e)"},
		{full, DataSocket, CmdState, 5, BadSize, "No payload expected ReportState l:5"},
		{full, DataSocket, CmdState, 3, BadSize, "ReportState: unexpected packet size, expected:4 received:3"},
		{full, DataSocket, CmdSizes, 32, BadSize, "ReportSizes: unexpected packet size, expected:56 received:32"},
		{Dialect{Version: 101}, DataSocket, CmdSizes, 56, BadSize, "No payload expected ReportSizes l:56"},
		{full, DataSocket, CmdSyncParam89, 132, BadSize, "SyncParam89: unexpected packet size, expected:148 received:132"},
		{full, DataSocket, CmdData, 23, BadSize, "Data: unexpected packet size, expected:24 received:23"},
		{Dialect{Version: 101, Digest: 20}, DataSocket, CmdData, 43, BadSize, "Data: unexpected packet size, expected:44 received:43"},
		{full, DataSocket, CmdData, 24 + 1<<20 + 512, BadSize, "Data: packet of 1049112 bytes is too large"},
		{full, DataSocket, CmdData, 24 + 100, BadSize, "Data: data of 100 bytes is not of whole sectors"},
		{Dialect{Version: 94}, DataSocket, CmdData, 24 + 33<<10, BadSize, "Data: packet of 33816 bytes is too large"},
		{full, DataSocket, CmdData, 1<<32 - 1, BadSize, "Data: packet of 4294967295 bytes is too large"},
		{full, DataSocket, CmdBitmap, 4081, BadSize, "ReportBitMap: packet of 4081 bytes is too large"},
		{full, DataSocket, CmdCompressedBitmap, 0, BadSize, "CBitmap: unexpected packet size, expected:1 received:0"},
		{full, DataSocket, CmdCompressedBitmap, 4081, BadSize, "CBitmap: packet of 4081 bytes is too large"},
		{full, DataSocket, CmdAuthChallenge, 129, BadSize, "AuthChallenge: packet of 129 bytes is too large"},
		{full, DataSocket, CmdOVReply, 24, BadSize, "OVReply: unexpected packet size, expected:28 received:24"},
		{full, DataSocket, CmdOVReply, 89, BadSize, "OVReply: packet of 89 bytes is too large"},
		{full, DataSocket, CmdTrim, 32, BadSize, "No payload expected Trim l:32"},
		{full, DataSocket, CmdProtocol, 1 << 20, BadSize, ""},
		{full, MetaSocket, CmdPing, 1, BadSize, "No payload expected Ping l:1"},
		{Dialect{Version: 99}, DataSocket, CmdTrim, 28, NotAgreed, ""},
	} {
		plan, err := c.d.Plan(c.sock, Header{Cmd: c.cmd, Length: c.length})
		if c.cmd == CmdProtocol { // text: its length is limited by the parser
			if err == nil && plan.Body == int(c.length) {
				_, err = c.d.ParseBody(c.cmd, make([]byte, c.length))
			}
		}
		if reason(err) != c.reason || c.text != "" && err.Error() != c.text {
			t.Errorf("%s l:%d: %v (%v), want %v %s", c.cmd, c.length, err, reason(err), c.reason, c.text)
		}
	}
}

// TestBodyRefusals: fields out of range.
func TestBodyRefusals(t *testing.T) {
	for _, p := range []Packet{
		{Cmd: CmdData, Body: Data{Sector: 1<<51 + 1}},
		{Cmd: CmdWriteAck, Body: BlockAck{Sector: 1 << 63}},
		{Cmd: CmdDataRequest, Body: BlockReq{Size: 0}},
		{Cmd: CmdDataRequest, Body: BlockReq{Size: 513}},
		{Cmd: CmdRSDataRequest, Body: BlockReq{Size: 1<<20 + 512}},
		{Cmd: CmdRSDataRequest, Body: BlockReq{Sector: 1<<64 - 1, Size: 512}},
		{Cmd: CmdTrim, Body: Trim{Size: 0}},
		{Cmd: CmdTrim, Body: Trim{Size: 128<<20 + 512}},
		{Cmd: CmdZeroes, Body: Trim{Size: 1<<32 - 512}},
		{Cmd: CmdOutOfSync, Body: BlockDesc{Size: 0}},
		{Cmd: CmdOutOfSync, Body: BlockDesc{Sector: 1 << 60, Size: 512}},
		{Cmd: CmdSizes, Body: Sizes{CSize: 1 << 52, HasLimits: true}},
	} {
		_, _, err := full.Next(sockOf(p.Cmd), full.Append(nil, &p))
		var e *Error
		if !errors.As(err, &e) || e.Reason != BadValue || e.Cmd != p.Cmd {
			t.Errorf("%s: %v", p.String(), err)
		}
	}
	small := Dialect{Version: 101, Features: AllFeatures &^ FeatWSame}
	p := Packet{Cmd: CmdTrim, Body: Trim{Size: 4<<20 + 512}}
	if _, _, err := small.Next(DataSocket, small.Append(nil, &p)); reason(err) != BadValue {
		t.Errorf("a large trim without the feature: %v", err)
	}
}

// TestSyncParamForms: what is sent to which version (section 3).
func TestSyncParamForms(t *testing.T) {
	p := SyncParam{Rate: 1, VerifyAlg: "md5", CsumsAlg: "sha1", PlanAhead: 2, DelayTarget: 3, FillTarget: 4, MaxRate: 5}
	for version, want := range map[int]string{86: "P_SYNC_PARAM 4", 87: "P_SYNC_PARAM 4", 88: "P_SYNC_PARAM 8", 89: "P_SYNC_PARAM89 132",
		94: "P_SYNC_PARAM89 132", 95: "P_SYNC_PARAM89 148", 101: "P_SYNC_PARAM89 148"} {
		d := Dialect{Version: version}
		c, q := p.For(d)
		b := q.Append(nil)
		if got := fmt.Sprint(c, " ", len(b)); got != want {
			t.Errorf("version %d: %s, want %s", version, got, want)
		}
		back, err := d.ParseBody(c, b)
		if err != nil || !bytes.Equal(back.Append(nil), b) || back.(SyncParam).HasController() != (version >= 95) {
			t.Errorf("version %d: %v %v", version, back, err)
		}
	}
	if n := len(p.Append(nil)); n != 148 {
		t.Errorf("without a form %d bytes", n)
	}
	long := SyncParam{VerifyAlg: strings.Repeat("x", 100)}
	if back, err := ParseSyncParam89(full, long.Append(nil)); err != nil || back.VerifyAlg != strings.Repeat("x", 63) || back.CsumsAlg != "" {
		t.Errorf("a long name: %v %v", back, err)
	}
	evil := Packet{Cmd: CmdProtocol, Body: Protocol{Integrity: "a\nb\x1b"}}
	if s := evil.String(); strings.ContainsAny(s, "\n\x1b") {
		t.Errorf("control bytes of the peer in a log line: %q", s)
	}
}

// TestForDialect: what is sent parses in the dialect it was made for.
func TestForDialect(t *testing.T) {
	for version := MinVersion; version <= MaxVersion; version++ {
		for _, f := range []Feature{0, AllFeatures} {
			d := Dialect{Version: version, Features: f}
			c, sync := SyncParam{Rate: 1, VerifyAlg: "md5"}.For(d)
			for _, p := range []Packet{
				{Cmd: c, Body: sync},
				{Cmd: CmdSizes, Body: Sizes{MaxBioSize: 1 << 20}.For(d)},
				{Cmd: CmdProtocol, Body: Protocol{Protocol: 3, Integrity: "md5"}.For(d)},
			} {
				q, _, err := d.Next(DataSocket, d.Append(nil, &p))
				if err != nil || q.String() != p.String() {
					t.Errorf("version %d features %s: %s %v", version, f, p.String(), err)
				}
			}
			if s := (Sizes{MaxBioSize: 1 << 20}).For(d); int(s.MaxBioSize) != d.MaxData() {
				t.Errorf("version %d: %d", version, s.MaxBioSize)
			}
		}
	}
}
