//! Ports of test servers. A port is reserved until this process ends, so that a killed server finds
//! it free when it is started again.

use std::{
    io,
    net::{Ipv4Addr, TcpListener, TcpStream},
    ops::Range,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener},
    },
    sync::Mutex,
    time::Duration,
};

use anyhow::{Result, bail};

/// Below the range of the kernel's ephemeral ports, so that no outgoing connection takes one of
/// these ports.
const PORTS: Range<u16> = 10_000..32_000;

const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);

/// The reservations of this process.
static RESERVED: Mutex<Vec<Reservation>> = Mutex::new(Vec::new());

/// A name that only one process of the machine can hold. The kernel releases it when the process
/// ends.
struct Reservation {
    port: u16,
    _name: UnixListener,
}

impl Reservation {
    /// `None` if a process has reserved the port, or listens on it.
    fn try_new(port: u16) -> Option<Self> {
        let name = reserve_name(port).ok()?;
        let is_free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();

        is_free.then_some(Self { port, _name: name })
    }
}

fn reserve_name(port: u16) -> io::Result<UnixListener> {
    let name = SocketAddr::from_abstract_name(format!("slipway-test-port-{port}"))?;
    UnixListener::bind_addr(&name)
}

/// Reserves a port on which no process listens.
///
/// # Errors
/// If there is none.
pub fn free_port() -> Result<u16> {
    free_ports(1)
}

/// Reserves `count` consecutive ports on which no process listens. Returns the first.
///
/// # Errors
/// If there are none.
///
/// # Panics
/// If another thread panicked while it reserved ports.
pub fn free_ports(count: u16) -> Result<u16> {
    let mut reserved = RESERVED.lock().expect("no thread panics while it reserves ports");
    let next = reserved.last().map_or(PORTS.start, |last| last.port + 1);

    let mut ports = Vec::new();
    for port in (next..PORTS.end).chain(PORTS.start..next.min(PORTS.end)) {
        if port == PORTS.start {
            ports.clear();
        }
        match Reservation::try_new(port) {
            Some(reservation) => ports.push(reservation),
            None => ports.clear(),
        }

        if ports.len() == usize::from(count) {
            reserved.append(&mut ports);
            return Ok(port + 1 - count);
        }
    }

    bail!("there are no {count} consecutive free ports in {PORTS:?}; end servers that still run")
}

/// Whether a process listens on the port of the loopback address.
pub fn listens(port: u16) -> bool {
    TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), CONNECT_TIMEOUT).is_ok()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, thread};

    use super::*;

    #[test]
    fn no_port_is_given_out_twice() {
        let threads: Vec<_> =
            [1, 2, 3, 3].map(|count| thread::spawn(move || blocks_of(count))).into_iter().collect();

        let mut given = BTreeSet::new();
        for thread in threads {
            for port in thread.join().unwrap() {
                assert!(given.insert(port), "{port}");
            }
        }
        assert_eq!(given.len(), 20 * (1 + 2 + 3 + 3));
    }

    fn blocks_of(count: u16) -> Vec<u16> {
        let block = |_| {
            let first = free_ports(count).unwrap();
            first..first + count
        };
        (0..20).flat_map(block).collect()
    }

    #[test]
    fn port_of_another_process_is_not_reserved() {
        let port = free_port().unwrap();
        assert!(Reservation::try_new(port).is_none(), "a reserved port was reserved again");

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(Reservation::try_new(port).is_none(), "a port with a listener was reserved");
    }
}
