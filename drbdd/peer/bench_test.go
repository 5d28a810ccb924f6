package peer

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"classicha/drbdd/blockdev"
	"classicha/drbdd/peer/meet"
	"classicha/drbdd/wire"
)

// player is a handler of the benchmarks: one side answers data with acks, the other
// sends the next block for each ack.
type player struct {
	echo  bool
	acks  chan struct{}
	every int // flush acks when the reader has taken that many
	n     int
}

func (p *player) Up(*Session)                                        {}
func (p *player) Failed(bool, string)                                {}
func (p *player) Sent(*Session, uint64)                              {}
func (p *player) Stalled(*Session, wire.Socket)                      {}
func (p *player) Down(*Session, wire.Socket, wire.ConnState, string) {}
func (p *player) Packet(s *Session, _ wire.Socket, vol int, cmd wire.Command, body wire.Body, payload *blockdev.Buffer, _ []byte) {
	if payload != nil {
		d := body.(wire.Data)
		s.SendAck(vol, wire.CmdWriteAck, wire.BlockAck{Sector: d.Sector, BlockID: d.BlockID, Size: uint32(len(payload.B))})
		payload.Release()
		if p.n++; p.n%p.every == 0 {
			s.Flush()
		}
		return
	}
	p.acks <- struct{}{}
}

// benchPair is two sessions over loopback.
func benchPair(b *testing.B, every int) (sa *Session, pa *player) {
	pool, err := blockdev.NewPool(16 << 20)
	if err != nil {
		b.Fatal(err)
	}
	cfg := &Config{Pool: pool, Ring: newRing(b), Timeout: 6 * time.Second, Cork: true, Log: func(Level, string) {}}
	pa, pb := &player{acks: make(chan struct{}, 4096)}, &player{echo: true, every: every}
	end := meet.Established{Dialect: wire.Dialect{Version: 101}}
	sa, dc, mc := pair(b, cfg, pa, end.Dialect)
	_ = dc.SetNoDelay(true)
	sb := begin(b, cfg, pb, end, dc, mc)
	b.Cleanup(func() {
		sa.Close()
		sb.Close()
		sa.Wait()
		sb.Wait()
		pool.Close()
	})
	return sa, pa
}

// BenchmarkPingPong: P_DATA one way, its P_WRITE_ACK back, depth of them under way.
func BenchmarkPingPong(b *testing.B) {
	for _, c := range []struct{ size, depth int }{{4096, 1}, {4096, 32}, {65536, 8}, {1 << 20, 1}, {1 << 20, 4}} {
		b.Run(fmt.Sprintf("%dK/depth%d", c.size>>10, c.depth), func(b *testing.B) {
			s, p := benchPair(b, max(1, c.depth/4))
			data := make([]byte, c.size)
			b.SetBytes(int64(c.size))
			b.ReportAllocs()
			b.ResetTimer()
			out, done := 0, 0
			for done < b.N {
				for ; out-done < c.depth && out < b.N+c.depth; out++ {
					s.SendData(0, wire.CmdData, wire.Data{BlockID: uint64(out)}, data, nil, 0)
				}
				s.Flush()
				<-p.acks
				for done++; len(p.acks) > 0; done++ {
					<-p.acks
				}
			}
			b.StopTimer()
			for ; done < out && done+max(1, c.depth/4) <= out; done++ {
				<-p.acks
			}
		})
	}
}

// BenchmarkRawTCP is the same with nothing of ours: what the machine can do at most.
func BenchmarkRawTCP(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	x, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	y, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf, ack := make([]byte, 4136), make([]byte, 40)
		for {
			for n := 0; n < len(buf); {
				k, err := y.Read(buf[n:])
				if err != nil {
					return
				}
				n += k
			}
			if _, err := y.Write(ack); err != nil {
				return
			}
		}
	}()
	buf, ack := make([]byte, 4136), make([]byte, 40)
	b.SetBytes(4096)
	for b.Loop() {
		if _, err := x.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := x.Read(ack); err != nil {
			b.Fatal(err)
		}
	}
	x.Close()
	y.Close()
	<-done
}
