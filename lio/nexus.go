package lio

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// nexusPrefix begins the configuration string of a TCMU device that stands for one I_T nexus of a storage object.
const nexusPrefix = "tcmud/nexus;"

// Nexus is what the configuration string of a TCMU device says that stands for one I_T nexus of a storage object. A ring
// does not tell who has sent a command; where each nexus has one of its own, its device does:
//
//	tcmud/nexus;port=1;group=0/disk0/iqn.1993-08.org.debian%3A01%3Aabc
type Nexus struct {
	Of        string // name of the storage object, which is another TCMU device
	Initiator string // name of the initiator port: "naa.5001405..." or an iSCSI name
	Port      uint16 // RELATIVE TARGET PORT IDENTIFIER of the target port, from 1 on, which is a TPG
	Group     uint16 // TARGET PORT GROUP that the target port belongs to
}

// String is the configuration string of n. It holds none of the characters that the kernel and its tools cut at.
func (n Nexus) String() string {
	initiator := strings.ReplaceAll(url.PathEscape(n.Initiator), ":", "%3A")
	return fmt.Sprintf("%sport=%d;group=%d/%s/%s", nexusPrefix, n.Port, n.Group, n.Of, initiator)
}

// IsNexus reports whether a configuration string is meant to be that of a Nexus.
func IsNexus(config string) bool { return strings.HasPrefix(config, nexusPrefix) }

// ParseNexus takes the configuration string of a Nexus apart.
func ParseNexus(config string) (Nexus, error) {
	var n Nexus
	rest, ours := strings.CutPrefix(config, nexusPrefix)
	words := strings.Split(rest, "/")
	if !ours || len(words) != 3 || !nameRule.MatchString(words[1]) {
		return n, fmt.Errorf("configuration %q is none of an I_T nexus: %sport=N;group=N/BACKSTORE/INITIATOR", config, nexusPrefix)
	}
	options, of, initiator := words[0], words[1], words[2]
	n.Of = of
	for _, option := range strings.Split(options, ";") {
		name, value, _ := strings.Cut(option, "=")
		number, err := strconv.ParseUint(value, 10, 16)
		if err != nil {
			return n, fmt.Errorf("configuration %q: %s=%q is no number of 16 bits", config, name, value)
		}
		switch name {
		case "port":
			n.Port = uint16(number)
		case "group":
			n.Group = uint16(number)
		default:
			return n, fmt.Errorf("configuration %q: %q is not known, port and group are", config, name)
		}
	}
	var err error
	if n.Initiator, err = url.PathUnescape(initiator); err != nil || n.Initiator == "" || n.Port == 0 {
		return n, fmt.Errorf("configuration %q: it wants an initiator, and a port from 1 on", config)
	}
	return n, nil
}
