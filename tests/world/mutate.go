package world

// Mutation is a rule on the border between both daemons that is taken out: what the world
// must notice.
type Mutation int

// Mutations.
const (
	Sound           Mutation = iota
	ForcedPrimary            // drbddisk uses --force
	AddressFirst             // the address and the application are started before the file system
	UnmountForgets           // the unmount does not write what is in the cache
	AckBeforeSync            // the application says that a record is durable before it is
	FenceNotAwaited          // the takeover does not wait for the reset
	HandlerLies              // fence-peer says "outdated" without having asked anybody
	OutdateLies              // drbdadm outdate, called by dopd, does nothing and says that it did
	StonithLies              // fence-peer says "reset" though the peer was only called dead
)

// Mutations are all of them, with the rules that may notice.
var Mutations = []struct {
	Mutation
	Name  string
	Rules string
}{
	{ForcedPrimary, "drbddisk uses --force", "X1 D1 D4 D5 live"},
	{AddressFirst, "the address before the file system", "X1"},
	{UnmountForgets, "an unmount that does not write back", "X1"},
	{AckBeforeSync, "acknowledged before it is synced", "X1"},
	{FenceNotAwaited, "takeover without the reset", "H1 H3"},
	{HandlerLies, "fence-peer says outdated and has asked nobody", "X1 D1 D4 D5"},
	{OutdateLies, "drbdadm outdate does nothing", "X1 D1 D4 D5"},
	{StonithLies, "fence-peer says reset of a peer that is only called dead", "X1 D1 D4 D5"},
}
