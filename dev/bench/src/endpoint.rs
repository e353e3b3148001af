//! The services that the functions call, on a TLS endpoint of this machine: one security group, and a bucket that keeps
//! objects until the next event.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use bench::events::{ACCOUNT, GROUP, POLICY};

/// Root certificates of this system; a Lambda function has as many.
const SYSTEM_ROOTS: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// Root certificates in the functions.
const AMAZON_ROOTS: &str = include_str!("../../../crates/aws-adapters/src/amazon_roots.pem");

/// First port of each rule. The last port of a rule is this one plus the rule's number.
const FIRST_PORT: usize = 22;

/// The services, on a separate thread.
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    /// Certificates for the SDKs: as many roots as are in the functions, and the certificate of the endpoint.
    pub(crate) bundle: PathBuf,
    /// Certificates for all other programs: the roots of this system, and the certificate of the endpoint.
    pub(crate) roots: PathBuf,
    state: Arc<Mutex<Account>>,
}

/// The state of the account, and the calls.
#[derive(Default)]
struct Account {
    /// Open rules of the group, by number.
    open: BTreeSet<usize>,
    objects: BTreeMap<String, String>,
    calls: Vec<String>,
}

impl Endpoint {
    pub(crate) fn start(directory: &Path) -> Result<Self> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec![Ipv4Addr::LOCALHOST.to_string()])?;
        let system = SYSTEM_ROOTS.iter().find_map(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        let [bundle, roots] = [("bundle.pem", AMAZON_ROOTS), ("roots.pem", &system)]
            .map(|(name, others)| (directory.join(name), format!("{others}{}", cert.pem())));
        std::fs::write(&bundle.0, bundle.1)?;
        std::fs::write(&roots.0, roots.1)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)?;
        let state = Arc::<Mutex<Account>>::default();
        let router = Router::new().fallback(any(answer)).with_state(Arc::clone(&state));
        let (bound, address) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        thread::spawn(move || {
            runtime.block_on(async move {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                let _ = bound.send(listener.local_addr()?);
                serve(listener, TlsAcceptor::from(Arc::new(tls)), router).await
            })
        });
        Ok(Self {
            address: address.recv().context("the endpoint has no port")?,
            bundle: bundle.0,
            roots: roots.0,
            state,
        })
    }

    /// Prepares for an event: opens this many rules of the group, and forgets objects and calls.
    pub(crate) fn reset(&self, open: usize) {
        *lock(&self.state) = Account { open: (0..open).collect(), ..Account::default() };
    }

    /// Returns the calls since then.
    pub(crate) fn calls(&self) -> Vec<String> {
        lock(&self.state).calls.clone()
    }
}

fn lock(state: &Mutex<Account>) -> MutexGuard<'_, Account> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, router: Router) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, router) = (acceptor.clone(), router.clone());
        tokio::spawn(async move {
            // A function that ends between two events drops its connections.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = TowerToHyperService::new(router);
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(State(state): State<Arc<Mutex<Account>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else { return StatusCode::BAD_REQUEST.into_response() };
    let body = String::from_utf8_lossy(&body);
    let mut account = lock(&state);
    if let Some(operation) = json_operation(&parts.headers) {
        account.calls.push(operation.to_owned());
        return json(operation, &body);
    }
    if let Some(operation) = form_value(&body, "Action") {
        account.calls.push(operation.to_owned());
        return account.ec2(operation, &body);
    }
    account.s3(&parts.method, parts.uri.path(), parts.uri.query().unwrap_or_default(), body.into_owned())
}

fn json_operation(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-amz-target")?.to_str().ok()?.split_once('.').map(|(_, operation)| operation)
}

fn form_value<'b>(body: &'b str, key: &str) -> Option<&'b str> {
    form_pairs(body).find(|(name, _)| *name == key).map(|(_, value)| value)
}

fn form_pairs(body: &str) -> impl Iterator<Item = (&str, &str)> {
    body.split('&').filter_map(|pair| pair.split_once('='))
}

/// Returns the last port of each permission in a request to EC2.
fn to_ports(body: &str) -> impl Iterator<Item = usize> {
    form_pairs(body).filter(|(name, _)| name.ends_with(".ToPort")).filter_map(|(_, port)| port.parse().ok())
}

