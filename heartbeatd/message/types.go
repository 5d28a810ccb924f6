package message

// Type describes one type of message: the value of its t field.
type Type struct {
	Name   string   // t
	Fields []string // its own fields, without the daemon's header; some may be absent
	Remark string
}

// Header is the names of the fields that a sending daemon appends, in order
// (heartbeat-wire 8). Types that begin with NS_ have neither seq nor ld.
var Header = []string{"destuuid", "src", "srcuuid", "seq", "hg", "ts", "ld", "ttl", "auth"}

// Types is the catalogue of heartbeat-wire 12. Messages of other types exist
// (rc.d scripts, clients) and are passed on.
var Types = []Type{
	{"status", []string{"st", "dt", "protocol"}, "keepalive, change of status"},
	{"NS_st", []string{"st", "info"}, "payload of a ping to a ping node"},
	{"NS_rexmit", []string{"dest", "firstseq", "lastseq"}, "ask for lost messages; numbers are decimal"},
	{"NS_nak_rexmit", []string{"firstseq", "dest", "info"}, "cannot send again; the number is hex"},
	{"NS_ackmsg", []string{"dest", "ackseq"}, "acknowledgement"},
	{"reqnodes", []string{"dest"}, "ask for the node list"},
	{"repnodes", []string{"dest", "nodelist", "delnodelist"}, "the node list"},
	{"ifstat", []string{"node", "ifname", "st"}, "link change, for clients only"},
	{"stonith", []string{"node", "result"}, "outcome of fencing"},
	{"query-cstatus", []string{"dest", "cn", "from_id"}, "is that client there?"},
	{"respond-cstatus", []string{"dest", "result", "cn", "to_id", "cs"}, "answer to query-cstatus"},
	{"hbapi-clstat", []string{"st", "from_id", "to_id", "info", "client_gen"}, "a named client came or went"},
	{"hbapi-req", []string{"reqtype", "dest", "pid", "from_id"}, "client API request"},
	{"hbapi-resp", []string{"reqtype", "result", "info"}, "client API reply"},
	{"addnode", []string{"nodelist"}, "hb_addnode"},
	{"delnode", []string{"nodelist"}, "hb_delnode"},
	{"setweight", []string{"node", "weight"}, "hb_setweight"},
	{"setsite", []string{"node", "site"}, "hb_setsite"},
	{"num_ping_nodes", []string{"num_ping"}, "ipfail: how many ping nodes I see"},
	{"abort_giveup", nil, "ipfail: keep your resources"},
	{"you_are_dead", nil, "ipfail: I see more than you"},
	{"starting", nil, "I am new: tell me what you hold"},
	{"resource", []string{"rsc_hold", "rtype", "isstable", "info"}, "what the sender holds"},
	{"ask_resources", []string{"rsc_hold", "info"}, "standby protocol; info is me, other or done"},
	{"hb_takeover", []string{"rsc_hold"}, "run on the node that wants resources"},
	{"ip-request", []string{"ipaddr"}, "legacy mode: release that group"},
	{"ip-request-resp", []string{"dest", "ipaddr", "weown", "ok"}, "answer to ip-request; own groups start by one to oneself"},
	{"shutdone", []string{"st"}, "graceful stop: everything is released"},
}

// TypeOf looks a type up by its name.
func TypeOf(name string) (Type, bool) {
	for _, t := range Types {
		if t.Name == name {
			return t, true
		}
	}
	return Type{}, false
}

// known interns the names of fields, so that parsing allocates none.
var known = func() map[string]string {
	k := map[string]string{"t": "t", "uid": "uid", "gid": "gid"}
	for _, n := range Header {
		k[n] = n
	}
	for _, t := range Types {
		for _, n := range t.Fields {
			k[n] = n
		}
	}
	return k
}()

func intern(name []byte) string {
	if s, ok := known[string(name)]; ok {
		return s
	}
	return string(name)
}
