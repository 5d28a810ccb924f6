package media_test

import (
	"testing"
	"time"

	"classicha/heartbeatd/media"
	"classicha/heartbeatd/netaddr/nstest"
)

// Without its interface a medium persists, and works as soon as there is one.
func TestPersistWithoutInterface(t *testing.T) {
	a, b := cable(t)
	spec := media.Spec{Kind: media.KindBcast, Interface: "eth0", Enter: a.Do}
	a.Remove(t, "eth0")
	book := &logBook{}
	spec.Log = book.log
	m, err := media.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Persist(func(media.Packet) {}); err == nil {
		t.Error("no error although the interface does not exist")
	}
	defer m.Close()
	m.Send([]byte("into the void"))
	if s := m.Stats(); s.Open || s.SendErrors != 1 || s.LastError == "" {
		t.Errorf("%+v", s)
	}
	nstest.Cable(t, a, "eth0", b, "eth0")
	addresses(t, a, b)
	within(t, 5*time.Second, "the medium opens when its interface is there", func() bool { return m.Stats().Open })
}
