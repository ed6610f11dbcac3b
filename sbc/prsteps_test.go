package sbc_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/scsi"
	"github.com/tcmud/tcmud/scsi/scsitest"
	"github.com/tcmud/tcmud/spc"
)

// prBench is a disk that keeps reservations beside the model of what it has to say. Each of its steps sends a command that
// is drawn at random, or is what else may happen to a unit.
type prBench struct {
	*prModel
	t        *rapid.T
	open     func() spc.State // nil: nothing is kept
	seen     map[string]int   // how commands have ended, as in mustBeSeen
	cfg      sbc.Config
	store    *recorder
	disk     *sbc.Disk
	all      []nexusName
	nexuses  map[nexusName]*scsi.Nexus
	sessions map[nexusName]int             // which one it is in
	aborts   map[nexusName]int             // how often its tasks have been aborted by the last command
	observer *scsi.Nexus                   // who never has a part in anything
	numbers  map[int]*rapid.Generator[int] // below each n
	block    byte                          // what the block that is written holds
}

// enoughSteps come to whatever there is to see: "make model" takes more, and the unit tests a tenth.
const enoughSteps = 150_000

// TestReservationModel sends what concerns reservations at random; "make model" sends a million.
func TestReservationModel(t *testing.T) {
	seen := map[string]int{}
	for _, c := range []struct {
		name       string
		initiators string
		state      func(path string) func() spc.State // opens it after each loss of power
	}{
		{"kept in memory", "ABC", inMemoryState},
		{"kept in a file", "AB", inStateFile},
		{"nothing can be kept", "AB", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, disks := t.TempDir(), 0
			rapid.Check(t, func(t *rapid.T) {
				b := newPRBench(t, seen, c.initiators)
				if disks++; c.state != nil {
					b.lasting, b.open = true, c.state(filepath.Join(path, fmt.Sprint(disks)))
				}
				b.powerOn()
				for range 10 {
					t.Repeat(map[string]func(*rapid.T){"": b.compare, "step": b.step})
				}
				b.disk.Suspend()
			})
		})
	}
	total := 0
	for _, n := range seen {
		total += n
	}
	if total < enoughSteps {
		return
	}
	for command, outcomes := range mustBeSeen {
		for outcome := range strings.SplitSeq(outcomes, "; ") {
			require.NotZero(t, seen[command+": "+outcome], "no step has seen %s: %s", command, outcome)
			delete(seen, command+": "+outcome)
		}
	}
	require.Empty(t, seen, "this should not happen, or is to be added to what must be seen")
}

func inMemoryState(string) func() spc.State {
	m := newMemory()
	return func() spc.State { return m }
}

func inStateFile(path string) func() spc.State {
	return func() spc.State { return spc.OpenState(path) }
}

func newPRBench(t *rapid.T, seen map[string]int, initiators string) *prBench {
	b := &prBench{t: t, seen: seen, store: newRecorder(4096), nexuses: map[nexusName]*scsi.Nexus{},
		sessions: map[nexusName]int{}, aborts: map[nexusName]int{}, numbers: map[int]*rapid.Generator[int]{},
		prModel: &prModel{ports: []uint16{1, 2}, joined: map[nexusName]bool{}, keys: map[nexusName]uint64{},
			pending: map[nexusName][]scsi.Code{}, aborted: map[nexusName]bool{}}}
	b.cfg = sbc.Config{Store: b.store, Identity: identity, Ports: sasPorts, Reservations: true}
	for _, i := range initiators {
		for _, p := range b.ports {
			b.all = append(b.all, nexusName{byte(i), p})
			b.joined[nexusName{byte(i), p}] = true
		}
	}
	return b
}

// powerOn makes a disk of what is kept, and joins those who are there.
func (b *prBench) powerOn() {
	if b.disk != nil {
		b.disk.Suspend()
	}
	if b.open != nil {
		b.cfg.State = b.open()
	}
	var err error
	b.disk, err = sbc.New(b.cfg)
	require.NoError(b.t, err)
	require.NoError(b.t, b.disk.Restore())
	b.observer = b.disk.JoinAs(scsi.Ends{Name: "observer", Initiator: string(transportID('Z')), Port: 1})
	for _, n := range b.all {
		if b.joined[n] {
			b.join(n)
		}
	}
}

func (b *prBench) join(n nexusName) {
	b.joined[n] = true
	x := b.disk.JoinAs(n.ends())
	x.Carry(&prTasks{b, n})
	x.Watch(func() (string, bool) { return fmt.Sprint(b.sessions[n]), true })
	b.nexuses[n] = x
}

