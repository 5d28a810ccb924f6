package sim

import "time"

// Net carries datagrams between numbered endpoints on named media (cables). Each
// direction of each medium has its own faults.
type Net struct {
	w     *World
	paths map[path]*Path
	recv  func(to int, medium string, frame []byte)
}

type path struct {
	medium   string
	from, to int
}

// Path is one direction between two endpoints on one medium.
type Path struct {
	Cut       bool
	Loss, Dup float64
	Min, Max  time.Duration // delay; a wide range reorders
}

// NewNet makes a network that hands frames to recv.
func NewNet(w *World, recv func(to int, medium string, frame []byte)) *Net {
	return &Net{w: w, paths: map[path]*Path{}, recv: recv}
}

// Path returns one direction, to be changed at will.
func (n *Net) Path(medium string, from, to int) *Path {
	k := path{medium, from, to}
	p := n.paths[k]
	if p == nil {
		p = &Path{Min: 50 * time.Microsecond, Max: 300 * time.Microsecond}
		n.paths[k] = p
	}
	return p
}

// Send puts a frame on the way. The receiver owns its copy.
func (n *Net) Send(medium string, from, to int, frame []byte) {
	p := n.Path(medium, from, to)
	if p.Cut {
		return
	}
	copies := 1
	if n.w.Chance(p.Loss) {
		copies = 0
	}
	if n.w.Chance(p.Dup) {
		copies++
	}
	for range copies {
		n.w.After(n.w.Between(p.Min, p.Max), func() {
			if !p.Cut {
				n.recv(to, medium, frame)
			}
		})
	}
}
