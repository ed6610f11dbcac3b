package spc

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// Protocol identifiers of TransportIDs (SPC-4 7.6.1), in byte 0 below the FORMAT CODE.
const (
	protocolISCSI = 0x05
	protocolSAS   = 0x06
)

const (
	minTransportID = 24  // bytes: all there is of most protocols
	maxISCSIName   = 223 // bytes (RFC 7143 4.2.7)
)

// TransportID is the TransportID of an initiator port by its name (SPC-4 7.6.4): that of "naa." and 16 hexadecimal digits is
// one of SAS, as which the kernel's own virtual ports go too, and of "iqn..." or "eui..." one of iSCSI without the ISID, so
// that it means the initiator through whichever of its ports.
func TransportID(name string) (string, error) {
	switch {
	case strings.HasPrefix(name, "naa."):
		address, err := hex.DecodeString(name[len("naa."):])
		if err != nil || len(address) != 8 {
			return "", fmt.Errorf("initiator port %q: use naa. and 16 hexadecimal digits", name)
		}
		id := make([]byte, minTransportID)
		id[0] = protocolSAS
		copy(id[4:], address)
		return string(id), nil
	case strings.HasPrefix(name, "iqn.") || strings.HasPrefix(name, "eui."):
		if len(name) > maxISCSIName || strings.ContainsAny(name, "\x00,") {
			return "", fmt.Errorf("initiator port %q is no iSCSI name: use at most %d bytes, and no commas", name, maxISCSIName)
		}
		n := max((4+len(name)+1+3)&^3, minTransportID) // with a NUL at the end
		id := make([]byte, n)
		id[0] = protocolISCSI
		binary.BigEndian.PutUint16(id[2:], uint16(n-4))
		copy(id[4:], name)
		return string(id), nil
	}
	return "", fmt.Errorf("initiator port %q: use naa. and 16 hexadecimal digits, or an iSCSI name (iqn. or eui.)", name)
}

// TransportIDName is the name of the initiator port that a TransportID is of, for people; its bytes where it is of no
// protocol known here.
func TransportIDName(id string) string {
	switch {
	case len(id) >= minTransportID && id[0] == protocolSAS:
		return "naa." + hex.EncodeToString([]byte(id[4:12]))
	case len(id) >= minTransportID && id[0]&0x3f == protocolISCSI:
		name, _, _ := strings.Cut(id[4:], "\x00")
		return name
	}
	return fmt.Sprintf("% x", id)
}
