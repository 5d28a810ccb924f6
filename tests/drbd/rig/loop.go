package rig

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Loop puts a loop device with direct I/O on a file of the machine, and gives it a
// name in its /dev. It ends with the machine.
func (n *Node) Loop(name, file string) (string, error) {
	f, err := os.OpenFile(n.Path(file), os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	loop, number, err := attachLoop(f, unix.LO_FLAGS_DIRECT_IO)
	if err != nil {
		return "", err
	}
	n.loops = append(n.loops, loop)
	dev := "/dev/" + name
	if err := unix.Mknod(n.Path(dev), unix.S_IFBLK|0o660, int(unix.Mkdev(7, uint32(number)))); err != nil {
		return "", fmt.Errorf("make %s of %s: %w", dev, n.Name(), err)
	}
	return dev, nil
}
