package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

var processTable = []Directive{
	{Name: "respawn", Whole: true, Syntax: "USER /PATH ARGUMENT...", Doc: "a program to run while the cluster runs, started again when it ends", set: setRespawn},
	{Name: "failfast", Whole: true, Syntax: "USER /PATH ARGUMENT...", Doc: "as respawn, but the machine reboots if it ends", set: setRespawn},
	{Name: "apiauth", Whole: true, Syntax: "CLIENT [uid=LIST] [gid=LIST]", Doc: "who may use the client API under this name", set: setAPIAuth},
	{Name: "stonith", Whole: true, Syntax: "TYPE FILE", Doc: "fencing device of the cluster, its parameters in a file", set: setStonith},
	{Name: "stonith_host", Whole: true, Syntax: "HOST|* TYPE PARAMETER...", Doc: "fencing device as seen from a host (* any)", set: setStonithHost},
}

// builtins are the helpers of Heartbeat that the daemon has inside or maps.
var builtins = []string{"ipfail", "dopd", "ifcheckd", "pingd"}

func setRespawn(p *haParser, d *Directive, rest token) {
	args := words(rest.text, " \t", rest.col)
	user, cmd := token{col: rest.col}, token{col: rest.col}
	if len(args) > 0 {
		user = args[0]
	}
	if len(args) > 1 {
		cmd = args[1]
	}
	uid, ok := p.env.user(user.text)
	if !ok || user.text == "" {
		remedy := "name a user of this machine; hacluster is the usual one"
		if user.text == "" {
			remedy = "write " + d.Name + " hacluster /path/to/program"
		}
		p.fail(user, fmt.Sprintf("%s: there is no user %q", d.Name, user.text), remedy,
			"ERROR: Invalid uid ["+user.text+"] specified for client child")
		return
	}
	r := RespawnSpec{User: user.text, UID: uid, Path: cmd.text, Failfast: d.Name == "failfast", Pos: p.pos(user)}
	if cmd.text != "" {
		r.Command = rest.text[cmd.col-rest.col:]
	}
	exists := p.env.stat(cmd.text, Regular).Executable() && strings.HasPrefix(cmd.text, "/")
	if r.Builtin = builtinOf(cmd.text, exists); r.Builtin != "" {
		if canonical := BinDir + "/" + r.Builtin; cmd.text != canonical && !exists {
			p.warn(cmd, fmt.Sprintf("%s: %q does not exist and was taken for the built-in %s", d.Name, cmd.text, r.Builtin), "write "+canonical)
		}
		p.ha.Respawn = append(p.ha.Respawn, r)
		return
	}
	switch {
	case !strings.HasPrefix(cmd.text, "/"):
		p.fail(cmd, fmt.Sprintf("%s: %q is not a full path", d.Name, cmd.text), "write "+d.Name+" "+user.text+" /full/path",
			"ERROR: Client child command ["+r.Command+"] is not full pathname")
	case !exists:
		p.fail(cmd, fmt.Sprintf("%s: %s does not exist or is not executable", d.Name, cmd.text), "correct the path or remove the line",
			"ERROR: Client child command ["+cmd.text+"] is not executable")
	default:
		p.ha.Respawn = append(p.ha.Respawn, r)
	}
}

// builtinOf decides whether a command is one of Heartbeat's helpers. Its name
// counts, and that it stands in a directory where a release of Heartbeat or
// Pacemaker installed it (/usr/lib/heartbeat, lib64, libexec, ...) or that there
// is no such program: an own program of the same name elsewhere is run.
func builtinOf(path string, exists bool) string {
	dir, base := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, base = path[:i], path[i+1:]
	}
	if !slices.Contains(builtins, base) {
		return ""
	}
	if exists && !strings.HasSuffix(dir, "/heartbeat") && !strings.HasSuffix(dir, "/pacemaker") {
		return ""
	}
	return base
}

