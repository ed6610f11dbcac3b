package spc

import "encoding/hex"

// Identity is what tells one logical unit from all others.
type Identity struct {
	Vendor   string // T10 VENDOR IDENTIFICATION, 8 characters of printable ASCII; what is longer is cut
	Product  string // PRODUCT IDENTIFICATION, 16
	Revision string // PRODUCT REVISION LEVEL, 4
	Serial   string // unit serial number, as LIO keeps it in wwn/vpd_unit_serial: mostly a UUID
}

// NAA is the NAA IEEE Registered Extended designator (SPC-4 clause 7.8.6.6.5) by LIO's rule: the first 25 hexadecimal
// digits of the serial number, whatever else stands between them, after LIO's company_id. Multipath tools know a unit
// by it, so the rule is the same on every LIO node.
func (id Identity) NAA() [16]byte {
	var digits [32]byte
	for i := range digits {
		digits[i] = '0'
	}
	copy(digits[:], "6001405")
	n := 7
	for _, c := range []byte(id.Serial) {
		if n == len(digits) {
			break
		}
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' {
			digits[n] = c
			n++
		}
	}
	var naa [16]byte
	_, _ = hex.Decode(naa[:], digits[:]) // all are hexadecimal digits
	return naa
}

// pad writes s into p, left-aligned and filled with spaces (SPC-4 clause 4.3.1); what is not printable ASCII becomes a
// space.
func pad(p []byte, s string) {
	for i := range p {
		p[i] = ' '
		if i < len(s) && s[i] > 0x20 && s[i] < 0x7f {
			p[i] = s[i]
		}
	}
}
