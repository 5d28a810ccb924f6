// Package gi decides by generation identifiers (drbd-wire 11): which of two
// nodes has the newer data, and how the identifiers move when generations begin
// and resyncs start and end. It is pure; random numbers come as arguments.
//
//	own set, peer's set ──Compare──► result by rule ──Decide──► source, target,
//	                                                            equal, or refused
//
// The identifiers: current C names the data; bitmap B is the generation that the
// bitmap counts changes from, 0 if the peer has the same data; history H0, H1 are
// former values of B, H0 the younger. Bit 0 of C tells that the node was Primary
// and is ignored in comparisons. The simple moves are methods of metadata.UUIDs:
// SetCurrent, NewCurrent, SetBitmap (with history), ClearBitmap.
package gi
