// Package changes is the file in which "drbdadm split-brain --save" keeps what a
// node changed since it lost its peer: the blocks of a device whose bits are set in
// the bitmap, before connect --discard-my-data overwrites them.
//
//	offset            size   numbers are little endian
//	0                 16     "drbdd changes 1\n"
//	16                 8     size of the device in bytes
//	24                 4     size of a block: 4096
//	28                 4     number of the volume
//	32                32     UUIDs: current, bitmap, younger and older history
//	64                 8     when it was saved, seconds since 1970
//	72                 8     when the current generation began, 0 = not known
//	80                 8     number of runs
//	88                 8     number of blocks
//	96               128     name of the resource, filled up with zeroes
//	224               32     zeroes
//	256          16*runs     runs of blocks: first block, number of blocks; ascending
//	...                      zeroes up to a multiple of 4096
//	data     4096*blocks     the blocks, in the order of the runs
//	...               32     SHA-256 of everything before it
//
// What of the last block lies behind the end of the device is zero. Blocks of zeroes
// are holes where the file system has holes.
package changes
