//! TLS: which hosts are trusted, and what is known after a failed handshake. The rest is tested from outside.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod http2;

use std::io;
use std::sync::{Arc, Mutex};

use aws_smithy_http_client::tls::TrustStore;
use channels::Method;
use rcgen::{Certificate, CertificateParams, DnType, KeyPair, date_time_ymd};
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::*;

const BODY: &[u8] = b"a secret";

/// A receiver behind TLS, and the requests that it got.
struct Server {
    url: String,
    pem: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// The TLS of a server with this certificate.
fn server_tls(certificate: &Certificate, key: &KeyPair) -> ServerConfig {
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap()
}

/// A certificate for this name, until this year.
fn certificate(name: &str, until: i32) -> (Certificate, KeyPair) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap(), key)
}

impl Server {
    /// A receiver whose certificate is for this name, until this year.
    async fn with_certificate(name: &str, until: i32) -> Self {
        let (certificate, key) = certificate(name, until);
        let acceptor = TlsAcceptor::from(Arc::new(server_tls(&certificate, &key)));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("https://localhost:{}/hook?sig=key", listener.local_addr().unwrap().port());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // Fails if the client does not trust the certificate.
                if let Ok(request) = answer(&acceptor, stream).await {
                    seen.lock().unwrap().push(request);
                }
            }
        });
        Self { url, pem: certificate.pem(), requests }
    }

    fn trusted(&self) -> TrustStore {
        TrustStore::empty().with_pem_certificate(self.pem.as_bytes())
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn answer(acceptor: &TlsAcceptor, stream: TcpStream) -> io::Result<String> {
    let mut stream = acceptor.accept(stream).await?;
    let mut request = Vec::new();
    while !request.ends_with(BODY) {
        if stream.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nx-request-id: 7\r\ncontent-length: 2\r\n\r\nok").await?;
    Ok(String::from_utf8_lossy(&request).into_owned())
}

fn client(trusted: TrustStore) -> HttpClient {
    client_behind(ProxyConfig::disabled(), trusted)
}

fn client_behind(proxy: ProxyConfig, trusted: TrustStore) -> HttpClient {
    HttpClient::with(tls::context(trusted).unwrap(), proxy, SharedAsyncSleep::new(TokioSleep::new()))
}

fn post(server: &Server) -> Request {
    request(&server.url)
}

fn request(url: &str) -> Request {
    let headers = vec![("authorization", "Bearer t0ken".into())];
    Request { method: Method::Post, url: url.into(), headers, body: BODY.to_vec() }
}

#[tokio::test]
async fn a_host_with_a_trusted_certificate_gets_the_request() {
    let server = Server::with_certificate("localhost", 2090).await;
    let client = client(server.trusted());
    for _ in 0..2 {
        let response = client.send(post(&server)).await.unwrap();
        assert_eq!(
            (response.status, response.header("x-request-id"), response.body.as_slice()),
            (200, Some("7"), &b"ok"[..])
        );
    }
    // The server answers one request on each connection, so the second request has come on another one.
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert!(request.starts_with("POST /hook?sig=key HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("\r\nauthorization: Bearer t0ken\r\n"), "{request}");
    }
}

#[rstest]
#[case::self_signed("localhost", 2090, false, "UnknownIssuer")]
#[case::expired("localhost", 2021, true, "certificate expired")]
#[case::of_another_host("example.com", 2090, true, "not valid for name \"localhost\"")]
#[tokio::test]
async fn a_host_without_one_gets_nothing(
    #[case] name: &str,
    #[case] until: i32,
    #[case] is_trusted: bool,
    #[case] reason: &str,
) {
    let server = Server::with_certificate(name, until).await;
    let other = Server::with_certificate("example.org", 2090).await;
    let trusted = if is_trusted { server.trusted() } else { other.trusted() };
    let HttpError::NotSent(text) = client(trusted).send(post(&server)).await.unwrap_err() else {
        panic!("the request was sent")
    };
    assert!(text.starts_with("the certificate of localhost is not trusted: ") && text.contains(reason), "{text}");
    assert!(!text.contains("t0ken") && !text.contains("key"), "{text}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_host_without_tls_gets_nothing() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("https://127.0.0.1:{}/key", listener.local_addr().unwrap().port());
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = [0; 5];
        stream.read_exact(&mut hello).await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        hello
    });
    let request = Request { method: Method::Post, url: url.into(), headers: Vec::new(), body: BODY.to_vec() };
    let error = client(TrustStore::empty()).send(request).await.unwrap_err();
    assert!(matches!(&error, HttpError::NotSent(text) if text.starts_with("no connection to 127.0.0.1: ")), "{error}");
    // A handshake record of TLS.
    assert_eq!(answering.await.unwrap()[0], 22);
}

/// The limit of the connection covers the handshake, so a host that does not finish it was sent nothing.
#[tokio::test]
async fn a_host_that_hangs_in_the_handshake_gets_nothing() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("https://127.0.0.1:{}/key", listener.local_addr().unwrap().port());
    let request = Request { method: Method::Post, url: url.into(), headers: Vec::new(), body: BODY.to_vec() };
    let client = client(TrustStore::empty()).with_timeouts(Duration::from_millis(100), Duration::from_secs(10));
    let error = client.send(request).await.unwrap_err();
    assert_eq!(error, HttpError::NotSent("no connection to 127.0.0.1 within 100ms".to_owned()));
    drop(listener);
}

/// A proxy that answers `CONNECT` with this status, and forwards to the host if it is 200. Returns its URL and what it was
/// asked.
async fn proxy(status: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://user:pass@127.0.0.1:{}", listener.local_addr().unwrap().port());
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                assert_ne!(stream.read_buf(&mut head).await.unwrap(), 0);
            }
            let head = String::from_utf8(head).unwrap();
            let host = head.split(' ').nth(1).unwrap().to_owned();
            seen.lock().unwrap().push(head);
            stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await.unwrap();
            if status.starts_with("200") {
                let mut host = TcpStream::connect(host).await.unwrap();
                tokio::io::copy_bidirectional(&mut stream, &mut host).await.ok();
            }
        }
    });
    (url, heads)
}

