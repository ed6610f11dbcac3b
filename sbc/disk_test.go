package sbc_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

func identity() spc.Identity {
	return spc.Identity{Vendor: "LIO-ORG", Product: "rd0", Revision: "0001", Serial: "a8c4ea0b-d3ec-4d5a-88ef-4dcd1b6dc08d"}
}

// onePort is an iSCSI port in LIO's default group.
func onePort() []spc.PortGroup {
	return []spc.PortGroup{{AccessGroup: spc.AccessGroup{Supported: 0xdf, Implicit: true}, Ports: []spc.Port{
		{Relative: 1, Protocol: 0x05, Name: "iqn.2003-01.org.example:a,t,0x0001", Device: "iqn.2003-01.org.example:a"},
	}}}
}

// memory is a State that a loss of power would take away.
type memory struct {
	mu      sync.Mutex
	records map[string][]byte // guarded by mu
	broken  error             // of each Load and Save; guarded by mu
}

func newMemory() *memory { return &memory{records: map[string][]byte{}} }

func (m *memory) Load(name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.records[name], m.broken
}

func (m *memory) Save(name string, record []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken == nil {
		m.records[name] = record
	}
	return m.broken
}

// complete is a disk that has all there is, but for a medium that can be taken out.
func complete(s backend.Store) sbc.Config {
	return sbc.Config{Store: s, Identity: identity, Ports: onePort, State: newMemory(), Reservations: true}
}

// newDisk makes a disk with blocks of 512 bytes and all there is, or as the changes to its configuration have it.
func newDisk(t testing.TB, s backend.Store, change ...func(*sbc.Config)) *sbc.Disk {
	t.Helper()
	cfg := complete(s)
	for _, f := range change {
		f(&cfg)
	}
	d, err := sbc.New(cfg)
	require.NoError(t, err)
	t.Cleanup(d.Suspend)
	return d
}

func blocksOf4096(c *sbc.Config) { c.BlockSize = 4096 }

func writeThrough(c *sbc.Config) { c.WriteThrough = true }

func removable(c *sbc.Config) { c.Removable = true }

// host joins an initiator to a disk.
func host(t testing.TB, d *sbc.Disk) *scsitest.Host { return scsitest.Join(t, d.Unit, "host a", &seen) }

// newHost is an initiator of a new disk.
func newHost(t testing.TB, s backend.Store, change ...func(*sbc.Config)) *scsitest.Host {
	t.Helper()
	return host(t, newDisk(t, s, change...))
}

// ramdisk is 1 MiB: 2048 blocks of 512 bytes, 256 of 4096.
func ramdisk(t testing.TB) backend.Store {
	t.Helper()
	r, err := backend.NewRamdisk(1 << 20)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// volatile is a store of 1 MiB that loses what was not flushed.
func volatile() *recorder {
	m := newRecorder(1 << 20)
	m.traits.Volatile = true
	return m
}

// pattern is n bytes that tell blocks and stores apart.
func pattern(n int, seed byte) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i) ^ byte(i>>8) ^ seed
	}
	return p
}

func hex(p []byte) string { return fmt.Sprintf("%x", p) }

func TestNewRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		cfg sbc.Config
		say string
	}{
		"block size":         {sbc.Config{Store: newRecorder(1 << 20), Identity: identity, BlockSize: 520}, "520 is not supported: use 512 or 4096"},
		"size not of blocks": {sbc.Config{Store: newRecorder(4096 + 512), Identity: identity, BlockSize: 4096}, "4608 bytes is not a whole number of blocks of 4096"},
		"empty store":        {sbc.Config{Store: newRecorder(0), Identity: identity}, "store of 0 bytes"},
		"no identity":        {sbc.Config{Store: newRecorder(512)}, "serial number of its own"},
		"physical exponent":  {sbc.Config{Store: newRecorder(512), Identity: identity, PhysicalExponent: 16}, "16 is not supported: use 0 to 15"},
		"maximum transfer":   {sbc.Config{Store: newRecorder(512), Identity: identity, MaxTransfer: 511}, "511 bytes is less than a block"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sbc.New(test.cfg)
			require.ErrorContains(t, err, test.say)
		})
	}
}

func TestGeometry(t *testing.T) {
	d := newDisk(t, newRecorder(1<<20), blocksOf4096)
	require.Equal(t, uint64(256), d.Blocks())
	require.Equal(t, 4096, d.BlockSize())
	d = newDisk(t, newRecorder(1<<20))
	require.Equal(t, uint64(2048), d.Blocks())
	require.Equal(t, 512, d.BlockSize())
}

func TestUnknownCommands(t *testing.T) {
	h := newHost(t, newRecorder(1<<20))
	h.Send("01 00 0000 00 00").Sense("05 20 00")
	h.Send("3d 00 00000000 00 0000 00").Sense("05 20 00")
	h.Send("60 00 00000000 00000000 00 00").Sense("05 20 00")
	h.Send("c1 00 00000000 00 0000 00").Sense("05 20 00")
	h.Send("7f 00 00 00 00 00 00 18 0001 00*22").Sense("05 20 00")
	h.Send("").Sense("05 20 00")
	h.Send("9e 11 0000000000000000 00000020 00 00").Sense("05 24 00 cc 00 01") // SERVICE ACTION
	h.Send("a3 0e 00 00 0000 00000020 00 00").Sense("05 24 00 cc 00 01")
}

var _ scsi.Handler = (*sbc.Disk)(nil)
