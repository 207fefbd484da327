//! Which addresses events may be sent to: those of the public internet, by the registries of special addresses of IANA.
//!
//! What is not known to be public is not. Addresses that hold another one (mapped, translated, tunnelled) are refused as
//! they are, whatever they hold: nothing that answers to the public needs them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The public internet.
    Public,
    /// This host or the networks around it: for targets within a cluster, where the operator permits them.
    Private(&'static str),
    /// Nothing that events are ever sent to.
    Never(&'static str),
}

use Reach::{Never, Private};

/// Prefixes of IPv4 that are not public.
const V4: &[(Ipv4Addr, u32, Reach)] = &[
    (Ipv4Addr::UNSPECIFIED, 8, Never("unspecified")),
    (Ipv4Addr::new(10, 0, 0, 0), 8, Private("private")),
    (Ipv4Addr::new(100, 64, 0, 0), 10, Private("carrier-grade NAT")),
    (Ipv4Addr::new(127, 0, 0, 0), 8, Private("loopback")),
    // Where clouds keep what they tell machines, credentials among it.
    (Ipv4Addr::new(169, 254, 0, 0), 16, Never("link-local")),
    (Ipv4Addr::new(172, 16, 0, 0), 12, Private("private")),
    (Ipv4Addr::new(192, 0, 0, 0), 24, Never("protocol assignments")),
    (Ipv4Addr::new(192, 0, 2, 0), 24, Never("documentation")),
    (Ipv4Addr::new(192, 88, 99, 0), 24, Never("6to4 relay")),
    (Ipv4Addr::new(192, 168, 0, 0), 16, Private("private")),
    (Ipv4Addr::new(198, 18, 0, 0), 15, Never("benchmarks")),
    (Ipv4Addr::new(198, 51, 100, 0), 24, Never("documentation")),
    (Ipv4Addr::new(203, 0, 113, 0), 24, Never("documentation")),
    (Ipv4Addr::new(224, 0, 0, 0), 4, Never("multicast")),
    (Ipv4Addr::new(240, 0, 0, 0), 4, Never("reserved")),
];

const fn v6(a: u16, b: u16, c: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)
}

/// Prefixes of IPv6 that are not public, the longer ones first.
const V6: &[(Ipv6Addr, u32, Reach)] = &[
    (Ipv6Addr::UNSPECIFIED, 128, Never("unspecified")),
    (Ipv6Addr::LOCALHOST, 128, Private("loopback")),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, Never("mapped IPv4")),
    (Ipv6Addr::UNSPECIFIED, 96, Never("compatible IPv4")),
    (v6(0x64, 0xff9b, 0), 96, Never("NAT64")),
    (v6(0x64, 0xff9b, 1), 48, Never("NAT64")),
    (v6(0x100, 0, 0), 64, Never("discard")),
    (v6(0x2001, 0xdb8, 0), 32, Never("documentation")),
    (v6(0x2001, 0, 0), 32, Never("Teredo")),
    (v6(0x2001, 0, 0), 23, Never("protocol assignments")),
    (v6(0x2002, 0, 0), 16, Never("6to4")),
    (v6(0x3fff, 0, 0), 20, Never("documentation")),
    (v6(0xfc00, 0, 0), 7, Private("unique local")),
    (v6(0xfe80, 0, 0), 10, Never("link-local")),
    (v6(0xfec0, 0, 0), 10, Never("site-local")),
    (v6(0xff00, 0, 0), 8, Never("multicast")),
];

/// All that is given out to the public begins like this; the rest is reserved.
const GLOBAL_V6: (Ipv6Addr, u32) = (v6(0x2000, 0, 0), 3);

fn v4_within(address: Ipv4Addr, prefix: Ipv4Addr, bits: u32) -> bool {
    (address.to_bits() ^ prefix.to_bits()).leading_zeros() >= bits
}

fn v6_within(address: Ipv6Addr, prefix: Ipv6Addr, bits: u32) -> bool {
    (address.to_bits() ^ prefix.to_bits()).leading_zeros() >= bits
}

/// What the address is for.
#[must_use]
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => {
            let special = V4.iter().find(|(prefix, bits, _)| v4_within(address, *prefix, *bits));
            special.map_or(Reach::Public, |(.., reach)| *reach)
        }
        IpAddr::V6(address) => {
            let special = V6.iter().find(|(prefix, bits, _)| v6_within(address, *prefix, *bits));
            match special {
                Some((.., reach)) => *reach,
                None if v6_within(address, GLOBAL_V6.0, GLOBAL_V6.1) => Reach::Public,
                None => Never("reserved"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
