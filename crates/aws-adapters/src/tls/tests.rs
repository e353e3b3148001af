#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Mutex;

use aws_sdk_config::config::retry::RetryConfig;
use aws_sdk_config::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_traits::AwsError;
use aws_traits::ssm::Parameters;
use aws_types::SdkConfig;
use plain_text::error_chain;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rstest::rstest;
use sha2::Digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;

use super::*;
use crate::Ssm;

/// Systems Manager behind a self-signed certificate, with one connection per request.
struct Server {
    pem: String,
    endpoint: String,
    /// Whether the client trusted the certificate, for each connection.
    connections: Arc<Mutex<Vec<bool>>>,
}

impl Server {
    async fn start() -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("https://{}", listener.local_addr().unwrap());
        let connections = Arc::<Mutex<Vec<bool>>>::default();
        let seen = Arc::clone(&connections);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let stream = acceptor.accept(stream).await;
                seen.lock().unwrap().push(stream.is_ok());
                if let Ok(stream) = stream {
                    answer(stream).await.unwrap();
                }
            }
        });
        Self { pem: cert.pem(), endpoint, connections }
    }

    fn trusted(&self) -> TrustStore {
        TrustStore::empty().with_pem_certificate(self.pem.as_bytes())
    }

    fn sdk(&self, client: SharedHttpClient) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("a", "s", None, None, "test")))
            .endpoint_url(&self.endpoint)
            .retry_config(RetryConfig::disabled())
            .http_client(client)
            .build()
    }
}

async fn answer(mut stream: TlsStream<TcpStream>) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        if stream.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let body = r#"{"Parameter":{"Name":"/p","Value":"v"}}"#;
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes()).await?;
    stream.shutdown().await
}

async fn two_calls(server: &Server, client: SharedHttpClient) -> [Result<String, AwsError>; 2] {
    let sdk = server.sdk(client);
    // Each SDK client has its own connector.
    [Ssm::new(&sdk).parameter("/p").await, Ssm::new(&sdk).parameter("/p").await]
}

#[test]
fn the_roots_of_amazon_are_there() {
    let roots = CertificateDer::pem_slice_iter(AMAZON_ROOTS).collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(roots.len(), 5);
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root).unwrap();
    }
    let names = String::from_utf8_lossy(AMAZON_ROOTS).matches("BEGIN CERTIFICATE").count();
    assert_eq!(names, store.len());
    // Hashes of the public keys, from the page of Amazon Trust Services.
    let keys: Vec<String> = store.roots.iter().map(|root| sha256(&spki(&root.subject_public_key_info))).collect();
    assert_eq!(
        keys,
        [
            "fbe3018031f9586bcbf41727e417b7d1c45c2f47f93be372a17b96b50757d5a2",
            "7f4296fc5b6a4e3b35d3c369623e364ab1af381d8fa7121533c9d6c633ea2461",
            "36abc32656acfc645c61b71613c4bf21c787f5cabbee48348d58597803d7abc9",
            "f7ecded5c66047d28ed6466b543c40e0743abe81d109254dcf845d4c2c7853c5",
            "2b071c59a0a0ae76b0eadb2bad23bad4580b69c3601b630c2eaf0613afa83f92",
        ]
    );
}

/// The whole `SubjectPublicKeyInfo`. A trust anchor has its content only, while the hash covers tag and length as well.
fn spki(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let header = match content.len() {
        0..=127 => vec![0x30, length[1]],
        128..=255 => vec![0x30, 0x81, length[1]],
        _ => vec![0x30, 0x82, length[0], length[1]],
    };
    [&header, content].concat()
}

fn sha256(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[tokio::test]
async fn a_certificate_under_the_first_roots_is_trusted_at_once() {
    let server = Server::start().await;
    let client = either(server.trusted(), TrustStore::empty()).unwrap();
    let [one, two] = two_calls(&server, client).await;
    assert_eq!((one.unwrap(), two.unwrap()), ("v".to_owned(), "v".to_owned()));
    assert_eq!(*server.connections.lock().unwrap(), [true, true]);
}

#[tokio::test]
async fn a_certificate_under_the_second_roots_costs_one_extra_handshake() {
    let server = Server::start().await;
    let client = either(amazon(), server.trusted()).unwrap();
    let [one, two] = two_calls(&server, client).await;
    assert_eq!((one.unwrap(), two.unwrap()), ("v".to_owned(), "v".to_owned()));
    assert_eq!(*server.connections.lock().unwrap(), [false, true, true]);
}

#[tokio::test]
async fn an_unknown_certificate_is_not_trusted() {
    let server = Server::start().await;
    let client = either(amazon(), amazon()).unwrap();
    for reply in two_calls(&server, client).await {
        let error = reply.unwrap_err().to_string();
        assert!(error.contains("UnknownIssuer"), "{error}");
    }
    assert!(!server.connections.lock().unwrap().contains(&true));
}

#[tokio::test]
async fn only_the_bundle_is_trusted() {
    let (server, other) = (Server::start().await, Server::start().await);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bundle.pem");
    std::fs::write(&file, format!("a comment\n{}", server.pem)).unwrap();
    let [one, two] = two_calls(&server, client(read_bundle(&file).unwrap()).unwrap()).await;
    assert_eq!((one.unwrap(), two.unwrap()), ("v".to_owned(), "v".to_owned()));
    let [one, _] = two_calls(&other, client(read_bundle(&file).unwrap()).unwrap()).await;
    assert!(one.is_err());
}

#[rstest]
#[case::empty("", "it contains no certificate")]
#[case::another_kind("{}", "it contains no certificate")]
#[case::cut("-----BEGIN CERTIFICATE-----\nMIID", "certificate 1: ")]
#[case::not_base64("-----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----\n", "certificate 1: ")]
#[case::not_a_certificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 1: ")]
fn a_malformed_bundle_is_refused(#[case] text: &str, #[case] problem: &str) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bundle.pem");
    std::fs::write(&file, text).unwrap();
    let error = error_chain(&read_bundle(&file).unwrap_err());
    assert!(error.contains("bundle.pem`, named by AWS_CA_BUNDLE, is not a bundle"), "{error}");
    assert!(error.contains(problem), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn a_missing_bundle_is_an_error() {
    let error = error_chain(&read_bundle(Path::new("/nowhere/bundle.pem")).unwrap_err());
    assert!(error.starts_with("cannot read `/nowhere/bundle.pem`, named by AWS_CA_BUNDLE: "), "{error}");
}
