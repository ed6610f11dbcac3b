package tcmu_test

import (
	"context"
	"encoding/binary"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"

	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/tcmu"
)

const block = 512

// blocks answers READ (10) and WRITE (10) from anything that can be read and written at an offset. A disk needs some
// twenty commands more: packages spc and sbc have them, and make of a store a handler that is to be given to tcmu.Open
// in the same way.
func blocks(store interface {
	io.ReaderAt
	io.WriterAt
}) scsi.HandlerFunc {
	return func(c *scsi.Command) scsi.Result {
		op := c.CDB[0]
		if op != 0x28 && op != 0x2a {
			return scsi.InvalidCommandOperationCode
		}
		off := int64(binary.BigEndian.Uint32(c.CDB[2:])) * block
		n := int64(binary.BigEndian.Uint16(c.CDB[7:])) * block
		if op == 0x28 {
			for _, p := range c.In(n, block) { // the ring's own memory: nothing is copied twice
				if _, err := store.ReadAt(p, off); err != nil {
					return scsi.UnrecoveredReadError
				}
				off += int64(len(p))
			}
			return scsi.Result{}
		}
		data, res := c.Out(n)
		for _, p := range data {
			if _, err := store.WriteAt(p, off); err != nil {
				return scsi.WriteError
			}
			off += int64(len(p))
		}
		return res
	}
}

// This serves every TCMU device whose configuration string begins with "mine/", for as long as it runs. Devices are made
// through configfs: with package lio, targetcli or a shell.
func Example() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	file, err := os.OpenFile("disk.img", os.O_RDWR, 0)
	if err != nil {
		log.Fatal(err)
	}
	devices, err := tcmu.Scan()
	if err != nil {
		log.Fatal(err)
	}
	for _, u := range devices {
		if !strings.HasPrefix(u.Config, "mine/") {
			continue
		}
		d, err := tcmu.Open(ctx, u, blocks(file), tcmu.Options{Workers: 32})
		if err != nil {
			log.Fatal(err)
		}
		defer func() {
			left, err := d.Stop(context.Background())
			log.Printf("%v: %+v %v", u, left, err) // the next start goes on there: Options.Left
		}()
	}
	<-ctx.Done()
}
