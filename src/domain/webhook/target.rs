//! Addresses that may be targets: their form, and whether the operator allows them.

use super::address::{Reach, reach};
use std::net::{IpAddr, Ipv6Addr};

/// Longest address in characters.
pub const URL_MAX: usize = 2000;

/// Where events are sent, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether over TLS.
    pub tls: bool,
    /// A name in lower case, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What is asked for there, the query included.
    pub path: String,
}

/// Whether it is a name of a host, in lower case.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    host.len() <= 253 && host.split('.').all(label)
}

fn is_address(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
}

impl Target {
    /// Reads `https://HOST[:PORT][/PATH]`.
    pub fn parse(url: &str) -> Result<Self, String> {
        if url.len() > URL_MAX {
            return Err(format!("must be at most {URL_MAX} characters long"));
        }
        let form = || "must be an address such as https://hooks.example.com/tidepool".to_owned();
        if !url.bytes().all(|b| b.is_ascii_graphic()) || url.contains(['#', '\\', '@']) {
            return Err(format!("{}, without credentials, blanks or fragment", form()));
        }
        let uri: http::Uri = url.parse().map_err(|_| form())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(form()),
        };
        // The port as it stands there: what is no port would be read as none.
        let authority = uri.authority().ok_or_else(form)?;
        let port = authority.as_str().strip_prefix(authority.host()).ok_or_else(form)?;
        let port = match port.strip_prefix(':') {
            Some(port) => read_port(port).ok_or_else(form)?,
            None if port.is_empty() => default_port(tls),
            None => return Err(form()),
        };
        let host = authority.host().to_ascii_lowercase();
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            // Only these stand in brackets.
            Some(address) if address.parse::<Ipv6Addr>().is_ok() => address.to_owned(),
            None if is_address(&host) || is_name(&host) => host,
            _ => return Err(form()),
        };
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        Ok(Self {
            tls,
            host,
            port,
            path: path.to_owned(),
        })
    }

    /// Its host and, unless it is the usual one, its port, as requests name them.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == default_port(self.tls) {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

fn read_port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0)
}

const fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// Hosts that may be named.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    /// All names.
    All,
    /// All names below this one.
    Below(String),
    /// This name or address.
    One(String),
}

/// Ports that may be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ports {
    /// The usual one.
    Usual,
    /// This one.
    One(u16),
    /// All of them.
    All,
}

/// What the operator allows: `hooks.example.com`, `*.example.com`, `*`, each with a port, `:8443`, or any, `:*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    hosts: Hosts,
    ports: Ports,
}

impl Allowed {
    /// Reads it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || "must be a host such as hooks.example.com, *.example.com or *, with a port or :* if not the usual one";
        let text = text.to_ascii_lowercase();
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, rest) = rest.split_once(']').ok_or_else(wrong)?;
                (address, rest.strip_prefix(':').or((!rest.is_empty()).then_some("")))
            }
            None => text
                .split_once(':')
                .map_or((text.as_str(), None), |(host, port)| (host, Some(port))),
        };
        let hosts = match host {
            "*" => Hosts::All,
            host if is_address(host) => Hosts::One(host.to_owned()),
            host => match host.strip_prefix("*.") {
                Some(below) if is_name(below) => Hosts::Below(format!(".{below}")),
                None if is_name(host) => Hosts::One(host.to_owned()),
                _ => return Err(wrong().to_owned()),
            },
        };
        let ports = match port {
            None => Ports::Usual,
            Some("*") => Ports::All,
            Some(port) => Ports::One(read_port(port).ok_or_else(wrong)?),
        };
        Ok(Self { hosts, ports })
    }

    fn admits(&self, target: &Target) -> bool {
        let host = match &self.hosts {
            // Addresses are named one by one, or not at all.
            Hosts::All => !is_address(&target.host),
            Hosts::Below(suffix) => !is_address(&target.host) && target.host.ends_with(suffix.as_str()),
            Hosts::One(host) => *host == target.host,
        };
        host && match self.ports {
            Ports::Usual => target.port == default_port(target.tls),
            Ports::One(port) => port == target.port,
            Ports::All => true,
        }
    }
}

/// What the operator allows altogether.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Hosts; without any there are no webhooks.
    pub allowed: Vec<Allowed>,
    /// Whether also this host and the networks around it, and without TLS.
    pub private: bool,
}

impl Policy {
    /// Whether there are no webhooks at all.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        self.allowed.is_empty()
    }

    /// Whether events may be sent there, as far as the address says; else why not.
    pub fn admits(&self, target: &Target) -> Result<(), &'static str> {
        if !target.tls && !self.private {
            return Err("must begin with https://");
        }
        if !self.allowed.iter().any(|allowed| allowed.admits(target)) {
            return Err(
                "names a host or port that the operator of the service does not allow (webhooks.allowed_hosts)",
            );
        }
        match target.host.parse() {
            Ok(address) => self.reaches(address).map_err(|_| "names an address that is not public"),
            Err(_) => Ok(()),
        }
    }

    /// Whether events may be sent to what a name was resolved to; else what it is.
    pub fn reaches(&self, address: IpAddr) -> Result<(), &'static str> {
        match reach(address) {
            Reach::Public => Ok(()),
            Reach::Private(_) if self.private => Ok(()),
            Reach::Private(what) | Reach::Never(what) => Err(what),
        }
    }
}

#[cfg(test)]
mod tests;
