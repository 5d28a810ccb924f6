package wire

import "fmt"

// Command is the number of a packet.
type Command uint16

// The packets of section 3.
const (
	CmdData             Command = 0x00
	CmdDataReply        Command = 0x01
	CmdRSDataReply      Command = 0x02
	CmdBarrier          Command = 0x03
	CmdBitmap           Command = 0x04
	CmdBecomeSyncTarget Command = 0x05
	CmdBecomeSyncSource Command = 0x06
	CmdUnplugRemote     Command = 0x07
	CmdDataRequest      Command = 0x08
	CmdRSDataRequest    Command = 0x09
	CmdSyncParam        Command = 0x0a
	CmdProtocol         Command = 0x0b
	CmdUUIDs            Command = 0x0c
	CmdSizes            Command = 0x0d
	CmdState            Command = 0x0e
	CmdSyncUUID         Command = 0x0f
	CmdAuthChallenge    Command = 0x10
	CmdAuthResponse     Command = 0x11
	CmdStateChgReq      Command = 0x12
	CmdPing             Command = 0x13
	CmdPingAck          Command = 0x14
	CmdRecvAck          Command = 0x15
	CmdWriteAck         Command = 0x16
	CmdRSWriteAck       Command = 0x17
	CmdSuperseded       Command = 0x18
	CmdNegAck           Command = 0x19
	CmdNegDReply        Command = 0x1a
	CmdNegRSDReply      Command = 0x1b
	CmdBarrierAck       Command = 0x1c
	CmdStateChgReply    Command = 0x1d
	CmdOVRequest        Command = 0x1e
	CmdOVReply          Command = 0x1f
	CmdOVResult         Command = 0x20
	CmdCsumRSRequest    Command = 0x21
	CmdRSIsInSync       Command = 0x22
	CmdSyncParam89      Command = 0x23
	CmdCompressedBitmap Command = 0x24
	CmdDelayProbe       Command = 0x27
	CmdOutOfSync        Command = 0x28
	CmdRSCancel         Command = 0x29
	CmdConnStChgReq     Command = 0x2a
	CmdConnStChgReply   Command = 0x2b
	CmdRetryWrite       Command = 0x2c
	CmdProtocolUpdate   Command = 0x2d
	CmdTrim             Command = 0x31
	CmdRSThinReq        Command = 0x32
	CmdRSDeallocated    Command = 0x33
	CmdWSame            Command = 0x34
	CmdZeroes           Command = 0x36
	CmdInitialMeta      Command = 0xfff1
	CmdInitialData      Command = 0xfff2
	CmdFeatures         Command = 0xfffe
)

// Socket is one of the two connections, or both as a set.
type Socket uint8

// The sockets.
const (
	DataSocket Socket = 1
	MetaSocket Socket = 2
	bothSocket        = DataSocket | MetaSocket
)

func (s Socket) String() string {
	switch s {
	case DataSocket:
		return "data"
	case MetaSocket:
		return "meta"
	}
	return fmt.Sprintf("socket(%d)", uint8(s))
}

// tail is what may follow the fixed sub-header of a packet.
type tail uint8

const (
	noTail     tail = iota
	dataTail        // the digest of data-integrity-alg, then data, into a buffer of its own
	digestTail      // a digest of verify-alg or csums-alg
	bytesTail       // opaque bytes: bitmap, challenge
	textTail        // text that belongs to the struct
)

// spec is the row of a packet in the table.
type spec struct {
	name    string  // P_...
	logName string  // as the kernel calls it in its messages
	sock    Socket  // where it is allowed; 0 = nowhere: known, but without a handler
	since   int     // protocol version
	feature Feature // must be agreed
	fixed   int     // bytes of sub-header
	tail    tail
	parse   func(Dialect, []byte) (Body, error) // nil: no sub-header
}

// specs is the table, by number up to the last ordinary packet. It is filled by
// init because the parsers name packets in their errors.
var specs [CmdZeroes + 1]spec

