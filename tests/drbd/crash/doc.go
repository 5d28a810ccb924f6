// Package crash kills daemons and cuts the power of whole machines while
// applications write, and looks whether anything that was promised is lost.
//
//	DRBD_CRASHES=50 go test -timeout 0 ./tests/drbd/crash    crashes of each kind (default 4)
//	DRBD_SEED=7 ...                                          repeats the choices of a run, as far as a
//	                                                         real machine can
package crash
