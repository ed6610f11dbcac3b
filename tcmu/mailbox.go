package tcmu

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
	"sync/atomic"
)

// Features are the flags of the mailbox: what the kernel can do.
type Features uint16

// Features. Linux 5.15 and later have all of them.
const (
	OutOfOrder     Features = 1 << iota // commands may be completed in any order
	ReadLength                          // a completion may say how much Data-In there is
	TaskManagement                      // the ring may hold TMR entries
	KeepBuffer                          // a completion may keep its buffer: see Device.Abandon
)

func (f Features) String() string {
	var names []string
	for i, n := range [...]string{"OOOC", "READ_LEN", "TMR", "KEEP_BUF"} {
		if f&(1<<i) != 0 {
			names = append(names, n)
			f &^= 1 << i
		}
	}
	if f != 0 || len(names) == 0 {
		names = append(names, fmt.Sprintf("%#x", uint16(f)))
	}
	return strings.Join(names, "|")
}

// Where the fields of struct tcmu_mailbox are, the first bytes of the map. They are in the machine's byte order.
const (
	mailboxVersion  = 0  // u16
	mailboxFlags    = 2  // u16
	mailboxRing     = 4  // u32, where the command ring begins
	mailboxRingSize = 8  // u32
	mailboxHead     = 12 // u32, bytes from the begin of the ring; written by the kernel
	mailboxTail     = 64 // u32, bytes from the begin of the ring; written by us
	mailboxSize     = 128

	abiVersion = 2 // what the kernel has written since Linux 4.6; its documentation still says 1
)

// mailbox is a checked copy of what the kernel wrote once, and the two words that change.
type mailbox struct {
	features   Features
	begin, end uint32         // of the command ring, from the begin of the map; the data area follows
	head, tail *atomic.Uint32 // in shared memory
}

func readMailbox(mem []byte) (mailbox, error) {
	if err := checkWidth(bits.UintSize); err != nil {
		return mailbox{}, err
	}
	if len(mem) < mailboxSize {
		return mailbox{}, fmt.Errorf("the map has %d bytes, a mailbox alone has %d: is this a TCMU device?", len(mem), mailboxSize)
	}
	order := binary.NativeEndian
	if v := order.Uint16(mem[mailboxVersion:]); v != abiVersion {
		return mailbox{}, fmt.Errorf("mailbox version %d, known is %d: use a program made for this kernel", v, abiVersion)
	}
	begin, size := order.Uint32(mem[mailboxRing:]), order.Uint32(mem[mailboxRingSize:])
	m := mailbox{
		features: Features(order.Uint16(mem[mailboxFlags:])),
		begin:    begin,
		end:      begin + size,
		head:     word(mem, mailboxHead),
		tail:     word(mem, mailboxTail),
	}
	switch {
	case begin < mailboxSize || begin%entryAlign != 0:
		return mailbox{}, fmt.Errorf("mailbox places the ring at %#x: use a program made for this kernel", begin)
	case size < minCommand || size%entryAlign != 0 || uint64(begin)+uint64(size) > uint64(len(mem)):
		return mailbox{}, fmt.Errorf("mailbox places %d bytes of ring at %#x of a map of %d bytes: use a program made for this kernel", size, begin, len(mem))
	}
	return m, nil
}

// checkWidth refuses programs whose struct iovec is not the kernel's: there is no compatibility layer.
func checkWidth(bits int) error {
	if bits != 64 {
		return fmt.Errorf("a %d-bit program cannot read the ring of a 64-bit kernel: build with GOARCH=amd64 or another 64-bit architecture", bits)
	}
	return nil
}