func init() {
	specs = [...]spec{
		CmdData:             {"P_DATA", "Data", DataSocket, 86, 0, dataSize, dataTail, parse(ParseData)},
		CmdDataReply:        {"P_DATA_REPLY", "DataReply", DataSocket, 86, 0, dataSize, dataTail, parse(ParseData)},
		CmdRSDataReply:      {"P_RS_DATA_REPLY", "RSDataReply", DataSocket, 86, 0, dataSize, dataTail, parse(ParseData)},
		CmdBarrier:          {"P_BARRIER", "Barrier", DataSocket, 86, 0, barrierSize, noTail, parse(ParseBarrier)},
		CmdBitmap:           {"P_BITMAP", "ReportBitMap", DataSocket, 86, 0, 0, bytesTail, nil},
		CmdBecomeSyncTarget: {"P_BECOME_SYNC_TARGET", "BecomeSyncTarget", 0, 0, 0, 0, noTail, nil},
		CmdBecomeSyncSource: {"P_BECOME_SYNC_SOURCE", "BecomeSyncSource", 0, 0, 0, 0, noTail, nil},
		CmdUnplugRemote:     {"P_UNPLUG_REMOTE", "UnplugRemote", DataSocket, 86, 0, 0, noTail, nil},
		CmdDataRequest:      {"P_DATA_REQUEST", "DataRequest", DataSocket, 86, 0, blockReqSize, noTail, parse(ParseBlockReq)},
		CmdRSDataRequest:    {"P_RS_DATA_REQUEST", "RSDataRequest", DataSocket, 86, 0, blockReqSize, noTail, parse(ParseBlockReq)},
		CmdSyncParam:        {"P_SYNC_PARAM", "SyncParam", DataSocket, 86, 0, 4, textTail, parse(ParseSyncParam)},
		CmdProtocol:         {"P_PROTOCOL", "ReportProtocol", DataSocket, 86, 0, protocolSize, textTail, parse(ParseProtocol)},
		CmdUUIDs:            {"P_UUIDS", "ReportUUIDs", DataSocket, 86, 0, uuidsSize, noTail, parse(ParseUUIDs)},
		CmdSizes:            {"P_SIZES", "ReportSizes", DataSocket, 86, 0, sizesSize, noTail, parse(ParseSizes)},
		CmdState:            {"P_STATE", "ReportState", DataSocket, 86, 0, stateSize, noTail, parse(ParseStateInfo)},
		CmdSyncUUID:         {"P_SYNC_UUID", "ReportSyncUUID", DataSocket, 86, 0, 8, noTail, parse(ParseSyncUUID)},
		CmdAuthChallenge:    {"P_AUTH_CHALLENGE", "AuthChallenge", DataSocket, 86, 0, 0, bytesTail, nil},
		CmdAuthResponse:     {"P_AUTH_RESPONSE", "AuthResponse", DataSocket, 86, 0, 0, bytesTail, nil},
		CmdStateChgReq:      {"P_STATE_CHG_REQ", "StateChgRequest", DataSocket, 86, 0, stateReqSize, noTail, parse(ParseStateReq)},
		CmdPing:             {"P_PING", "Ping", MetaSocket, 86, 0, 0, noTail, nil},
		CmdPingAck:          {"P_PING_ACK", "PingAck", MetaSocket, 86, 0, 0, noTail, nil},
		CmdRecvAck:          {"P_RECV_ACK", "RecvAck", MetaSocket, 86, 0, blockAckSize, noTail, parse(ParseBlockAck)},
		CmdWriteAck:         {"P_WRITE_ACK", "WriteAck", MetaSocket, 86, 0, blockAckSize, noTail, parse(ParseBlockAck)},
		CmdRSWriteAck:       {"P_RS_WRITE_ACK", "RSWriteAck", MetaSocket, 86, 0, blockAckSize, noTail, parse(ParseBlockAck)},
		CmdSuperseded:       {"P_SUPERSEDED", "Superseded", MetaSocket, 86, 0, blockAckSize, noTail, parse(ParseBlockAck)},
		CmdNegAck:           {"P_NEG_ACK", "NegAck", MetaSocket, 86, 0, blockAckSize, noTail, parse(ParseBlockAck)},
		CmdNegDReply:        {"P_NEG_DREPLY", "NegDReply", MetaSocket, 86, 0, blockAckSize, noTail, parse(ParseBlockAck)},
		CmdNegRSDReply:      {"P_NEG_RS_DREPLY", "NegRSDReply", MetaSocket, 86, 0, blockAckSize, noTail, parse(ParseBlockAck)},
		CmdBarrierAck:       {"P_BARRIER_ACK", "BarrierAck", MetaSocket, 86, 0, barrierSize, noTail, parse(ParseBarrierAck)},
		CmdStateChgReply:    {"P_STATE_CHG_REPLY", "StateChgReply", MetaSocket, 86, 0, 4, noTail, parse(ParseStateReply)},
		CmdOVRequest:        {"P_OV_REQUEST", "OVRequest", DataSocket, 88, 0, blockReqSize, noTail, parse(ParseBlockReq)},
		CmdOVReply:          {"P_OV_REPLY", "OVReply", DataSocket, 88, 0, blockReqSize, digestTail, parse(ParseBlockReq)},
		CmdOVResult:         {"P_OV_RESULT", "OVResult", MetaSocket, 88, 0, blockAckSize, noTail, parse(ParseBlockAck)},
		CmdCsumRSRequest:    {"P_CSUM_RS_REQUEST", "CsumRSRequest", DataSocket, 89, 0, blockReqSize, digestTail, parse(ParseBlockReq)},
		CmdRSIsInSync:       {"P_RS_IS_IN_SYNC", "CsumRSIsInSync", MetaSocket, 89, 0, blockAckSize, noTail, parse(ParseBlockAck)},
		CmdSyncParam89:      {"P_SYNC_PARAM89", "SyncParam89", DataSocket, 89, 0, syncParam89Size, noTail, parse(ParseSyncParam89)},
		CmdCompressedBitmap: {"P_COMPRESSED_BITMAP", "CBitmap", DataSocket, 90, 0, 1, bytesTail, parse(ParseBitmapCode)},
		CmdDelayProbe:       {"P_DELAY_PROBE", "DelayProbe", bothSocket, 93, 0, 8, noTail, parse(ParseDelayProbe)},
		CmdOutOfSync:        {"P_OUT_OF_SYNC", "OutOfSync", DataSocket, 96, 0, blockDescSize, noTail, parse(ParseBlockDesc)},
		CmdRSCancel:         {"P_RS_CANCEL", "RSCancel", MetaSocket, 96, 0, blockAckSize, noTail, parse(ParseBlockAck)},
		CmdConnStChgReq:     {"P_CONN_ST_CHG_REQ", "conn_st_chg_req", DataSocket, 100, 0, stateReqSize, noTail, parse(ParseStateReq)},
		CmdConnStChgReply:   {"P_CONN_ST_CHG_REPLY", "conn_st_chg_reply", MetaSocket, 100, 0, 4, noTail, parse(ParseStateReply)},
		CmdRetryWrite:       {"P_RETRY_WRITE", "RetryWrite", MetaSocket, 100, 0, blockAckSize, noTail, parse(ParseBlockAck)},
		CmdProtocolUpdate:   {"P_PROTOCOL_UPDATE", "protocol_update", DataSocket, 100, 0, protocolSize, textTail, parse(ParseProtocol)},
		CmdTrim:             {"P_TRIM", "Trim", DataSocket, 100, FeatTrim, trimSize, noTail, parse(ParseTrim)},
		CmdRSThinReq:        {"P_RS_THIN_REQ", "rs_thin_req", DataSocket, 101, FeatThinResync, blockReqSize, noTail, parse(ParseBlockReq)},
		CmdRSDeallocated:    {"P_RS_DEALLOCATED", "rs_deallocated", DataSocket, 101, FeatThinResync, blockDescSize, noTail, parse(ParseBlockDesc)},
		CmdWSame:            {"P_WSAME", "WriteSame", DataSocket, 100, FeatWSame, trimSize, dataTail, parse(ParseTrim)},
		CmdZeroes:           {"P_ZEROES", "Zeroes", DataSocket, 100, FeatWZeroes, trimSize, noTail, parse(ParseTrim)},
	}
	features.parse = parse(ParseFeatures)
}

