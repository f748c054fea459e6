//! The hosts from which builds of tests and of the demo fetch packages.

use std::net::{SocketAddr, ToSocketAddrs as _};

const HOSTS: [&str; 3] = ["deb.debian.org", "pypi.org", "files.pythonhosted.org"];

/// The hosts' IPv4 addresses as ranges that build steps have to be allowed to reach. Behind some
/// proxies the names resolve to private or special-purpose addresses, which are closed to steps.
pub fn ranges() -> Vec<String> {
    let addresses = HOSTS.iter().filter_map(|host| (*host, 443).to_socket_addrs().ok()).flatten();

    let mut ranges: Vec<String> = addresses
        .filter(SocketAddr::is_ipv4)
        .map(|address| format!("{}/32", address.ip()))
        .collect();
    ranges.sort();
    ranges.dedup();
    ranges
}