fn json(operation: &str, body: &str) -> Response {
    let text = match operation {
        "PutEvaluations" => r#"{"FailedEvaluations":[]}"#.to_owned(),
        // No finding is stored yet.
        "GetItem" | "TransactWriteItems" => "{}".to_owned(),
        "PutEvents" => {
            let request: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
            let entries = request.get("Entries").and_then(serde_json::Value::as_array).map_or(0, Vec::len);
            let taken = vec![r#"{"EventId":"11710aed-b79e-4468-a20b-bb3c0c3b4860"}"#; entries].join(",");
            format!(r#"{{"FailedEntryCount":0,"Entries":[{taken}]}}"#)
        }
        // What a Portcullis stack has.
        "GetParameter" => {
            let stack = r#"{"closeDocument":"close","quarantineDocument":"quarantine","approval":false,"roles":[]}"#;
            let value = serde_json::Value::from(stack).to_string();
            format!(r#"{{"Parameter":{{"Name":"/portcullis/stacks/portcullis","Type":"String","Value":{value}}}}}"#)
        }
        "DescribeConfigRules" => {
            let parameters = serde_json::Value::from(POLICY).to_string();
            format!(
                r#"{{"ConfigRules":[{{"ConfigRuleName":"bench","Source":{{"Owner":"CUSTOM_LAMBDA"}},"InputParameters":{parameters}}}]}}"#
            )
        }
        _ => return (StatusCode::BAD_REQUEST, r#"{"__type":"UnknownOperationException"}"#).into_response(),
    };
    ([("content-type", "application/x-amz-json-1.1")], text).into_response()
}

impl Account {
    fn ec2(&mut self, operation: &str, body: &str) -> Response {
        let mut rules = String::new();
        match operation {
            "DescribeSecurityGroupRules" => {
                for number in &self.open {
                    push_rule(&mut rules, *number);
                }
                xml(operation, &format!("<securityGroupRuleSet>{rules}</securityGroupRuleSet>"))
            }
            "DescribeSecurityGroups" => {
                let group = format!(
                    "<securityGroupInfo><item><groupId>{GROUP}</groupId><groupName>web</groupName><ownerId>{ACCOUNT}</ownerId>\
                     <ipPermissions><item><ipProtocol>tcp</ipProtocol><fromPort>443</fromPort><toPort>443</toPort><groups/>\
                     <ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges><ipv6Ranges/><prefixListIds/></item>\
                     </ipPermissions></item></securityGroupInfo>"
                );
                xml(operation, &group)
            }
            "RevokeSecurityGroupIngress" => {
                for number in to_ports(body).filter_map(|port| port.checked_sub(FIRST_PORT)) {
                    if self.open.remove(&number) {
                        push_rule(&mut rules, number);
                    }
                }
                let revoked = format!("<revokedSecurityGroupRuleSet>{rules}</revokedSecurityGroupRuleSet>");
                xml(operation, &format!("<return>true</return>{revoked}<unknownIpPermissionSet/>"))
            }
            _ => {
                let error = "<Response><Errors><Error><Code>InvalidAction</Code></Error></Errors></Response>";
                (StatusCode::BAD_REQUEST, error).into_response()
            }
        }
    }

    fn s3(&mut self, method: &Method, path: &str, query: &str, body: String) -> Response {
        let is_list = query.contains("list-type");
        let operation = match (method, is_list) {
            (&Method::PUT, _) => "PutObject",
            (&Method::GET, true) => "ListObjectsV2",
            (&Method::GET, false) => "GetObject",
            (&Method::DELETE, _) => "DeleteObject",
            _ => "another operation of S3",
        };
        self.calls.push(operation.to_owned());
        match operation {
            "PutObject" => {
                self.objects.insert(path.to_owned(), body);
                StatusCode::OK.into_response()
            }
            "DeleteObject" => {
                self.objects.remove(path);
                StatusCode::NO_CONTENT.into_response()
            }
            "ListObjectsV2" => {
                let list = r#"<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated></ListBucketResult>"#;
                ([("content-type", "application/xml")], list).into_response()
            }
            "GetObject" => match self.objects.get(path) {
                Some(text) => text.clone().into_response(),
                None => (StatusCode::NOT_FOUND, "<Error><Code>NoSuchKey</Code></Error>").into_response(),
            },
            _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        }
    }
}

fn push_rule(xml: &mut String, number: usize) {
    // A different range of ports each, because EC2 has no two equal rules. Writing to a string does not fail.
    let _ = write!(
        xml,
        "<item><securityGroupRuleId>sgr-{number:017x}</securityGroupRuleId><groupId>{GROUP}</groupId>\
         <groupOwnerId>{ACCOUNT}</groupOwnerId><isEgress>false</isEgress><ipProtocol>tcp</ipProtocol>\
         <fromPort>{FIRST_PORT}</fromPort><toPort>{}</toPort><cidrIpv4>0.0.0.0/0</cidrIpv4>\
         <description>temporary</description><tagSet/></item>",
        FIRST_PORT + number,
    );
}

fn xml(operation: &str, body: &str) -> Response {
    let text = format!(
        r#"<{operation}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>{body}</{operation}Response>"#
    );
    ([("content-type", "text/xml")], text).into_response()
}
