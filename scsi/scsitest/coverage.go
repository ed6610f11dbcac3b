package scsitest

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/tcmud/tcmud/scsi"
)

// Coverage remembers how each command has ended, so that a package can be held to having tried all that a row of its
// table can come to. The zero Coverage is ready; a nil one forgets.
type Coverage struct {
	mu   sync.Mutex
	ends map[string]map[scsi.Result]bool // by the command's name; results are bare; guarded by mu
}

// bare is a result without field pointer and information: what tells one outcome of a command from another.
func bare(r scsi.Result) scsi.Result { return scsi.Result{Status: r.Status, Key: r.Key, Code: r.Code} }

func (c *Coverage) record(command string, r scsi.Result) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ends == nil {
		c.ends = map[string]map[scsi.Result]bool{}
	}
	if c.ends[command] == nil {
		c.ends[command] = map[scsi.Result]bool{}
	}
	c.ends[command][bare(r)] = true
}

// Of is how a command has ended, sorted by status, sense key and code.
func (c *Coverage) Of(command string) []scsi.Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedFunc(maps.Keys(c.ends[command]), func(a, b scsi.Result) int {
		return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Code, b.Code))
	})
}

// Missing lists what the rows can come to and has not been seen. By the pipeline that is GOOD, a field of the CDB
// refused, and as the row's flags, extent and transfer rule have it, a reservation conflict, a unit attention, a medium
// that is not there, a stopped unit, a protected medium, an LBA out of range, and parameter data that is missing; by its handler what own says for the row's name.
func (c *Coverage) Missing(rows []scsi.Op, own map[string][]scsi.Result) []string {
	var missing []string
	for _, op := range rows {
		seen := c.Of(op.Name)
		for _, r := range append(outcomes(op), own[op.Name]...) {
			if !slices.Contains(seen, r) {
				missing = append(missing, fmt.Sprintf("%s: %v", op.Name, r))
			}
		}
	}
	return missing
}

func outcomes(op scsi.Op) []scsi.Result {
	all := []scsi.Result{{}, bare(scsi.InvalidFieldInCDB), scsi.Conflict}
	if op.Access == scsi.Always || op.Access == scsi.Reserves {
		all = all[:2]
	}
	if op.Flags&scsi.BypassAttention == 0 {
		all = append(all, scsi.Check(scsi.UnitAttention, scsi.PowerOnOccurred))
	}
	if op.Flags&scsi.NeedsMedium != 0 {
		all = append(all, scsi.MediumNotPresent)
	}
	if op.Flags&scsi.NeedsStart != 0 {
		all = append(all, scsi.LogicalUnitNotReadyStopped)
	}
	if op.Flags&scsi.AltersMedium != 0 {
		all = append(all, scsi.WriteProtected, scsi.LogicalUnitSoftwareWriteProtected)
	}
	if op.Extent.LBA.Width > 0 {
		all = append(all, scsi.LBAOutOfRange)
	}
	if op.Xfer.Rule == scsi.ParameterList {
		all = append(all, scsi.ParameterListLengthError)
	}
	return all
}

// Senses is the results that words of hexadecimal digits stand for: sense key, additional sense code and qualifier
// ("052100"), or a status that comes without sense data ("04"). It panics where a test is misspelt.
func Senses(s string) []scsi.Result {
	var all []scsi.Result
	for _, word := range strings.Fields(s) {
		switch p := Hex(word); len(p) {
		case 1:
			all = append(all, scsi.Result{Status: scsi.Status(p[0])})
		case 3:
			all = append(all, scsi.Check(scsi.Key(p[0]), scsi.Code(binary.BigEndian.Uint16(p[1:]))))
		default:
			panic(fmt.Sprintf("scsitest: %q is neither a sense nor a status", word))
		}
	}
	return all
}
