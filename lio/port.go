package lio

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Access is what initiators are told of an ALUAGroup, in the numbers of REPORT TARGET PORT GROUPS (SPC-4 6.37).
type Access struct {
	ID             uint16 // TARGET PORT GROUP
	State          byte   // ASYMMETRIC ACCESS STATE
	Supported      byte   // states that there may be, a bit for each
	Status         byte   // STATUS CODE: why State is what it is
	Preferred      bool
	Implicit       bool // State is changed by the target itself
	TransitionTime byte // seconds; 0: not said
}

// accessStatus are the words that the kernel has for STATUS CODE 0, 1 and 2.
var accessStatus = []string{"None", "Altered by Explicit STPG", "Altered by Implicit ALUA"}

// supportedStates are the files of the states there may be, and their bits in Supported.
var supportedStates = []struct {
	file string
	bit  byte
}{
	{"alua_support_transitioning", 0x80}, {"alua_support_offline", 0x40}, {"alua_support_lba_dependent", 0x10},
	{"alua_support_unavailable", 0x08}, {"alua_support_standby", 0x04}, {"alua_support_active_nonoptimized", 0x02},
	{"alua_support_active_optimized", 0x01},
}

// Access reads what initiators are told of the group.
func (g ALUAGroup) Access() (Access, error) {
	id, err1 := g.uint("tg_pt_gp_id", 16)
	state, err2 := g.uint("alua_access_state", 4)
	preferred, err3 := g.uint("preferred", 1)
	seconds, err4 := g.uint("implicit_trans_secs", 8)
	status, err5 := g.read("alua_access_status")
	access, err6 := g.read("alua_access_type")
	a := Access{
		ID: uint16(id), State: byte(state), Preferred: preferred != 0, TransitionTime: byte(seconds),
		Status: byte(max(slices.Index(accessStatus, status), 0)), Implicit: strings.HasPrefix(access, "Implicit"),
	}
	err := errors.Join(err1, err2, err3, err4, err5, err6)
	for _, s := range supportedStates {
		on, bad := g.uint(s.file, 1)
		if on != 0 {
			a.Supported |= s.bit
		}
		err = errors.Join(err, bad)
	}
	return a, err
}

// uint reads a number that fits in so many bits.
func (n node) uint(file string, bits int) (uint64, error) {
	text, err := n.read(file)
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%s/%s is %q: not a number of %d bits", n.path, file, text, bits)
	}
	return v, nil
}

// LUNs lists the LUNs that are in the group, as far as the page that the kernel has for them goes. It is much quicker than
// to look through all LUNs there are.
func (g ALUAGroup) LUNs() ([]LUN, error) {
	text, err := g.read("members")
	if err != nil {
		return nil, err
	}
	var all []LUN
	for line := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == '\n' || c == 0 }) {
		l, ok := g.root.member(line)
		if !ok {
			return nil, fmt.Errorf("%s/members has %q, which names no LUN", g.path, line)
		}
		all = append(all, l)
	}
	return all, nil
}

// member is the LUN that a line of members names: "loopback/naa.5001405.../tpgt_1/lun_0". The fabric's name is what its
// module calls itself, which for iSCSI is "iSCSI".
func (r Root) member(line string) (LUN, bool) {
	part := strings.Split(line, "/")
	if len(part) != 4 {
		return LUN{}, false
	}
	tag, err1 := strconv.Atoi(strings.TrimPrefix(part[2], "tpgt_"))
	number, err2 := strconv.Atoi(strings.TrimPrefix(part[3], "lun_"))
	fabric := r.fabric(strings.ToLower(part[0]))
	target := Target{fabric.child(part[1]), fabric, part[1]}
	return target.tpg(tag).LUN(number), err1 == nil && err2 == nil
}

// RelativePort is the RELATIVE TARGET PORT IDENTIFIER of the port that the LUN's initiators reach it by.
func (l LUN) RelativePort() (uint16, error) {
	v, err := l.uint("statistics/scsi_port/indx", 16)
	return uint16(v), err
}

// Protocol identifiers (SPC-4 7.6.1) of the names that ports have.
var protocols = []struct {
	prefix string
	id     byte
}{{"iqn.", 5}, {"eui.", 5}, {"naa.", 6}, {"ib.", 4}, {"ieee1394.", 3}}

// Protocol is the PROTOCOL IDENTIFIER of the target, told by its name as the kernel does: 5 for iSCSI, 6 for SAS, 0 for
// Fibre Channel.
func (t Target) Protocol() byte {
	for _, p := range protocols {
		if strings.HasPrefix(t.WWN, p.prefix) {
			return p.id
		}
	}
	return 0
}
