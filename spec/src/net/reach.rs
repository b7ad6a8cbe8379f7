//! How far an address reaches, by the registries of IANA and what the clouds publish.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far an address reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// A machine of the Internet.
    Public,
    /// An address of this machine itself.
    Loopback,
    /// A network of somebody's own: private, shared (CGNAT), documentation, benchmarks.
    Private,
    /// Where clouds hand out the credentials of a machine, and everything else that never leaves the link.
    Metadata,
    /// No single other machine: unspecified, multicast, broadcast, reserved.
    Nowhere,
}

/// Names under which clouds hand out credentials: the name itself and everything below it.
const NAMES: [&str; 11] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.azure.internal",
    "metadata.tencentyun.com",
    "api.metadata.cloud.ibm.com",
    "metadata.packet.net",
    "metadata.platformequinix.com",
    "rancher-metadata",
];

/// Addresses outside the link-local range at which clouds hand out credentials, or what leads to them.
const V4: [Ipv4Addr; 3] = [
    // Oracle Cloud; Azure's wire server; Alibaba Cloud.
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
];

/// The same for IPv6: Google Cloud, Scaleway, Oracle Cloud.
const V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
];

/// Returns whether a name, lower case and without a final dot, is one of a cloud's metadata service.
pub(super) fn is_metadata_name(name: &str) -> bool {
    // A name of one label stands for itself only: `metadata.example.com` is somebody's own.
    NAMES.iter().any(|known| {
        name == *known
            || (known.contains('.') && name.strip_suffix(known).is_some_and(|rest| rest.ends_with('.')))
    })
}

/// Returns how far an address reaches; one that only wraps another reaches as far as that one.
#[must_use]
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(four) => of_four(four),
        IpAddr::V6(six) => embedded(six).map_or_else(|| of_six(six), of_four),
    }
}

fn of_four(address: Ipv4Addr) -> Reach {
    let [first, second, third, _] = address.octets();
    if V4.contains(&address) || address.is_link_local() {
        return Reach::Metadata;
    }
    if address.is_loopback() {
        return Reach::Loopback;
    }
    if first == 0 || first >= 224 {
        return Reach::Nowhere;
    }
    let is_own = address.is_private()
        || address.is_documentation()
        || (first == 100 && (64..128).contains(&second))
        || (first == 198 && (18..20).contains(&second))
        || (first == 192 && second == 0 && third == 0)
        || (first == 192 && second == 88 && third == 99);
    if is_own { Reach::Private } else { Reach::Public }
}

fn of_six(address: Ipv6Addr) -> Reach {
    let [first, second, ..] = address.segments();
    let is_amazons = first == 0xfd00 && second == 0xec2;
    if V6.contains(&address) || is_amazons || address.is_unicast_link_local() {
        return Reach::Metadata;
    }
    if address.is_loopback() {
        return Reach::Loopback;
    }
    if address.is_unspecified() || address.is_multicast() {
        return Reach::Nowhere;
    }
    let is_own = address.is_unique_local()
        || (first & 0xffc0) == 0xfec0
        || (first == 0x2001 && (second < 0x200 || second == 0xdb8))
        || (first == 0x3fff && second < 0x1000)
        || first == 0x0100
        || first == 0x5f00;
    if is_own { Reach::Private } else { Reach::Public }
}

/// Returns the IPv4 address that an IPv6 address only wraps: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP.
#[must_use]
pub fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let bytes = address.octets();
    let last = Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15]);
    match segments {
        [0x2002, ..] => Some(Ipv4Addr::new(bytes[2], bytes[3], bytes[4], bytes[5])),
        // Teredo keeps the client's address with every bit turned round.
        [0x2001, 0, ..] => Some(Ipv4Addr::from_bits(!last.to_bits())),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => Some(last),
        [.., 0 | 0x200, 0x5efe, _, _] => Some(last),
        // Mapped, translated and compatible addresses; `::` and `::1` are none of them.
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => Some(last),
        [0, 0, 0, 0, 0, 0, ..] if last.to_bits() > 1 => Some(last),
        _ => None,
    }
}