// defaultAPIAuth are the clients that may connect without an apiauth line
// (heartbeat-config 3).
var defaultAPIAuth = []string{"ipfail uid=hacluster", "ccm uid=hacluster", "ping gid=haclient", "lha-snmpagent uid=root", "anon uid=root gid=haclient"}

func setAPIAuth(p *haParser, d *Directive, rest token) {
	a, problem := p.apiAuth(rest)
	if problem != nil {
		problem.Original = append(problem.Original, "ERROR: Invalid apiauth directive ["+rest.text+"]",
			"info: Syntax: apiauth client [uid=uidlist] [gid=gidlist]",
			"info: Where uidlist is a comma-separated list of uids,",
			"info: and gidlist is a comma-separated list of gids",
			"info: One or the other must be specified.")
		p.add(*problem)
		return
	}
	p.ha.APIAuth = append(p.ha.APIAuth, a)
}

// apiAuth reads the argument of apiauth.
func (p *haParser) apiAuth(rest token) (APIAuth, *Finding) {
	const remedy = "write apiauth CLIENT uid=USER,... gid=GROUP,..."
	a := APIAuth{Pos: p.pos(rest)}
	bad := func(t token, text, remedy string, original ...string) (APIAuth, *Finding) {
		return a, &Finding{Level: Fail, Refuse: true, Pos: p.pos(t), Text: text, Remedy: remedy, Original: original}
	}
	args := words(rest.text, " \t", rest.col)
	if len(args) < 2 {
		return bad(rest, fmt.Sprintf("apiauth %s: needs a client name and a list of users or groups", rest.text), remedy)
	}
	a.Client = args[0].text
	var seenUID, seenGID bool
	for _, w := range args[1:] {
		if list, ok := strings.CutPrefix(w.text, "uid="); ok {
			if seenUID {
				return bad(w, "apiauth: uid= is given twice", "write one list with commas", "ERROR: Duplicate uid list in apiauth")
			}
			seenUID = true
			ids, wrong := idList(list, p.env.user)
			if wrong != "" {
				return bad(w, fmt.Sprintf("apiauth: there is no user %q", wrong), "name users of this machine",
					"ERROR: Invalid user id name ["+wrong+"]", "ERROR: Bad uid list ["+rest.text[w.col+len("uid=")-rest.col:]+"]")
			}
			a.UIDs, a.UIDNames = ids, listWords(list)
		} else if list, ok := strings.CutPrefix(w.text, "gid="); ok {
			if seenGID {
				return bad(w, "apiauth: gid= is given twice", "write one list with commas", "ERROR: Duplicate gid list in apiauth")
			}
			seenGID = true
			ids, wrong := idList(list, p.env.group)
			if wrong != "" {
				return bad(w, fmt.Sprintf("apiauth: there is no group %q", wrong), "name groups of this machine",
					"ERROR: Invalid group name ["+wrong+"]", "ERROR: Bad gid list ["+rest.text[w.col+len("gid=")-rest.col:]+"]")
			}
			a.GIDs, a.GIDNames = ids, listWords(list)
		} else {
			return bad(w, fmt.Sprintf("apiauth: %q is neither uid=LIST nor gid=LIST", w.text), remedy, "ERROR: Missing uid or gid in apiauth")
		}
	}
	for _, other := range p.ha.APIAuth {
		if other.Client == a.Client {
			return bad(args[0], fmt.Sprintf("apiauth for client %q stands in line %d already", a.Client, other.Pos.Line), "merge the two lines",
				"ERROR: Duplicate apiauth directive for API client "+a.Client+": ["+rest.text+"]")
		}
	}
	return a, nil
}

func listWords(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

// idList turns names or numbers into ids; wrong is the first that is neither.
func idList(list string, lookup func(string) (int, bool)) (ids []int, wrong string) {
	for _, w := range listWords(list) {
		if n, err := strconv.ParseUint(w, 10, 31); err == nil {
			ids = append(ids, int(n))
			continue
		}
		id, ok := lookup(w)
		if !ok {
			return nil, w
		}
		ids = append(ids, id)
	}
	return ids, ""
}
