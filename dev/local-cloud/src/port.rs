//! Ports of this machine, kept for the child processes that are going to listen on them.

use std::io;
use std::net::Ipv4Addr;

use tokio::net::TcpSocket;

/// A port of the loopback interface that nobody else is given: neither another process that asks for a free port, nor
/// a connection that needs a source port.
///
/// To look for a free port, to let go of it and to have a child listen there would leave it to others in between.
/// Linux lets a second socket bind to a port, and listen, while all that are bound there allow it (`SO_REUSEADDR`) and
/// none listens. The servers of the child processes allow it.
pub(crate) struct ReservedPort {
    number: u16,
    _socket: TcpSocket,
}

impl ReservedPort {
    /// Reserves a port; 0 selects a free one.
    pub(crate) fn new(port: u16) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        // A port that the system selects is never one that is bound already, whatever the sockets allow.
        socket.set_reuseaddr(true)?;
        socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
        Ok(Self { number: socket.local_addr()?.port(), _socket: socket })
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_child_can_listen_on_it() {
        let reserved = ReservedPort::new(0).unwrap();
        // The listeners of std set SO_REUSEADDR, as those of Python's http.server do.
        std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, reserved.number())).unwrap();
    }

    #[tokio::test]
    async fn a_port_with_a_listener_is_refused() {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let error = ReservedPort::new(listener.local_addr().unwrap().port()).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn no_port_is_given_twice() {
        let reserved: Vec<_> = (0..500).map(|_| ReservedPort::new(0).unwrap()).collect();
        let mut numbers: Vec<u16> = reserved.iter().map(ReservedPort::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), reserved.len());
    }
}
