// Package install tests the packages that "make packages" builds: what installing,
// upgrading, removing and purging them does to a clean Debian system, and that two
// machines on which nothing else of ours was put are a cluster.
//
// A clean system is a directory: what Debian calls essential and what our packages
// depend on, copied from this machine by dpkg's own lists, with a dpkg database that
// knows nothing else. It takes seconds and no network. INSTALL_ROOT=FILE.tar takes one
// that debootstrap or mmdebstrap made instead:
//
//	mmdebstrap --variant=minbase --include=adduser,iproute2,mount bookworm root.tar
//	INSTALL_ROOT=$PWD/root.tar go test -v ./tests/install
package install
