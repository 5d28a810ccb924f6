//go:build race

package rt

// The race detector needs a multiple of the memory.
const raceDetector = true
