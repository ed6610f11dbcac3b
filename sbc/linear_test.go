package sbc_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/lineartest"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// linearBlocks is few enough for commands to collide.
const linearBlocks = 4

// racer is an initiator that sends commands at random, and records what it hears.
type racer struct {
	*rand.Rand
	id      int
	disk    *sbc.Disk
	nexus   *scsi.Nexus
	history *lineartest.History
	values  *atomic.Uint64 // the last one written by anyone: each is written once
	seen    [linearBlocks]uint64
	torn    error
}

// TestLinearizable: initiators that collide on a few blocks, of a store that fails now and then, see one order.
func TestLinearizable(t *testing.T) {
	for _, s := range modelStores[:1] { // a ramdisk: a file tears blocks, see docs/reliability.md
		t.Run(s.name, func(t *testing.T) {
			store, err := s.open(t, 1<<20)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, store.Close()) })
			page := filepath.Join(os.TempDir(), "tcmud-history-"+s.name+".html") // stays, for who looks into it
			require.NoError(t, race(t, backend.Intercept(store, failAtRandom), page))
		})
	}
}

// TestLinearizableFindsLostWrites: a store that loses a write in fifty is found out.
func TestLinearizableFindsLostWrites(t *testing.T) {
	page := filepath.Join(t.TempDir(), "history.html")
	require.ErrorContains(t, race(t, &lossy{Store: ramdisk(t)}, page), "linearizable: Illegal")
	require.FileExists(t, page)
}

// lossy is a store that says of each fiftieth write that it is done, and has not done it.
type lossy struct {
	backend.Store
	writes atomic.Int64
}

func (f *lossy) Writev(iov [][]byte, off int64, durable bool) error {
	if f.writes.Add(1)%50 == 0 {
		return nil
	}
	return f.Store.Writev(iov, off, durable)
}

func failAtRandom(op backend.Op, _, _ int64) error {
	errs := []error{syscall.EIO, syscall.ENOSPC, syscall.ETIMEDOUT, syscall.ENOMEM, syscall.EREMOTEIO}
	if op == backend.OpFlush || rand.IntN(20) > 0 {
		return nil
	}
	return errs[rand.IntN(len(errs))]
}

// race lets four initiators loose on a disk, and checks what they have seen. What they send is the same in each run, but for
// what they compare with; how it interleaves, and what fails, is not.
func race(t *testing.T, s backend.Store, page string) error {
	d := newDisk(t, s)
	var history lineartest.History
	var values atomic.Uint64
	var wg sync.WaitGroup
	var racers []*racer
	for i := range 4 {
		n := scsitest.Join(t, d.Unit, fmt.Sprint("host ", i), &seen).Nexus()
		r := &racer{Rand: rand.New(rand.NewPCG(1, uint64(i))), id: i, disk: d, nexus: n, history: &history, values: &values}
		racers = append(racers, r)
		wg.Go(func() {
			for range 1000 {
				r.one()
			}
		})
	}
	wg.Wait()
	for _, r := range racers {
		require.NoError(t, r.torn)
	}
	return history.Check(page)
}

// one sends a command.
func (r *racer) one() {
	lba := r.IntN(linearBlocks)
	n := 1 + r.IntN(linearBlocks-lba)
	switch r.IntN(6) {
	case 0, 1:
		r.read(lba, n)
	case 2:
		r.write(0x8a, lba, n, n)
	case 3:
		r.write(0x93, lba, n, 1)
	case 4:
		r.unmap(lba, n)
	case 5:
		r.compare(lba)
	}
}

func (r *racer) send(cdb string, data []byte) (int64, scsi.Result) {
	sent := lineartest.Now()
	return sent, r.disk.Do(&scsi.Command{CDB: scsitest.Hex(cdb), Data: scsi.Buffer{data}, Nexus: r.nexus})
}

func (r *racer) read(lba, n int) {
	data := make([]byte, n*512)
	sent, result := r.send(fmt.Sprintf("88 00 %016x %08x 00 00", lba, n), data)
	for i := 0; i < n && result.OK(); i++ {
		v, err := lineartest.Value(data[i*512:][:512])
		if err != nil {
			r.torn = err
		}
		r.seen[lba+i] = v
		r.history.Add(r.id, sent, lineartest.Request{Block: lba + i}, lineartest.Answer{Data: v})
	}
}

// write is of WRITE (16), and of WRITE SAME (16), which has the Data-Out of one block.
func (r *racer) write(code byte, lba, n, blocks int) {
	value := r.values.Add(1)
	sent, result := r.send(fmt.Sprintf("%02x 00 %016x %08x 00 00", code, lba, n), lineartest.Block(value, blocks*512))
	r.wrote(sent, lba, n, value, result)
}

func (r *racer) unmap(lba, n int) {
	list := fmt.Sprintf("0016 0010 00000000 %016x %08x 00000000", lba, n)
	sent, result := r.send("42 00 00000000 00 0018 00", scsitest.Hex(list))
	r.wrote(sent, lba, n, 0, result)
}

func (r *racer) wrote(sent int64, lba, n int, value uint64, result scsi.Result) {
	for b := lba; b < lba+n; b++ {
		r.history.Add(r.id, sent, lineartest.Request{Block: b, Kind: lineartest.Write, New: value}, answer(result))
	}
}

// compare expects what was read last, which is often what is there.
func (r *racer) compare(lba int) {
	q := lineartest.Request{Block: lba, Kind: lineartest.Compare, Old: r.seen[lba], New: r.values.Add(1)}
	data := append(lineartest.Block(q.Old, 512), lineartest.Block(q.New, 512)...)
	sent, result := r.send(compareAndWrite(0, uint64(lba), 1), data)
	r.history.Add(r.id, sent, q, answer(result))
}

func answer(r scsi.Result) lineartest.Answer {
	if r.OK() {
		return lineartest.Answer{}
	}
	var p [scsi.SenseSize]byte
	if r.Sense(p[:]); p[2] == 0x0e {
		return lineartest.Answer{Outcome: lineartest.Differs, At: int(binary.BigEndian.Uint32(p[3:]))}
	}
	return lineartest.Answer{Outcome: lineartest.Failed}
}
