package hlog

import (
	"fmt"
	"sync"
	"time"
)

// maxKeys bounds a Limiter: keys may come from the network.
const maxKeys = 512

// Limiter keeps a condition that repeats from filling the log: the first line
// of a key passes, the following ones are counted, and after the period one
// passes again with the count. Safe for several goroutines.
type Limiter struct {
	log    *Logger
	period time.Duration

	mu   sync.Mutex
	keys map[string]*limited
}

type limited struct {
	last  time.Time // when a line passed
	count int       // held back since
	level Level
	text  string
}

// NewLimiter returns a Limiter that writes to log; a period of zero or less
// lets a key pass only once (until Reset).
func NewLimiter(log *Logger, period time.Duration) *Limiter {
	return &Limiter{log: log, period: period, keys: make(map[string]*limited)}
}

// Log writes text unless key passed less than a period ago. It reports
// whether the line was written.
func (m *Limiter) Log(key string, level Level, text string) bool {
	now := m.log.now()
	m.mu.Lock()
	k := m.keys[key]
	if k == nil {
		if len(m.keys) >= maxKeys {
			m.evict()
		}
		m.keys[key] = &limited{last: now, level: level, text: text}
		m.mu.Unlock()
		m.log.Log(level, text)
		return true
	}
	if m.period <= 0 || now.Sub(k.last) < m.period {
		k.count++
		m.mu.Unlock()
		return false
	}
	n := k.count
	*k = limited{last: now, level: level, text: text}
	m.mu.Unlock()
	m.log.Log(level, text+repeated(n))
	return true
}

// Once is Log for a condition that should be said once, whatever the period.
func (m *Limiter) Once(key string, level Level, text string) bool {
	m.mu.Lock()
	if k := m.keys[key]; k != nil {
		k.count++
		m.mu.Unlock()
		return false
	}
	m.mu.Unlock()
	return m.Log(key, level, text)
}

// Reset forgets a key because its condition ended; lines held back are
// summed up in one line.
func (m *Limiter) Reset(key string) {
	m.mu.Lock()
	k := m.keys[key]
	delete(m.keys, key)
	m.mu.Unlock()
	if k != nil && k.count > 0 {
		m.log.Log(k.level, k.text+repeated(k.count))
	}
}

// Held is the number of lines of key that were held back since one passed.
func (m *Limiter) Held(key string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.keys[key]; k != nil {
		return k.count
	}
	return 0
}

// evict forgets the key that passed longest ago.
func (m *Limiter) evict() {
	var oldest string
	var at time.Time
	for name, k := range m.keys {
		if oldest == "" || k.last.Before(at) || (k.last.Equal(at) && name < oldest) {
			oldest, at = name, k.last
		}
	}
	delete(m.keys, oldest)
}

func repeated(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return " [repeated once]"
	}
	return fmt.Sprintf(" [repeated %d times]", n)
}
