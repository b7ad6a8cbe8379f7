//! Where a connector may talk to: named hosts only, resolved once, and no way round to the company's own network.
//!
//! A name must resolve to public addresses, all of them, or the call does not start: a name that points into a private
//! network is how a request is smuggled there. What the operator writes out as an address, or as `localhost`, is
//! declared; `private = true` declares it for a connector's names.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use adjutant_spec::plan::Connector;
use url::Url;

use super::{
    doors::{Door, Doors},
    outcome::Fault,
};

/// The hosts of one connector.
#[derive(Clone)]
pub(super) struct Egress {
    connector: String,
    door: Door,
    hosts: Vec<String>,
    /// Whether names may resolve to private addresses.
    is_private_declared: bool,
}

impl Egress {
    /// Reads the hosts of a connector: those named, else the endpoint's own.
    pub(super) fn of(connector: &Connector, doors: &Arc<dyn Doors>) -> Self {
        let own = connector.endpoint.as_deref().and_then(|endpoint| Url::parse(endpoint).ok());
        let own = own.and_then(|url| url.host_str().map(bare));
        let named: Vec<String> = connector.hosts.iter().map(|host| bare(host)).collect();
        let hosts = if named.is_empty() { own.into_iter().collect() } else { named };
        let is_private_declared = connector.settings.get("private").and_then(serde_json::Value::as_bool);
        Self {
            connector: connector.id.clone(),
            door: Door::to(doors, connector),
            hosts,
            is_private_declared: is_private_declared.unwrap_or(false),
        }
    }

    /// Resolves a host once; every address is one that may be connected to. Whoever wants to send comes through here, and so by
    /// the door.
    pub(super) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
        let _open = self.door.pass()?;
        let host = bare(host);
        self.check_named(&host, port)?;
        if let Ok(address) = host.parse::<IpAddr>() {
            // Named in the repository as an address: declared.
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), port))
            .await
            .map_err(|error| Fault::transient(format!("host \"{host}\" cannot be resolved: {error}")))?
            .collect();
        if found.is_empty() {
            return Err(Fault::transient(format!("host \"{host}\" has no address")));
        }
        match found.iter().find(|address| !self.may_reach(&host, address.ip())) {
            None => Ok(found),
            Some(address) => Err(self.blocked(&host, address.ip())),
        }
    }

    fn check_named(&self, host: &str, port: u16) -> Result<(), Fault> {
        let with_port = format!("{host}:{port}");
        let fits = |named: &String| match named.strip_prefix("*.") {
            Some(domain) => {
                host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
            }
            None => *named == host || *named == with_port,
        };
        if self.hosts.iter().any(fits) {
            return Ok(());
        }
        Err(Fault::invalid(format!(
            "connector \"{}\" may not talk to host \"{host}\": it is not among its `hosts`",
            self.connector
        )))
    }

    fn may_reach(&self, host: &str, address: IpAddr) -> bool {
        let is_local_name = host == "localhost" || host.ends_with(".localhost");
        is_public(address)
            || (is_local_name && address.is_loopback())
            || self.is_private_declared && !is_metadata(address)
    }

    fn blocked(&self, host: &str, address: IpAddr) -> Fault {
        Fault::invalid(format!(
            "host \"{host}\" points to the private address {address}: connector \"{}\" does not declare it with `private = true`",
            self.connector
        ))
    }
}

/// Lower case, without the brackets of an IPv6 address and a final dot.
fn bare(host: &str) -> String {
    host.trim_start_matches('[').replace(']', "").trim_end_matches('.').to_lowercase()
}

/// Returns whether an address is where clouds hand out credentials: never behind a name.
fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local() || address == Ipv4Addr::new(100, 100, 100, 200),
        IpAddr::V6(address) => {
            embedded(address).is_some_and(|address| is_metadata(IpAddr::V4(address)))
                || address.is_unicast_link_local()
                || address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
        }
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(address) => is_public_v4(address),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || first == 0
        || first >= 240
        || (first == 100 && (64..128).contains(&second))
        || (first == 198 && (18..20).contains(&second))
        || (first == 192 && second == 0 && third == 0);
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_special = address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || (first & 0xffc0) == 0xfec0
        || (first == 0x2001 && (second == 0 || second == 0xdb8))
        || first == 0x0100;
    !is_special
}

/// Returns the IPv4 address that an IPv6 address only wraps: mapped, compatible, NAT64 and 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [first, second, third, ..] = address.segments();
    let octets = address.octets();
    if first == 0x2002 {
        return Some(Ipv4Addr::new(octets[2], octets[3], octets[4], octets[5]));
    }
    let is_nat64 = first == 0x64 && second == 0xff9b;
    let is_wrapped = is_nat64
        || (first, second, third) == (0, 0, 0) && !address.is_loopback() && !address.is_unspecified();
    is_wrapped.then(|| Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::{
        doors::{Unwatched, tests::Shut},
        tests::plans::connector,
    };

    fn egress(hosts: &[&str], is_private_declared: bool) -> Egress {
        let hosts = hosts.iter().map(|host| bare(host)).collect();
        let doors: Arc<dyn Doors> = Arc::new(Unwatched);
        let door = Door::to(&doors, &connector("crm", "http", ""));
        Egress { connector: "crm".into(), door, hosts, is_private_declared }
    }

    #[tokio::test]
    async fn nobody_learns_an_address_behind_a_door_that_is_shut() {
        let doors: Arc<dyn Doors> = Arc::new(Shut(vec!["crm"]));
        for (id, is_open) in [("crm", false), ("mail", true)] {
            let egress = Egress::of(&connector(id, "http", "http://127.0.0.1:9"), &doors);
            let found = egress.resolve("127.0.0.1", 9).await;
            assert_eq!(found.is_ok(), is_open, "{id}: {found:?}");
            assert!(is_open || matches!(found, Err(Fault::Held(_))));
        }
    }

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "198.18.0.1",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "fec0::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "::7f00:1",
        ];
        for address in private {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[tokio::test]
    async fn only_named_hosts_are_talked_to() {
        let egress = egress(&["127.0.0.1", "*.example.com", "[::1]"], false);
        assert_eq!(egress.resolve("127.0.0.1", 80).await.unwrap(), ["127.0.0.1:80".parse().unwrap()]);
        assert!(egress.resolve("[::1]", 80).await.is_ok());
        for host in ["127.0.0.2", "example.com", "evil-example.com", "localhost", "2130706433", "127.1"] {
            let fault = egress.resolve(host, 80).await.unwrap_err();
            assert!(fault.message().contains("not among its `hosts`"), "{host}: {}", fault.message());
        }
    }

    #[tokio::test]
    async fn a_port_may_be_part_of_the_name() {
        let egress = egress(&["127.0.0.1:8080"], false);
        assert!(egress.resolve("127.0.0.1", 8080).await.is_ok());
        assert!(egress.resolve("127.0.0.1", 22).await.is_err());
    }

    #[test]
    fn a_name_that_points_inside_needs_a_declaration() {
        let inside: IpAddr = "10.0.0.5".parse().unwrap();
        let metadata: IpAddr = "169.254.169.254".parse().unwrap();
        assert!(!egress(&["crm.example.com"], false).may_reach("crm.example.com", inside));
        assert!(egress(&["crm.example.com"], true).may_reach("crm.example.com", inside));
        assert!(!egress(&["crm.example.com"], true).may_reach("crm.example.com", metadata));
        assert!(egress(&["localhost"], false).may_reach("localhost", "127.0.0.1".parse().unwrap()));
        assert!(!egress(&["localhost"], false).may_reach("localhost", inside));
    }
}
