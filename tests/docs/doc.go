// Package docs tests the documentation: that the manual pages and the programs
// agree, and that the commands of the guides do what the guides say.
package docs