// prTasks are the tasks of a nexus that has none: they count how often they are aborted.
type prTasks struct {
	b *prBench
	n nexusName
}

func (p *prTasks) Abort(*scsi.Command) <-chan struct{} {
	p.b.aborts[p.n]++
	done := make(chan struct{})
	close(done)
	return done
}

// step is whatever comes next. What changes most comes most often.
func (b *prBench) step(*rapid.T) {
	action := func(action byte) func() { return func() { b.reservationOut(action) } }
	register, ignore, reserve, move := action(actRegister), action(actRegisterIgnore), action(actReserve), action(actMove)
	preempt, preemptAbort := action(actPreempt), action(actPreemptAbort)
	draw(b, "step",
		register, register, register, ignore, ignore, reserve, reserve, reserve, reserve, action(actRelease), action(actRelease),
		preempt, preempt, preempt, preemptAbort, preemptAbort, preemptAbort, move, move, action(actClear), action(actReplaceLost),
		b.reservationIn, b.command, b.command, b.write, b.read, b.requestSense, b.ready, b.ready, b.ready,
		b.reserve2, b.release2, b.release2, b.leave, b.rejoin, b.rejoin, b.newSession, b.resetUnit, b.cyclePower)()
}

// who draws an I_T nexus that is there.
func (b *prBench) who() nexusName {
	return draw(b, "who", slices.DeleteFunc(slices.Clone(b.all), func(n nexusName) bool { return !b.joined[n] })...)
}

// ending is a result as the model spells it, "" for GOOD.
func ending(r scsi.Result) string {
	switch r.Status {
	case scsi.Good:
		return ""
	case scsi.ReservationConflict:
		return conflict
	}
	return fmt.Sprintf("%02x/%02x/%02x", uint8(r.Key), uint8(r.Code>>8), uint8(r.Code))
}

// send sends a command of n and holds its end to the model: a unit attention condition if one is pending, else one of must,
// else GOOD, and then apply says what it has done, or one of may. It returns the Data-In, and whether the end was GOOD.
func (b *prBench) send(n nexusName, command, cdb string, data []byte, must, may []string, apply func() string) ([]byte, bool) {
	b.nothingAborted()
	c := &scsi.Command{CDB: scsitest.Hex(cdb), Data: scsi.Buffer{data}, Nexus: b.nexuses[n]}
	r := b.disk.Do(c)
	end := ending(r)
	b.t.Logf("%v: %s [%x] %.24x: %v", n, command, c.CDB, data, r)
	switch {
	case len(b.pending[n]) > 0 && !slices.Contains([]string{"INQUIRY", "REPORT LUNS", "REQUEST SENSE"}, command):
		require.Equal(b.t, ending(scsi.Check(scsi.UnitAttention, b.pending[n][0])), end)
		b.pending[n] = b.pending[n][1:]
	case len(must) > 0:
		require.Contains(b.t, append(must, may...), end)
		b.seen[command+": "+end]++
	case end == "":
		b.seen[command+": "+apply()]++
	default:
		require.Contains(b.t, may, end)
	}
	b.compareAborted(n)
	moved, _ := c.Moved()
	return data[:min(moved, int64(len(data)))], end == ""
}

func (b *prBench) nothingAborted() {
	clear(b.aborts)
	clear(b.aborted)
}

// compareAborted leaves out who has sent the command.
func (b *prBench) compareAborted(by nexusName) {
	for _, n := range b.all {
		if n != by && b.joined[n] {
			require.Equal(b.t, b.aborted[n], b.aborts[n] > 0, "%v: aborted", n)
		}
	}
}

func (b *prBench) reservationOut(action byte) {
	n := b.who()
	r := b.request(n, action)
	must, may := b.objections(n, r)
	cdb, list := r.encode()
	b.send(n, actionNames[action], cdb, list, must, may, func() string { return b.carryOut(n, r) })
}

func (b *prBench) reservation2(reserve bool, command string, cdbs ...string) {
	n := b.who()
	b.send(n, command, draw(b, "cdb", cdbs...), nil, b.objections2(n, reserve), nil, func() string { return b.carryOut2(n, reserve) })
}

func (b *prBench) reserve2() {
	b.reservation2(true, "RESERVE of SPC-2", "16 00 0000 00 00", "56 00 00*7 00")
}

func (b *prBench) release2() {
	b.reservation2(false, "RELEASE of SPC-2", "17 00 0000 00 00", "57 00 00*7 00")
}

