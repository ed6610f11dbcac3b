package spc

import (
	"encoding/binary"

	"github.com/tcmud/tcmud/scsi"
)

// selfTestLog is the Self-test Results log page: a parameter for each result there may be, the newest first. Those that have
// not been are zero.
func (d *Device) selfTestLog() LogPage {
	return LogPage{Code: 0x10, Name: "Self-test Results", Spec: "SPC-4 7.3", Saved: true,
		Parameters: func() []LogParameter { return testParameters(d.SelfTests()) },
		Set: func(to []LogParameter) {
			d.tests.mu.Lock()
			defer d.tests.mu.Unlock()
			d.tests.results = nil
			for _, l := range to {
				if r := parseTest(l.Value); r.Code != 0 {
					d.tests.results = append(d.tests.results, r)
				}
			}
		},
	}
}

func testParameters(results []SelfTestResult) []LogParameter {
	all := make([]LogParameter, maxTestResults)
	for i := range all {
		all[i] = LogParameter{Code: uint16(i + 1), Format: BinaryList, Value: make([]byte, 16)}
		if i < len(results) {
			results[i].put(all[i].Value)
		}
	}
	return all
}

// put writes the result as the value of a log parameter.
func (r SelfTestResult) put(p []byte) {
	p[0] = r.Code<<5 | r.Result&0x0f
	binary.BigEndian.PutUint16(p[2:], r.Hours)
	binary.BigEndian.PutUint64(p[4:], r.LBA)
	p[12] = byte(r.Sense.Key)
	binary.BigEndian.PutUint16(p[13:], uint16(r.Sense.Code))
}

// parseTest is the result that put has written.
func parseTest(p []byte) SelfTestResult {
	r := SelfTestResult{Code: p[0] >> 5, Result: p[0] & 0x0f,
		Hours: binary.BigEndian.Uint16(p[2:]), LBA: binary.BigEndian.Uint64(p[4:])}
	if code := scsi.Code(binary.BigEndian.Uint16(p[13:])); code != 0 {
		r.Sense = scsi.Check(scsi.Key(p[12]&0x0f), code)
	}
	return r
}

// keepTests saves results, where log parameters are.
func (d *Device) keepTests(results []SelfTestResult) {
	if d.log.stay.Load() {
		return
	}
	page := LogPage{Code: 0x10, Saved: true, Parameters: func() []LogParameter { return testParameters(results) }}
	d.saveLog(nil, &page)
}
