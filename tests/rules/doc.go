// Package rules holds tests about the project itself: which packages are pure, and what
// a pure package may use.
package rules