var (
	initialMeta = spec{"P_INITIAL_META", "InitialMeta", MetaSocket, 0, 0, 0, noTail, nil}
	initialData = spec{"P_INITIAL_DATA", "InitialData", DataSocket, 0, 0, 0, noTail, nil}
	features    = spec{"P_CONNECTION_FEATURES", "ConnectionFeatures", DataSocket, 0, 0, featuresSize, noTail, nil}
)

// parse adapts the parser of a struct for the table.
func parse[T Body](f func(Dialect, []byte) (T, error)) func(Dialect, []byte) (Body, error) {
	return func(d Dialect, b []byte) (Body, error) {
		v, err := f(d, b)
		if err != nil {
			return nil, err
		}
		return v, nil
	}
}

// spec returns the row of c, nil if there is none.
func (c Command) spec() *spec {
	switch {
	case int(c) < len(specs) && specs[c].name != "":
		return &specs[c]
	case c == CmdInitialMeta:
		return &initialMeta
	case c == CmdInitialData:
		return &initialData
	case c == CmdFeatures:
		return &features
	}
	return nil
}

// String is the name in the specification, such as P_DATA.
func (c Command) String() string {
	if s := c.spec(); s != nil {
		return s.name
	}
	return fmt.Sprintf("P_0x%04x", uint16(c))
}

// LogName is the name in the kernel's messages, such as ReportState.
func (c Command) LogName() string {
	if s := c.spec(); s != nil {
		return s.logName
	}
	return "Unknown"
}

// Commands lists every packet of the table.
func Commands() []Command {
	var all []Command
	for i := range specs {
		if specs[i].name != "" {
			all = append(all, Command(i))
		}
	}
	return append(all, CmdInitialMeta, CmdInitialData, CmdFeatures)
}
