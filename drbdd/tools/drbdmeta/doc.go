// Package drbdmeta is the command drbdmeta: it makes, reads, changes and repairs
// DRBD metadata of format v08 on a device that is not in use.
//
// Commands, outputs, exit codes and questions are those of drbdmeta 9.22
// (drbd-metadata 7); the list of what differs on purpose is in differences_test.go,
// which runs both programs on the same images.
//
//	options ► format, index, command ► lock file ► "drbdsetup MINOR dstate"
//	        ► open the device ► find the metadata ► the command
//
// The layout and the order of writes are decided in packages metadata and mdio; here
// are the texts, the questions, and what surrounds the metadata: the file system
// that must not be cut, the lock, the memory of the last size.
//
// Exit codes: 0 done, 1 not done (no metadata, cancelled), 5 outdate of
// inconsistent data, 10 refused or I/O error, 20 usage, device or minor in use,
// 30 not possible this way, 40 existing data would be destroyed.
package drbdmeta
