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

// cutTransportID is the TransportID at the beginning of p, as TransportID would have it, and the bytes it takes there; 0 where
// there is none. What is reserved in one is ignored, so that two that name the same port are the same. That of an iSCSI
// initiator port (format 01b) is cut down to the initiator: the ring does not tell an ISID.
func cutTransportID(p []byte) (id string, n int) {
	if len(p) < minTransportID {
		return "", 0
	}
	switch format, protocol := p[0]>>6, p[0]&0x0f; {
	case protocol == protocolISCSI && format <= 1:
		n = 4 + int(binary.BigEndian.Uint16(p[2:]))
		if n > len(p) || n < minTransportID || n%4 != 0 {
			return "", 0
		}
		name, _, ended := strings.Cut(string(p[4:n]), "\x00")
		if format == 1 {
			var separated bool
			if name, _, separated = strings.Cut(name, ",i,0x"); !separated {
				return "", 0
			}
		}
		id, err := TransportID(name)
		if !ended || err != nil {
			return "", 0
		}
		return id, n
	case format == 0 && shortNames[protocol].to != 0:
		name := shortNames[protocol]
		whole := make([]byte, minTransportID)
		whole[0] = protocol
		copy(whole[name.from:name.to], p[name.from:])
		return string(whole), minTransportID
	}
	return "", 0
}

// shortNames are where the name of the port is in the TransportIDs of protocols that have just 24 bytes for it.
var shortNames = [16]struct{ from, to int }{
	0x00:        {8, 16}, // Fibre Channel
	0x03:        {8, 16}, // IEEE 1394
	0x04:        {8, 24}, // RDMA
	protocolSAS: {4, 12},
}
