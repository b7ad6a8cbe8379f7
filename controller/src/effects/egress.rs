//! Where a connector may talk to: named hosts only, resolved once, and no way round to the company's own network.
//!
//! What a text or an address means is judged in [`adjutant_spec::net`], for `check` and here alike. A name must resolve to
//! public addresses, all of them, or the call does not start: a name that points into a private network is how a request is
//! smuggled there. What the operator writes out as an address, or as `localhost`, is declared; `private = true` declares
//! it for a connector's names.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use adjutant_spec::{
    net::{self, Host, Reach},
    plan::Connector,
};

use super::{
    doors::{Door, Doors},
    outcome::Fault,
};

/// The hosts of one connector.
#[derive(Clone)]
pub(super) struct Egress {
    connector: String,
    door: Door,
    hosts: Vec<Allowed>,
    /// Whether names may resolve to private addresses.
    is_private_declared: bool,
}

/// One entry of a connector's `hosts`: a host that its calls may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Allowed {
    host: Host,
    port: Option<u16>,
    /// Whether all below the name are meant, and not the name.
    is_domain: bool,
}

impl Allowed {
    /// Reads an entry; one that nothing may connect to allows nothing.
    fn read(written: &str) -> Option<Self> {
        let net::Allowed { host, port } = net::allowed(written).ok()?;
        Some(Self { host, port, is_domain: written.starts_with("*.") })
    }

    fn fits(&self, host: &Host, port: u16) -> bool {
        let is_port = self.port.is_none_or(|allowed| allowed == port);
        let is_host = match (&self.host, host) {
            (Host::Name(domain), Host::Name(name)) if self.is_domain => {
                name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
            }
            (allowed, host) => !self.is_domain && allowed == host,
        };
        is_port && is_host
    }
}

