package lineartest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
)

// blockSize is the logical block length of the disk, in bytes.
const blockSize = 512

// Race is initiators of one disk that collide on its first few blocks, which hold zeros at first.
type Race struct {
	Initiators []scsi.Handler
	Seed       uint64     // of what they send; when, and with what it interleaves, is chance
	Blocks     int        // few enough for commands to collide
	Kills      func() int // how often the disk's server has been killed by now; nil: never
}

// Run lets them loose, for so many commands each or until stop is closed, and returns what they have seen. The error is of a
// READ that saw part of a block.
func (r Race) Run(commands int, stop <-chan struct{}) (*History, error) {
	var h History
	var values atomic.Uint64
	var wg sync.WaitGroup
	torn := make([]error, len(r.Initiators))
	for i, disk := range r.Initiators {
		one := &racer{Race: r, Rand: rand.New(rand.NewPCG(r.Seed, uint64(i))), id: i, disk: disk, history: &h, values: &values, seen: make([]uint64, r.Blocks)}
		wg.Go(func() {
			for n := 0; n < commands && torn[i] == nil && !closed(stop); n++ {
				one.command()
				torn[i] = one.torn
			}
		})
	}
	wg.Wait()
	for _, err := range torn {
		if err != nil {
			return &h, err
		}
	}
	return &h, nil
}

func closed(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// racer is an initiator that sends commands at random, and records what it hears.
type racer struct {
	Race
	*rand.Rand
	id      int
	disk    scsi.Handler
	history *History
	values  *atomic.Uint64 // the last one written by anyone: each is written once
	seen    []uint64       // what the blocks held that were read last
	torn    error

	sent  int64 // when the last command was sent
	kills int   // how many there had been
}

// command sends one.
func (r *racer) command() {
	lba := r.IntN(r.Blocks)
	n := 1 + r.IntN(r.Blocks-lba)
	switch r.IntN(6) {
	case 0, 1:
		r.read(lba, n)
	case 2: // WRITE (16)
		r.write(0x8a, lba, n, n)
	case 3: // WRITE SAME (16), which has the Data-Out of one block
		r.write(0x93, lba, n, 1)
	case 4:
		r.unmap(lba, n)
	case 5:
		r.compare(lba)
	}
}

func (r *racer) send(cdb string, data []byte) scsi.Result {
	r.sent = Now()
	if r.Kills != nil {
		r.kills = r.Kills()
	}
	return r.disk.Do(&scsi.Command{CDB: scsitest.Hex(cdb), Data: scsi.Buffer{data}})
}

// heard records the answer to what was sent. Who is killed may have done a command that it has not answered, and then the
// initiator sends it again: so often it may have been done besides.
func (r *racer) heard(q Request, a Answer) {
	if r.Kills != nil && q.Kind != Read {
		for range r.Kills() - r.kills {
			r.history.Add(r.id, r.sent, q, Answer{Outcome: Failed})
		}
	}
	r.history.Add(r.id, r.sent, q, a)
}

func (r *racer) read(lba, n int) {
	data := make([]byte, n*blockSize)
	result := r.send(fmt.Sprintf("88 00 %016x %08x 00 00", lba, n), data)
	for i := 0; i < n && result.OK(); i++ {
		v, err := Value(data[i*blockSize:][:blockSize])
		if err != nil {
			r.torn = fmt.Errorf("block %d: %w", lba+i, err)
		}
		r.seen[lba+i] = v
		r.heard(Request{Block: lba + i}, Answer{Data: v})
	}
}

func (r *racer) write(code byte, lba, n, blocks int) {
	value := r.values.Add(1)
	result := r.send(fmt.Sprintf("%02x 00 %016x %08x 00 00", code, lba, n), Block(value, blocks*blockSize))
	r.wrote(lba, n, value, result)
}

func (r *racer) unmap(lba, n int) {
	list := fmt.Sprintf("0016 0010 00000000 %016x %08x 00000000", lba, n)
	r.wrote(lba, n, 0, r.send("42 00 00000000 00 0018 00", scsitest.Hex(list)))
}

func (r *racer) wrote(lba, n int, value uint64, result scsi.Result) {
	for b := lba; b < lba+n; b++ {
		r.heard(Request{Block: b, Kind: Write, New: value}, answer(result))
	}
}

// compare is COMPARE AND WRITE. It expects what was read last, which is often what is there.
func (r *racer) compare(lba int) {
	q := Request{Block: lba, Kind: Compare, Old: r.seen[lba], New: r.values.Add(1)}
	data := append(Block(q.Old, blockSize), Block(q.New, blockSize)...)
	r.heard(q, answer(r.send(fmt.Sprintf("89 00 %016x 000000 01 00 00", lba), data)))
}

func answer(r scsi.Result) Answer {
	if r.OK() {
		return Answer{}
	}
	var p [scsi.SenseSize]byte
	if r.Sense(p[:]); r.Key == scsi.Miscompare {
		return Answer{Outcome: Differs, At: int(binary.BigEndian.Uint32(p[3:]))}
	}
	return Answer{Outcome: Failed}
}
