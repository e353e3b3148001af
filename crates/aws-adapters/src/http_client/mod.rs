//! HTTP for channels, over the HTTP client and the TLS of the SDK.
//!
//! The outcome of a request that changes something has to be known: sent twice, it opens two tickets. So each request has a
//! connection of its own. An idle one may have been closed meanwhile, in particular while Lambda suspended the function, and
//! then it would not be known whether the request arrived. It also means that the client below never repeats a request: it
//! does so only with one that it could not hand to an idle connection.

mod failure;
mod url;

use std::sync::OnceLock;
use std::time::Duration;

use aws_smithy_async::future::timeout::Timeout;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::TlsContext;
use aws_smithy_http_client::{Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_types::SdkConfig;
use channels::{Http, HttpError, Request, Response};

use self::url::Target;
use crate::tls::{self, TrustError};

pub(crate) use self::failure::is_not_sent;

/// Longest body that is read of an answer. The rest is not fetched.
const BODY_MAX: usize = 1 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// From the look-up of the address to the last byte of the answer.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(20);
const USER_AGENT: &str = concat!("portcullis/", env!("CARGO_PKG_VERSION"));

/// An HTTP client. Hosts are trusted by the roots of the system, and by the bundle in `AWS_CA_BUNDLE` if it is set. Requests go
/// through the proxy in `HTTPS_PROXY`, except to the hosts in `NO_PROXY`; those to this machine never do.
#[derive(Debug)]
pub struct HttpClient {
    tls: TlsContext,
    proxy: ProxyConfig,
    sleep: SharedAsyncSleep,
    connect_timeout: Duration,
    total_timeout: Duration,
    /// Created on first use, since that reads the certificates of the system.
    remote: OnceLock<Connector>,
    /// For this machine: without TLS, and without a proxy.
    local: OnceLock<Connector>,
}

impl HttpClient {
    /// Creates the client. Call it once per process.
    ///
    /// # Errors
    ///
    /// When the file in `AWS_CA_BUNDLE` is not a bundle of PEM certificates.
    pub fn new(sdk: &SdkConfig) -> Result<Self, TrustError> {
        let sleep = sdk.sleep_impl().unwrap_or_else(|| SharedAsyncSleep::new(TokioSleep::new()));
        Ok(Self::with(tls::context(tls::public_roots()?)?, ProxyConfig::from_env(), sleep))
    }

    fn with(tls: TlsContext, proxy: ProxyConfig, sleep: SharedAsyncSleep) -> Self {
        let (connect_timeout, total_timeout) = (CONNECT_TIMEOUT, TOTAL_TIMEOUT);
        Self { tls, proxy, sleep, connect_timeout, total_timeout, remote: OnceLock::new(), local: OnceLock::new() }
    }

    /// Sets the time limits of a connection with its TLS session, and of a request as a whole, which is the longer one.
    #[must_use]
    pub fn with_timeouts(self, connect: Duration, total: Duration) -> Self {
        Self { connect_timeout: connect, total_timeout: total, remote: OnceLock::new(), local: OnceLock::new(), ..self }
    }

    fn connector(&self, target: &Target) -> &Connector {
        if target.is_local {
            self.local.get_or_init(|| self.builder().proxy_config(ProxyConfig::disabled()).build_http())
        } else {
            let builder = || self.builder().proxy_config(self.proxy.clone()).tls_provider(tls::PROVIDER);
            self.remote.get_or_init(|| builder().tls_context(self.tls.clone()).build())
        }
    }

    fn builder(&self) -> ConnectorBuilder {
        let settings = HttpConnectorSettings::builder().connect_timeout(self.connect_timeout).build();
        let builder = Connector::builder().connector_settings(settings).sleep_impl(self.sleep.clone());
        builder.pool_max_idle_per_host(0)
    }

    async fn exchange(&self, target: &Target, request: HttpRequest) -> Result<Response, HttpError> {
        let answer = self.connector(target).call(request).await;
        let mut answer = answer.map_err(|error| failure::of_request(&error, &target.host, self.connect_timeout))?;
        let body = body(answer.take_body()).await;
        let body = body.map_err(|error| failure::of_body(&error, &target.host))?;
        Ok(Response { status: answer.status().as_u16(), headers: headers(&answer), body })
    }
}

impl Http for HttpClient {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let target = Target::read(request.url.expose())?;
        let request = wire(&target, request)?;
        // Boxed, because it is large, and most callers nest it deeply.
        let exchange = Box::pin(self.exchange(&target, request));
        let limit = self.total_timeout;
        match Timeout::new(exchange, self.sleep.sleep(limit)).await {
            Ok(outcome) => outcome,
            // The connection has a shorter limit, so the request was sent.
            Err(_) => Err(HttpError::Unanswered(format!("{} took longer than {limit:?}", target.host))),
        }
    }
}

/// The request for the connector.
fn wire(target: &Target, request: Request) -> Result<HttpRequest, HttpError> {
    let mut wire = http::Request::builder().method(request.method.as_str()).uri(target.uri.clone());
    if !request.headers.iter().any(|(name, _)| *name == "user-agent") {
        wire = wire.header("user-agent", USER_AGENT);
    }
    for (name, value) in &request.headers {
        let Ok(mut value) = http::HeaderValue::from_str(value.expose()) else {
            let problem = format!("the value for the header {name} has characters that no header can have");
            return Err(HttpError::Invalid(format!("{problem}: store the secret again, without line breaks")));
        };
        // No log of the connection shows it.
        value.set_sensitive(true);
        wire = wire.header(*name, value);
    }
    let wire = wire.body(SdkBody::from(request.body)).ok();
    let invalid = || HttpError::Invalid("it is no request of HTTP".to_owned());
    wire.and_then(|wire| HttpRequest::try_from(wire).ok()).ok_or_else(invalid)
}

fn headers(answer: &HttpResponse) -> Vec<(String, String)> {
    let text = |(name, value): (&str, &[u8])| (name.to_owned(), String::from_utf8_lossy(value).into_owned());
    answer.headers().iter_bytes().map(text).collect()
}

async fn body(body: SdkBody) -> Result<Vec<u8>, aws_smithy_types::byte_stream::error::Error> {
    let mut stream = ByteStream::new(body);
    let mut read = Vec::new();
    while read.len() < BODY_MAX {
        let Some(chunk) = stream.next().await else { break };
        read.extend_from_slice(&chunk?);
    }
    read.truncate(BODY_MAX);
    Ok(read)
}

#[cfg(test)]
mod tests;
