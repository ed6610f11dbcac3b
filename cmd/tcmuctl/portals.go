package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"

	"github.com/tcmud/tcmud/lio"
)

var portalsKind = kind{
	name: "portals",
	commands: []command{
		{
			name: "create", help: "listen at an address",
			params: []param{
				{name: "ip_address", help: "IPv4 or IPv6; 0.0.0.0, all of IPv4, if left out, and ::0 is all", is: ipAddress},
				{name: "ip_port", help: "TCP port; 3260 if left out", is: port},
			},
			run: createPortal,
		},
		{
			name: "delete", help: "listen there no more; sessions that came that way end",
			params: []param{
				{name: "ip_address", help: "its IP address", is: ipAddress, required: true},
				{name: "ip_port", help: "its TCP port", is: port, required: true},
			},
			run: deletePortal,
		},
	},
	below: []*kind{&portalKind},
	children: func(at *node) ([]*node, error) {
		all, err := at.object.(lio.TPG).Portals()
		var list []*node
		for _, p := range all {
			list = append(list, at.new(&portalKind, p.Address.String(), p))
		}
		return list, err
	},
	status: func(at *node) (status, error) {
		list, err := at.children()
		return status{summary: fmt.Sprintf("Portals: %d", len(list))}, err
	},
}

var portalKind = kind{
	name: "IP:PORT",
	commands: []command{{
		name: "enable_iser", help: "speak iSCSI over RDMA (iSER) there, or no more",
		params: []param{{name: "boolean", help: "true or false", is: boolean, required: true}},
		run:    enableISER,
	}},
	status: func(at *node) (status, error) {
		iser, err := at.object.(lio.Portal).ISER()
		st := status{"OK", map[string]any{"iser": iser}}
		if iser {
			st.summary = "iser"
		}
		return st, err
	},
}

var (
	ipAddress = value{"IP", parseIP, values("0.0.0.0", "::0")}
	port      = value{"PORT", parsePort, values("3260")}
)

func parseIP(s string) (any, error) {
	ip, err := netip.ParseAddr(strings.Trim(s, "[]"))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is no IP address: give one as 192.0.2.1 or 2001:db8::1", s)
	case ip.Zone() != "":
		return nil, fmt.Errorf("%q is link-local, which the kernel cannot listen at: give another address, or ::0 for all", s)
	}
	return ip, nil
}

func parsePort(s string) (any, error) {
	n, err := parseNumber(s)
	if err == nil && (n < 1 || n > 65535) {
		err = fmt.Errorf("%d is no TCP port: give a number from 1 to 65535", n)
	}
	return n, err
}

// address is where a portal of these arguments is.
func (a args) address() netip.AddrPort {
	ip, ok := a["ip_address"].(netip.Addr)
	if !ok {
		ip = lio.DefaultPortal.Addr()
	}
	return netip.AddrPortFrom(ip, uint16(a.number("ip_port", int(lio.DefaultPortal.Port()))))
}

func createPortal(_ context.Context, at *node, a args) (result, error) {
	address := a.address()
	p, err := at.object.(lio.TPG).CreatePortal(address)
	if err != nil {
		return result{}, err
	}
	var words []string
	if address.Port() == lio.DefaultPortal.Port() {
		words = append(words, "Using default IP port 3260")
	}
	if address.Addr() == lio.DefaultPortal.Addr() {
		words = append(words, "Binding to INADDR_ANY (0.0.0.0)")
	}
	words = append(words, fmt.Sprintf("Created network portal %s.", address))
	return created(at.new(&portalKind, address.String(), p), strings.Join(words, "\n"))
}

func deletePortal(_ context.Context, at *node, a args) (result, error) {
	address := a.address()
	n, err := at.child(address.String())
	if err != nil {
		return result{}, fmt.Errorf("no portal %s in %s: \"tcmuctl ls %[2]s\" shows what there is", address, at.path())
	}
	if err := n.object.(lio.Portal).Delete(); err != nil {
		return result{}, err
	}
	return result{fmt.Sprintf("Deleted network portal %s", address), deleted{n.path()}}, nil
}

func enableISER(_ context.Context, at *node, a args) (result, error) {
	on := a.boolean("boolean", false)
	err := at.object.(lio.Portal).SetISER(on)
	if errors.Is(err, syscall.EINVAL) {
		err = fmt.Errorf("%w: the kernel has no iSER (module ib_isert), or no RDMA device at this address", err)
	}
	if err != nil {
		return result{}, err
	}
	return created(at, "iSER enable now: "+map[bool]string{true: "True", false: "False"}[on])
}
