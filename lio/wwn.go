package lio

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// uuid is a random (version 4) UUID, RFC 9562.
func uuid() string {
	b := random(16)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// randomNAA is a random world wide name of the form that LIO's tools give out: NAA 5 (IEEE Registered) with the OpenIB
// company id 001405h, and nine random digits.
func randomNAA() string { return "naa.5001405" + hex.EncodeToString(random(5))[:9] }

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails: crypto/rand ends the program rather than give bad bytes
	return b
}

var naaRule = regexp.MustCompile(`^naa\.[125][0-9a-f]{15}$`)

// normalizeNAA gives a world wide name the form that the tree uses, "naa." and 16 digits. Colons, dashes, capitals and
// a missing or a 0x prefix are allowed.
func normalizeNAA(wwn string) (string, error) {
	digits := strings.NewReplacer(":", "", "-", "").Replace(strings.ToLower(strings.TrimSpace(wwn)))
	digits = strings.TrimPrefix(strings.TrimPrefix(digits, "naa."), "0x")
	if naa := "naa." + digits; naaRule.MatchString(naa) {
		return naa, nil
	}
	return "", fmt.Errorf("%q is no NAA name: use naa. and 16 hexadecimal digits, the first 1, 2 or 5, or leave it out to get a random one", wwn)
}