// harmless are commands of each kind, that leave the unit as it is.
var harmless = []string{"TEST UNIT READY", "INQUIRY", "MODE SENSE (6)", "MODE SELECT (6)", "READ CAPACITY (10)", "LOG SENSE", "REPORT LUNS",
	"START STOP UNIT, START = 1 and POWER CONDITION = 0", "START STOP UNIT, POWER CONDITION <> 0", "SYNCHRONIZE CACHE (10)", "READ (16)"}

func reservedCommand(name string) scsitest.Reserved {
	at := slices.IndexFunc(scsitest.ReservedCommands, func(r scsitest.Reserved) bool { return r.Name == name })
	return scsitest.ReservedCommands[at]
}

func (b *prBench) command() {
	c := reservedCommand(draw(b, "command", harmless...))
	b.access(b.who(), c, c.CDB, append(scsitest.Hex(c.Out), make([]byte, c.In)...))
}

// ready lets hosts hear of what is pending, of which there would be too much else.
func (b *prBench) ready() {
	c := reservedCommand("TEST UNIT READY")
	n := b.who()
	for len(b.pending[n]) > 0 {
		b.access(n, c, c.CDB, nil)
	}
}

// requestSense takes a unit attention condition as data, whoever has reserved.
func (b *prBench) requestSense() {
	n := b.who()
	want := scsitest.Hex("70 00*6 0a 00*10")
	if len(b.pending[n]) > 0 {
		want[2] = byte(scsi.UnitAttention)
		binary.BigEndian.PutUint16(want[12:], uint16(b.pending[n][0]))
		b.pending[n] = b.pending[n][1:]
	}
	c := reservedCommand("REQUEST SENSE")
	data, _ := b.access(n, c, c.CDB, make([]byte, 18))
	require.Equal(b.t, want, data)
}

// write writes a block that is told from others, and read sees which of them came through.
func (b *prBench) write() {
	p := bytes.Repeat([]byte{byte(b.below(4, "block"))}, 512)
	if _, ok := b.access(b.who(), reservedCommand("WRITE (16)"), "8a 00 0000000000000000 00000001 00 00", p); ok {
		b.block = p[0]
	}
}

func (b *prBench) read() {
	data, ok := b.access(b.who(), reservedCommand("READ (16)"), "88 00 0000000000000000 00000001 00 00", make([]byte, 512))
	if ok {
		require.Equal(b.t, bytes.Repeat([]byte{b.block}, 512), data)
	}
}

// compare compares the unit with the model after each step: what is registered and reserved, and who is still to be told.
func (b *prBench) compare(*rapid.T) {
	for b.observer.TakeAttention() != (scsi.Result{}) {
	}
	for _, n := range b.all {
		if b.joined[n] {
			require.Equal(b.t, fmt.Sprint(b.pending[n]), fmt.Sprint(b.nexuses[n].Pending()), "%v: unit attentions", n)
		}
	}
	if b.spc2 == nil {
		for action := range 4 {
			b.judge(action, b.whole(fmt.Sprintf("5e %02x 0000000000 1000 00", action)))
		}
	}
}

// leave is the loss of an I_T nexus.
func (b *prBench) leave() {
	n := b.who()
	if b.there() == 1 {
		return
	}
	b.t.Logf("%v leaves", n)
	b.joined[n] = false
	b.lose(n)
	delete(b.pending, n)
	b.disk.Leave(b.nexuses[n])
}

func (b *prBench) there() int {
	n := 0
	for _, joined := range b.joined {
		if joined {
			n++
		}
	}
	return n
}

func (b *prBench) rejoin() {
	n := draw(b, "who", b.all...)
	if !b.joined[n] {
		b.t.Logf("%v joins", n)
		b.join(n)
	}
}

// newSession is the loss of an I_T nexus of which nobody tells, and its next session.
func (b *prBench) newSession() {
	n := b.who()
	b.t.Logf("%v logs in anew", n)
	b.sessions[n]++
	b.lose(n)
}

// resetUnit is a logical unit reset that came by one of the nexuses.
func (b *prBench) resetUnit() {
	n := b.who()
	b.t.Logf("%v resets the unit", n)
	b.nothingAborted()
	b.reset(n)
	b.disk.Reset(b.nexuses[n])
	b.compareAborted(n)
}

func (b *prBench) cyclePower() {
	b.t.Logf("loss of power")
	b.losePower()
	b.powerOn()
}

// access sends a command that reservations may forbid, and whose end is GOOD if they do not.
func (b *prBench) access(n nexusName, c scsitest.Reserved, cdb string, data []byte) ([]byte, bool) {
	var must []string
	if !b.allowed(n, c) {
		must = []string{conflict}
	}
	return b.send(n, c.Name, cdb, data, must, nil, func() string { return "goes through" })
}
