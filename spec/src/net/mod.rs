//! Hosts and addresses: where a text leads, judged once, for `check` and for the moment of the call.
//!
//! ```text
//! endpoint, hosts ──read──► Host ──┐
//!                                  ├─► Problem: refused by `check`, and again before a byte leaves
//! what a name resolves to ─────────┘
//! ```
//! A text is read by the parser that the requests use (WHATWG), so that both mean the same place: `2130706433`, `0x7f.1` and
//! `0177.0.0.1` are all 127.0.0.1 to it. An address that is not written the plain way is refused: who reads the file must see
//! where it leads. The types are those of `core`: plain numbers, they open nothing.

mod reach;

use core::net::IpAddr;

pub use reach::{Reach, embedded, reach};
use url::Url;

/// A host as everybody who connects understands it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// A name in its ASCII form, lower case, without a final dot.
    Name(String),
    /// An IP address that was written out.
    Address(IpAddr),
}

/// Where a URL leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its scheme, such as `https`.
    pub scheme: String,
    /// The host that is asked.
    pub host: Host,
    /// Its port, where one is written or the scheme has one.
    pub port: Option<u16>,
}

/// Why nothing may connect there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The text names no host.
    #[error("\"{0}\" names no host")]
    NoHost(String),
    /// An address that is written so that it does not look like what it is.
    #[error("\"{written}\" is the address {means}, written so that nobody sees it")]
    Hidden {
        /// The host as it was written.
        written: String,
        /// What it means.
        means: IpAddr,
    },
    /// A host that hands out the credentials of the machine.
    #[error("\"{0}\" is where a cloud hands out the credentials of this machine")]
    Metadata(String),
    /// An address that no single other machine has.
    #[error("{0} is no address of another machine")]
    Nowhere(IpAddr),
}

impl Problem {
    /// Returns what to type instead.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NoHost(_) => "write the name of the host, such as api.example.com".to_owned(),
            Self::Hidden { means, .. } => format!("write {means}, if that is what is meant"),
            Self::Metadata(_) => "no connector may talk to it: remove it".to_owned(),
            Self::Nowhere(_) => "write the name of the host, or 127.0.0.1 for this machine".to_owned(),
        }
    }
}

impl Host {
    /// Returns whether it is this machine, by a name that every resolver keeps for it or by an address.
    #[must_use]
    pub fn is_this_machine(&self) -> bool {
        match self {
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Self::Address(address) => reach(*address) == Reach::Loopback,
        }
    }

    /// Returns the text that names it without doubt.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Address(address) => address.to_string(),
        }
    }
}

/// Reads a host as it is written: a name, an address, an IPv6 address with or without brackets.
///
/// # Errors
/// [`Problem`] where it is no host, or one that nothing may connect to.
pub fn host(written: &str) -> Result<Host, Problem> {
    let none = || Problem::NoHost(written.to_owned());
    let bare = written.trim().trim_start_matches('[').trim_end_matches(']');
    // The parser knows IPv6 in brackets only.
    let bracketed =
        if bare.contains(':') { format!("[{bare}]") } else { bare.trim_end_matches('.').to_owned() };
    let host = match url::Host::parse(&bracketed).map_err(|_| none())? {
        url::Host::Domain(name) if name.is_empty() => return Err(none()),
        url::Host::Domain(name) => Host::Name(name.trim_end_matches('.').to_lowercase()),
        url::Host::Ipv4(address) => Host::Address(address.into()),
        url::Host::Ipv6(address) => Host::Address(address.into()),
    };
    match &host {
        Host::Name(name) if reach::is_metadata_name(name) => return Err(Problem::Metadata(name.clone())),
        Host::Name(_) => {}
        Host::Address(address) => judge(*address, bare)?,
    }
    Ok(host)
}

