package config

// Section is a place where an option may stand.
type Section uint8

// The sections of a resource (and of common), and the section global.
const (
	SectionNone Section = iota
	SectionGlobal
	SectionOptions
	SectionNet
	SectionDisk
	SectionStartup
	SectionProxy
	SectionHandlers
	SectionSyncer   // until 8.3; its options moved to disk, net and options
	SectionResource // statements directly in a resource
	SectionHost     // statements in a host section
)

// String is the keyword.
func (s Section) String() string {
	return [...]string{"", "global", "options", "net", "disk", "startup", "proxy", "handlers", "syncer", "resource", "on"}[s]
}

// Type says what may stand behind an option's name.
type Type uint8

// Types of options.
const (
	Number Type = iota // digits with an optional k, M, G or s
	Bool               // nothing (yes), yes or no
	Enum               // one of Words
	String             // anything
	Flag               // nothing: the name is all
	Hosts              // one or more host names
)

func (t Type) String() string {
	return [...]string{"number", "boolean", "enumeration", "string", "flag", "hosts"}[t]
}

// Unit is the unit in which an option counts; a suffix on the value is
// converted to it (drbd-config 2). Its value is the number of bytes.
type Unit uint64

// Units of options.
const (
	Plain  Unit = 1
	Sector Unit = 512
	KiB    Unit = 1024
)

// Suffix is the letter that the original prints behind such a number.
func (u Unit) Suffix() string {
	switch u {
	case Sector:
		return "s"
	case KiB:
		return "k"
	}
	return ""
}

// OptionDef describes one option of today (8.4).
type OptionDef struct {
	Section Section
	Name    string
	Type    Type
	// Min and Max bound a Number, in Unit.
	Min, Max uint64
	// Default is the value without the option, as one would write it; empty:
	// none.
	Default string
	Unit    Unit
	// Quantity is what the number counts, in drbdsetup's words.
	Quantity string
	// Words are those of an Enum.
	Words []string
	// Checked is set if drbdadm itself refuses a value out of range (exit 10);
	// what it lets through, drbdsetup refuses (exit 20).
	Checked bool
	// Since is the first version that knows the option under this name.
	Since string
	// Meaning is one sentence for the documentation.
	Meaning string
}

// OldWord is a word of an older version and what became of it.
type OldWord struct {
	Section Section // where it stands
	Name    string
	Since   string // first and
	Until   string // last version that used it
	// To and ToName are today's place and name; ToName is empty if the word
	// has no counterpart.
	To     Section
	ToName string
	// Invert is set if the word means the opposite: no-disk-barrier.
	Invert bool
	// Type is what stands behind the word, if ToName is empty.
	Type Type
	// Accepted is set if drbdadm 8.4 still takes the word.
	Accepted bool
	Meaning  string
}

// optionDefs is filled from the tables, once.
var (
	optionDefs = concat(optionsTable, netTable, diskTable, startupTable, proxyTable, handlersTable, globalTable)
	optionByID = indexDefs()
	oldByID    = indexOld()
)

type defID struct {
	section Section
	name    string
}

func concat(tables ...[]OptionDef) []*OptionDef {
	var out []*OptionDef
	for _, t := range tables {
		for i := range t {
			if t[i].Unit == 0 {
				t[i].Unit = Plain
			}
			out = append(out, &t[i])
		}
	}
	return out
}

func indexDefs() map[defID]*OptionDef {
	m := map[defID]*OptionDef{}
	for _, d := range optionDefs {
		m[defID{d.Section, d.Name}] = d
	}
	return m
}

func indexOld() map[defID]*OldWord {
	m := map[defID]*OldWord{}
	for i := range oldTable {
		m[defID{oldTable[i].Section, oldTable[i].Name}] = &oldTable[i]
	}
	return m
}

// Options are all options of 8.4, section by section. The rows are shared: do
// not change them.
func Options() []*OptionDef { return optionDefs }

// OldWords are the words of older versions.
func OldWords() []OldWord { return oldTable }

// Lookup finds an option of 8.4; nil if there is none.
func Lookup(s Section, name string) *OptionDef { return optionByID[defID{s, name}] }

// LookupOld finds a word of older versions; nil if there is none.
func LookupOld(s Section, name string) *OldWord { return oldByID[defID{s, name}] }
