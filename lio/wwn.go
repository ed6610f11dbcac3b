package lio

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
)

// NormalizeWWN gives the name of a target or initiator the form that the tree of a fabric uses, or says why it is none.
func NormalizeWWN(fabric, name string) (string, error) {
	f, err := Root{}.Fabric(fabric)
	if err != nil {
		return "", err
	}
	return f.driver.wwn(name)
}

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

// randomIQN is a random iSCSI name of the form that LIO's tools give out: of the linux-iscsi.org naming authority, with
// the host's name and machine in it.
func randomIQN() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	host, _, _ = strings.Cut(strings.ToLower(host), ".")
	return fmt.Sprintf("iqn.2003-01.org.linux-iscsi.%s.%s:sn.%s", host, machine(), hex.EncodeToString(random(6)))
}

// machine is the name of the processor's architecture as LIO's tools have it in iSCSI names.
func machine() string {
	if runtime.GOARCH == "amd64" {
		return "x8664"
	}
	return runtime.GOARCH
}

var (
	iqnRule = regexp.MustCompile(`^iqn\.[0-9]{4}-(0[1-9]|1[0-2])\.[a-z0-9.-]+(:[^\s_/]+)?$`)
	euiRule = regexp.MustCompile(`^eui\.[0-9a-f]{16}$`)
)

// normalizeISCSI gives an iSCSI name the form that the tree uses: small letters (RFC 3722).
func normalizeISCSI(name string) (string, error) {
	small := strings.ToLower(strings.TrimSpace(name))
	if len(small) <= 223 && (iqnRule.MatchString(small) || euiRule.MatchString(small) || naaRule.MatchString(small)) {
		return small, nil
	}
	return "", fmt.Errorf("%q is no iSCSI name: use one as iqn.2003-01.org.example:disk0, at most 223 characters without spaces and underscores", name)
}

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
