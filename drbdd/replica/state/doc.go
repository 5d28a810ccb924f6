// Package state is the state engine of a volume (drbd-wire 10). It is pure. A
// state is made of several words; a wish for another one passes four functions:
//
//	request ──Apply──► wish ──Sanitize──► new state ──Check…──► result
//
// Sanitize carries out what one word implies for the others, the checks say
// whether the outcome is allowed, and NeedsPeer whether the peer has to agree to
// it first. Decide is all of it in the right order. What follows from a change
// that was made (section 10.6) is decided by package replica.
//
// The numeric order of connection and disk states is part of the rules.
package state
