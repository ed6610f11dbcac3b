package lio

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Portal is a network portal of an iSCSI TPG: an address at which it listens.
type Portal struct {
	node
	TPG     TPG
	Address netip.AddrPort
}

// DefaultPortal listens on all IPv4 addresses, at iSCSI's own port.
var DefaultPortal = netip.AddrPortFrom(netip.IPv4Unspecified(), 3260)

// Portals lists the network portals, sorted by name. Fabrics without a network have none.
func (p TPG) Portals() ([]Portal, error) {
	names, err := p.child("np").dirs()
	if err != nil {
		return nil, err
	}
	var all []Portal
	for _, name := range names {
		address, err := netip.ParseAddrPort(name)
		if err != nil {
			continue // none of ours to name: the kernel takes nothing else
		}
		all = append(all, p.Portal(address))
	}
	return all, nil
}

// Portal is the network portal at an address, whether it exists or not.
func (p TPG) Portal(address netip.AddrPort) Portal {
	return Portal{p.child("np", address.String()), p, address}
}

// CreatePortal makes the TPG listen at an address. The error is an *ExistsError when it does already.
func (p TPG) CreatePortal(address netip.AddrPort) (Portal, error) {
	portal := p.Portal(address)
	switch {
	case !p.Target.Fabric.Has(Portals):
		return Portal{}, fmt.Errorf("%s has no network portals", p.Target.Fabric.Name)
	case !address.IsValid() || address.Port() == 0:
		return Portal{}, errors.New("a portal needs an IP address and a port, as 0.0.0.0:3260 or [::]:3260")
	}
	err := portal.mkdirNew("portal "+address.String(), "use it, or delete it first")
	if errors.Is(err, unix.EINVAL) {
		return Portal{}, fmt.Errorf("%w: the kernel cannot listen there; choose an address of this host at whose port no other portal or program listens, also not on all addresses", err)
	}
	return portal, err
}

// ISER reports whether the portal speaks iSCSI over RDMA.
func (p Portal) ISER() (bool, error) {
	v, err := p.read("iser")
	return v == "1", err
}

// SetISER makes the portal speak iSCSI over RDMA, or no more.
func (p Portal) SetISER(on bool) error { return p.write("iser", digit(on)) }

// Delete makes the TPG listen there no more.
func (p Portal) Delete() error { return p.rmdir() }

// digit is how configfs writes a boolean.
func digit(on bool) string {
	if on {
		return "1"
	}
	return "0"
}
