//! A listener that can be closed, and opened again on the same port.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// What a gate is told.
#[derive(Debug)]
struct Order {
    is_open: bool,
    done: oneshot::Sender<io::Result<()>>,
}

/// A way to close and open a listener.
#[derive(Debug, Clone)]
pub struct Gate {
    address: SocketAddr,
    orders: mpsc::Sender<Order>,
}

/// Either state has the port.
enum Port {
    Open(TcpListener),
    /// Bound, and not listening: connections are refused, and no other program gets the port.
    Closed(TcpSocket),
}

impl Gate {
    /// Listens on a free port of this machine, and serves each connection by a task.
    ///
    /// # Errors
    ///
    /// If there is no free port.
    pub fn open<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> io::Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = bind((Ipv4Addr::LOCALHOST, 0).into())?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let (orders, received) = mpsc::channel(1);
        tokio::spawn(run(Port::Open(listener), address, received, serve));
        Ok(Self { address, orders })
    }

    /// Address and port, which stay the same.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the listener and all connections, or opens it again. Afterwards it is so.
    ///
    /// # Errors
    ///
    /// If the port is lost.
    pub async fn set_open(&self, is_open: bool) -> io::Result<()> {
        let (done, outcome) = oneshot::channel();
        let ended = |_| io::Error::other("the server has ended");
        self.orders.send(Order { is_open, done }).await.map_err(|_| io::Error::other("the server has ended"))?;
        outcome.await.map_err(ended)?
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections that were closed keep the port for a minute otherwise.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn run<F>(
    mut port: Port,
    address: SocketAddr,
    mut orders: mpsc::Receiver<Order>,
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            match &port {
                Port::Open(listener) => listener.accept().await,
                Port::Closed(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            order = orders.recv() => {
                let Some(Order { is_open, done }) = order else { return };
                if !is_open {
                    connections.shutdown().await;
                }
                match turn(port, is_open, address) {
                    Ok(turned) => {
                        port = turned;
                        let _ = done.send(Ok(()));
                    }
                    Err(error) => {
                        let _ = done.send(Err(error));
                        return;
                    }
                }
            }
            accepted = accepted => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

fn turn(port: Port, is_open: bool, address: SocketAddr) -> io::Result<Port> {
    match (port, is_open) {
        (Port::Open(listener), false) => {
            drop(listener);
            bind(address).map(Port::Closed)
        }
        (Port::Closed(socket), true) => socket.listen(BACKLOG).map(Port::Open),
        (port, _) => Ok(port),
    }
}