/// An address is taken where it is written plainly and leads to one machine that is no cloud's own.
fn judge(address: IpAddr, written: &str) -> Result<(), Problem> {
    let inner = if let IpAddr::V6(six) = address { embedded(six) } else { None };
    if let Some(inner) = inner {
        return Err(Problem::Hidden { written: written.to_owned(), means: inner.into() });
    }
    match reach(address) {
        Reach::Metadata => return Err(Problem::Metadata(address.to_string())),
        Reach::Nowhere => return Err(Problem::Nowhere(address)),
        Reach::Public | Reach::Private | Reach::Loopback => {}
    }
    // Any way to write an IPv6 address is plain enough; of an IPv4 address there is one.
    if address.is_ipv4() && address.to_string() != written {
        return Err(Problem::Hidden { written: written.to_owned(), means: address });
    }
    Ok(())
}

/// An entry of `hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// The host, or the domain whose hosts are meant.
    pub host: Host,
    /// The one port, where one is written.
    pub port: Option<u16>,
}

/// Reads an entry of `hosts`: a host, `host:port`, or `*.domain` for all below a domain.
///
/// # Errors
/// As [`host`].
pub fn allowed(written: &str) -> Result<Allowed, Problem> {
    if let Some(domain) = written.strip_prefix("*.") {
        return match host(domain)? {
            // Every name below a cloud's own domain is one of its own.
            Host::Name(name) => Ok(Allowed { host: Host::Name(name), port: None }),
            Host::Address(_) => Err(Problem::NoHost(written.to_owned())),
        };
    }
    let port = |text: &str| text.parse::<u16>().ok();
    let split = match written.rsplit_once(':') {
        Some((name, digits)) if !name.contains(':') || name.ends_with(']') => {
            port(digits).map(|port| (name, port))
        }
        _ => None,
    };
    match split {
        Some((name, port)) => Ok(Allowed { host: host(name)?, port: Some(port) }),
        None => Ok(Allowed { host: host(written)?, port: None }),
    }
}

/// Reads where a URL leads, from the text as it is written.
///
/// # Errors
/// As [`host`]; a URL with a user or a password names no host.
pub fn target(written: &str) -> Result<Target, Problem> {
    let none = || Problem::NoHost(written.to_owned());
    let url = Url::parse(written.trim()).map_err(|_| none())?;
    if !url.username().is_empty() || url.password().is_some() || !url.has_host() {
        return Err(none());
    }
    // The host as written, not as parsed: the parser has already made a plain address of a hidden one.
    let host = host(authority(written).ok_or_else(none)?)?;
    Ok(Target { scheme: url.scheme().to_owned(), host, port: url.port_or_known_default() })
}