#[tokio::test]
async fn a_proxy_sees_the_host_and_nothing_else() {
    let server = Server::with_certificate("localhost", 2090).await;
    let (url, heads) = proxy("200 OK").await;
    let client = client_behind(ProxyConfig::https(url).unwrap(), server.trusted());
    assert_eq!(client.send(post(&server)).await.unwrap().status, 200);
    let heads = heads.lock().unwrap().clone();
    assert_eq!(heads.len(), 1);
    assert!(heads[0].starts_with("CONNECT localhost:"), "{heads:?}");
    assert!(!heads[0].contains("t0ken") && !heads[0].contains("key"), "{heads:?}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_proxy_that_refuses_a_host_sends_nothing_to_it() {
    let server = Server::with_certificate("localhost", 2090).await;
    let (url, heads) = proxy("403 Forbidden").await;
    let client = client_behind(ProxyConfig::https(url).unwrap(), server.trusted());
    let error = client.send(post(&server)).await.unwrap_err();
    assert!(
        matches!(&error, HttpError::NotSent(text) if text.starts_with("no connection to localhost: ")),
        "{error:?}"
    );
    assert!(!error.to_string().contains("pass") && !error.to_string().contains("key"), "{error}");
    assert_eq!((heads.lock().unwrap().len(), server.requests().len()), (1, 0));
}

/// It would carry requests without TLS to another machine.
#[tokio::test]
async fn requests_to_this_machine_take_no_proxy() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let target = format!("http://127.0.0.1:{}/key", listener.local_addr().unwrap().port());
    drop(listener);
    let (url, heads) = proxy("200 OK").await;
    let client = client_behind(ProxyConfig::all(url).unwrap(), TrustStore::empty());
    let request = Request { method: Method::Get, url: target.into(), headers: Vec::new(), body: Vec::new() };
    let error = client.send(request).await.unwrap_err();
    assert!(matches!(error, HttpError::NotSent(_)), "{error:?}");
    assert!(heads.lock().unwrap().is_empty());
}