impl Egress {
    /// Reads the hosts of a connector: those named, else the endpoint's own.
    pub(super) fn of(connector: &Connector, doors: &Arc<dyn Doors>) -> Self {
        let own = connector.endpoint.as_deref().and_then(|endpoint| net::target(endpoint).ok());
        let own = own.map(|target| Allowed { host: target.host, port: None, is_domain: false });
        let named = connector.hosts.iter().filter_map(|host| Allowed::read(host));
        let hosts = if connector.hosts.is_empty() { own.into_iter().collect() } else { named.collect() };
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
    pub(super) async fn resolve(&self, written: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
        let _open = self.door.pass()?;
        let host = net::host(written).map_err(|problem| self.refused(&problem))?;
        self.check_named(&host, port)?;
        let name = match &host {
            // Named in the repository as an address: declared.
            Host::Address(address) => return Ok(vec![SocketAddr::new(*address, port)]),
            Host::Name(name) => name,
        };
        let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), port))
            .await
            .map_err(|error| Fault::transient(format!("host \"{name}\" cannot be resolved: {error}")))?
            .collect();
        if found.is_empty() {
            return Err(Fault::transient(format!("host \"{name}\" has no address")));
        }
        match found.iter().find(|address| !self.may_reach(&host, address.ip())) {
            None => Ok(found),
            Some(address) => Err(self.blocked(name, address.ip())),
        }
    }

    /// Refuses to show a secret to another machine over a connection that anybody on the way can read.
    pub(super) fn may_carry_secret(&self, host: &str, is_encrypted: bool) -> Result<(), Fault> {
        let is_here = net::host(host).is_ok_and(|host| host.is_this_machine());
        if is_encrypted || is_here {
            return Ok(());
        }
        Err(Fault::invalid(format!(
            "the secret of connector \"{}\" would travel to \"{host}\" in the clear: use https",
            self.connector
        )))
    }

    fn check_named(&self, host: &Host, port: u16) -> Result<(), Fault> {
        if self.hosts.iter().any(|allowed| allowed.fits(host, port)) {
            return Ok(());
        }
        Err(Fault::invalid(format!(
            "connector \"{}\" may not talk to host \"{}\": it is not among its `hosts`",
            self.connector,
            host.text()
        )))
    }

    fn may_reach(&self, host: &Host, address: IpAddr) -> bool {
        match net::reach(address) {
            Reach::Public => true,
            Reach::Loopback => self.is_private_declared || host.is_this_machine(),
            Reach::Private => self.is_private_declared,
            Reach::Metadata | Reach::Nowhere => false,
        }
    }

    fn refused(&self, problem: &net::Problem) -> Fault {
        Fault::invalid(format!("connector \"{}\" may not talk there: {problem}", self.connector))
    }

    fn blocked(&self, host: &str, address: IpAddr) -> Fault {
        Fault::invalid(format!(
            "host \"{host}\" points to the private address {address}: connector \"{}\" does not declare it with `private = true`",
            self.connector
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::{
        doors::{Unwatched, tests::Shut},
        tests::plans::connector,
    };

    fn egress(hosts: &[&str], is_private_declared: bool) -> Egress {
        let hosts = hosts.iter().map(|host| Allowed::read(host).expect("a host")).collect();
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

    #[tokio::test]
    async fn only_named_hosts_are_talked_to() {
        let egress = egress(&["127.0.0.1", "*.example.com", "[::1]"], false);
        assert_eq!(egress.resolve("127.0.0.1", 80).await.unwrap(), ["127.0.0.1:80".parse().unwrap()]);
        assert!(egress.resolve("[::1]", 80).await.is_ok());
        for host in ["127.0.0.2", "example.com", "evil-example.com", "localhost"] {
            let fault = egress.resolve(host, 80).await.unwrap_err();
            assert!(fault.message().contains("not among its `hosts`"), "{host}: {}", fault.message());
        }
    }

    #[tokio::test]
    async fn an_address_that_hides_is_refused_also_where_the_plain_one_is_named() {
        let egress = egress(&["127.0.0.1"], true);
        for host in ["2130706433", "127.1", "0x7f.1", "[::ffff:127.0.0.1]", "0177.0.0.1"] {
            let fault = egress.resolve(host, 80).await.unwrap_err();
            assert!(fault.message().contains("nobody sees it"), "{host}: {}", fault.message());
        }
    }

    #[tokio::test]
    async fn a_connector_that_a_plan_of_an_older_build_let_through_reaches_nothing() {
        for endpoint in
            ["http://169.254.169.254", "http://2130706433", "http://[::ffff:127.0.0.1]", "http://0.0.0.0"]
        {
            let connector = crate::effects::tests::plans::connector("crm", "http", endpoint);
            let url = url::Url::parse(endpoint).unwrap();
            let doors: Arc<dyn Doors> = Arc::new(Unwatched);
            let egress = Egress::of(&connector, &doors);
            assert!(egress.resolve(url.host_str().unwrap(), 80).await.is_err(), "{endpoint}");
        }
    }

    #[test]
    fn a_secret_travels_encrypted_or_not_at_all() {
        let egress = egress(&["api.example.com"], true);
        for host in ["127.0.0.1", "localhost", "[::1]", "billing.localhost"] {
            assert!(egress.may_carry_secret(host, false).is_ok(), "{host}");
        }
        for host in ["api.example.com", "10.0.0.5", "localhost.example.com", "[fd00::1]"] {
            assert!(egress.may_carry_secret(host, false).is_err(), "{host}");
            assert!(egress.may_carry_secret(host, true).is_ok(), "{host}");
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
        let crm = net::host("crm.example.com").unwrap();
        let here = net::host("localhost").unwrap();
        assert!(!egress(&["crm.example.com"], false).may_reach(&crm, inside));
        assert!(egress(&["crm.example.com"], true).may_reach(&crm, inside));
        assert!(!egress(&["crm.example.com"], true).may_reach(&crm, metadata));
        assert!(egress(&["localhost"], false).may_reach(&here, "127.0.0.1".parse().unwrap()));
        assert!(!egress(&["localhost"], false).may_reach(&here, inside));
        for wrapped in ["64:ff9b::a00:5", "::ffff:10.0.0.5", "2002:a00:5::"] {
            assert!(
                !egress(&["crm.example.com"], false).may_reach(&crm, wrapped.parse().unwrap()),
                "{wrapped}"
            );
        }
    }
}