/// Returns the host between `://` and the port, path, query or fragment.
fn authority(written: &str) -> Option<&str> {
    let (_, rest) = written.split_once(':')?;
    let rest = rest.trim_start_matches(['/', '\\']);
    let whole = rest.split(['/', '\\', '?', '#']).next()?;
    if whole.starts_with('[') {
        return whole.split_inclusive(']').next();
    }
    Some(whole.split_once(':').map_or(whole, |(host, _)| host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_the_plain_way_or_refused() {
        let hidden = [
            ("2130706433", "127.0.0.1"),
            ("0x7f000001", "127.0.0.1"),
            ("0x7f.1", "127.0.0.1"),
            ("0177.0.0.1", "127.0.0.1"),
            ("127.1", "127.0.0.1"),
            ("127.0.1", "127.0.0.1"),
            ("１２７.０.０.１", "127.0.0.1"),
            ("127。0。0。1", "127.0.0.1"),
            ("%31%32%37.0.0.1", "127.0.0.1"),
            ("10.0.0.010", "10.0.0.8"),
            ("017700000001", "127.0.0.1"),
            ("[::ffff:127.0.0.1]", "127.0.0.1"),
            ("[::ffff:7f00:1]", "127.0.0.1"),
            ("[64:ff9b::a9fe:a9fe]", "169.254.169.254"),
            ("[64:ff9b:1::a00:1]", "10.0.0.1"),
            ("[2002:7f00:1::]", "127.0.0.1"),
            ("[::ffff:0:a00:1]", "10.0.0.1"),
            ("[2001:0:4136:e378:8000:63bf:80ff:fffe]", "127.0.0.1"),
        ];
        for (written, means) in hidden {
            match host(written) {
                Err(Problem::Hidden { means: found, .. }) => {
                    assert_eq!(found.to_string(), means, "{written}");
                }
                other => panic!("{written}: {other:?}"),
            }
        }
        for plain in
            ["127.0.0.1", "10.0.0.5", "1.1.1.1", "[::1]", "::1", "[2606:4700::1111]", "[2606:4700:0:0::1111]"]
        {
            assert!(host(plain).is_ok(), "{plain}: {:?}", host(plain));
        }
    }

    #[test]
    fn where_clouds_hand_out_credentials_nothing_leads() {
        let addresses = [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.1.1",
            "192.0.0.192",
            "168.63.129.16",
            "100.100.100.200",
            "[fd00:ec2::254]",
            "[fd00:ec2::23]",
            "[fd20:ce::254]",
            "[fd00:42::42]",
            "[fe80::a9fe:a9fe]",
        ];
        let names = [
            "metadata.google.internal",
            "METADATA.google.internal.",
            "x.metadata.google.internal",
            "metadata",
            "metadata.goog",
            "instance-data.ec2.internal",
            "metadata.tencentyun.com",
            "metadata。google。internal",
        ];
        for written in addresses.into_iter().chain(names) {
            assert!(matches!(host(written), Err(Problem::Metadata(_))), "{written}: {:?}", host(written));
        }
        for written in ["0.0.0.0", "255.255.255.255", "224.0.0.1", "[::]", "[ff02::1]", "240.0.0.1"] {
            assert!(matches!(host(written), Err(Problem::Nowhere(_))), "{written}: {:?}", host(written));
        }
        for fine in ["metadata.example.com", "mymetadata", "google.internal.example.com", "api.example.com"] {
            assert!(host(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn a_url_leads_where_its_text_says() {
        for (written, is_here) in [
            ("http://127.0.0.1:8080/v1", true),
            ("http://localhost", true),
            ("smtp://a.localhost:25", true),
            ("http://[::1]:80/", true),
            ("https://api.example.com", false),
            ("http://10.0.0.5", false),
        ] {
            assert_eq!(target(written).map(|target| target.host.is_this_machine()), Ok(is_here), "{written}");
        }
        for written in [
            "http://2130706433/",
            "HTTP://0177.0.0.1:80",
            "http:\\\\2130706433",
            "http:2130706433",
            "smtp://0x7f.1:25",
            "http://169.254.169.254/latest",
            "http://user@127.0.0.1",
            "http://user:word@api.example.com",
            "http://",
            "http://[::ffff:10.0.0.1]:80/x",
            "https://metadata.google.internal/computeMetadata",
        ] {
            assert!(target(written).is_err(), "{written}: {:?}", target(written));
        }
        let umlaut = target("https://bücher.example").map(|target| target.host.text());
        assert_eq!(umlaut, Ok("xn--bcher-kva.example".to_owned()));
    }

    #[test]
    fn an_entry_of_hosts_is_a_host_with_a_port_or_a_domain() {
        let read = |written| allowed(written).map(|found| (found.host.text(), found.port));
        assert_eq!(read("api.example.com"), Ok(("api.example.com".to_owned(), None)));
        assert_eq!(read("127.0.0.1:8080"), Ok(("127.0.0.1".to_owned(), Some(8080))));
        assert_eq!(read("[::1]:80"), Ok(("::1".to_owned(), Some(80))));
        assert_eq!(read("::1"), Ok(("::1".to_owned(), None)));
        assert_eq!(read("*.example.com"), Ok(("example.com".to_owned(), None)));
        for written in
            ["127.1:80", "*.127.0.0.1", "*.", "", "169.254.169.254:80", "*.metadata.google.internal"]
        {
            assert!(read(written).is_err(), "{written}: {:?}", read(written));
        }
    }
}
