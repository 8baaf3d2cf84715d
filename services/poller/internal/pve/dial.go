package pve

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"syscall"
)

var errHost = errors.New("the address is neither a host name nor an IP address")

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})$`)

// validHost keeps out what would change the URL.
func validHost(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Zone() == ""
	}
	return hostName.MatchString(host)
}

// localError is an address that a cluster must not have.
type localError struct{ addr netip.Addr }

func (e localError) Error() string {
	return fmt.Sprintf("the address %s is a loopback, link-local, multicast or metadata address, which are refused", e.addr)
}

// refuseLocal sees the address that is really dialled, so a name cannot resolve to another one between check and use.
func refuseLocal(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("parse address %s: %w", address, err)
	}
	if addr := embedded(at.Addr()); local(addr) {
		return localError{addr}
	}
	return nil
}

var (
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
	// Metadata services of clouds that are not link-local.
	metadata = []netip.Addr{
		netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("100.100.100.200"),
		netip.MustParseAddr("168.63.129.16"), netip.MustParseAddr("192.0.0.192"),
	}
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")
	broadcast   = netip.MustParseAddr("255.255.255.255")
)

func local(a netip.Addr) bool {
	return a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast() || a == broadcast ||
		thisNetwork.Contains(a) || slices.Contains(metadata, a)
}

// embedded returns the IPv4 address that an IPv6 address stands for, or the address itself.
func embedded(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		b := a.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return a
}
