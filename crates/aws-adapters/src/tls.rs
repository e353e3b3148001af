//! Trusted root certificates.
//!
//! The functions contain the five roots that sign the certificates of all AWS endpoints, because reading the 140 roots of the
//! system would take longer than the rest of a cold start. The roots of the system are read when an endpoint presents a
//! certificate under none of the five: a proxy that inspects TLS, or an AWS partition with its own authority.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_smithy_http_client::HttpClientError;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::error::causes;

/// Amazon Root CA 1 to 4, and Starfield Services Root Certificate Authority - G2.
///
/// Source: <https://www.amazontrust.com/repository/>.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon_roots.pem");

/// The one TLS stack.
pub(crate) const PROVIDER: Provider = Provider::Rustls(CryptoMode::Ring);

/// Environment variable with the file of the only roots to trust, as for the AWS CLI and the SDKs.
const BUNDLE: &str = "AWS_CA_BUNDLE";

/// The trusted certificates cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read.
    #[error("cannot read `{}`, named by {BUNDLE}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Error of the operating system.
        #[source]
        problem: io::Error,
    },
    /// The file is not a bundle of PEM certificates.
    #[error("`{}`, named by {BUNDLE}, is not a bundle of PEM certificates: {problem}", file.display())]
    NoBundle {
        /// The file.
        file: PathBuf,
        /// The reason, such as `certificate 1: …`.
        problem: String,
    },
    /// The HTTP client cannot be created.
    #[error(transparent)]
    Client(#[from] HttpClientError),
}

/// HTTP client of a function. It trusts the bundle in the environment, or else the roots of Amazon, then those of the system.
pub(crate) fn function_client() -> Result<SharedHttpClient, TrustError> {
    match bundle()? {
        Some(bundle) => client(bundle),
        None => either(amazon(), TrustStore::default()),
    }
}

/// Certificates to trust of hosts that are not of AWS: those of the system, and the bundle in the environment, if there is one.
#[cfg(feature = "channels")]
pub(crate) fn public_roots() -> Result<TrustStore, TrustError> {
    Ok(bundle()?.unwrap_or_default().with_native_roots(true))
}

/// HTTP client of the command line. It trusts the bundle in the environment, or else the roots of the system.
#[cfg(feature = "terminal")]
pub(crate) fn terminal_client() -> Result<SharedHttpClient, TrustError> {
    client(bundle()?.unwrap_or_default())
}

fn amazon() -> TrustStore {
    TrustStore::empty().with_pem_certificate(AMAZON_ROOTS)
}

fn bundle() -> Result<Option<TrustStore>, TrustError> {
    std::env::var_os(BUNDLE).filter(|file| !file.is_empty()).map(|file| read_bundle(Path::new(&file))).transpose()
}

/// Reads the certificates of a file, and checks all of them: the HTTP client panics on one that it cannot parse.
fn read_bundle(file: &Path) -> Result<TrustStore, TrustError> {
    let pem = std::fs::read(file).map_err(|problem| TrustError::Unreadable { file: file.to_owned(), problem })?;
    let no_bundle = |problem: String| TrustError::NoBundle { file: file.to_owned(), problem };
    let mut roots = RootCertStore::empty();
    for (certificate, number) in CertificateDer::pem_slice_iter(&pem).zip(1..) {
        let invalid = |error: &dyn Error| no_bundle(format!("certificate {number}: {error}"));
        roots.add(certificate.map_err(|error| invalid(&error))?).map_err(|error| invalid(&error))?;
    }
    if roots.is_empty() {
        return Err(no_bundle("it contains no certificate".to_owned()));
    }
    Ok(TrustStore::empty().with_pem_certificate(pem))
}

fn client(trusted: TrustStore) -> Result<SharedHttpClient, TrustError> {
    let builder = aws_smithy_http_client::Builder::new().tls_provider(PROVIDER);
    Ok(builder.tls_context(context(trusted)?).build_https())
}

/// The TLS of connections that trust these certificates.
pub(crate) fn context(trusted: TrustStore) -> Result<TlsContext, TrustError> {
    Ok(TlsContext::builder().with_trust_store(trusted).build()?)
}

fn either(first: TrustStore, second: TrustStore) -> Result<SharedHttpClient, TrustError> {
    Ok(SharedHttpClient::new(Either { first: client(first)?, second: client(second)?, is_second: Arc::default() }))
}

/// Two clients: the second is used when the roots of the first do not cover a certificate.
#[derive(Debug)]
struct Either {
    first: SharedHttpClient,
    second: SharedHttpClient,
    /// Set once only the second client trusted a certificate. From then on, all requests go to the second client.
    is_second: Arc<AtomicBool>,
}

impl HttpClient for Either {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let (second, settings, components) = (self.second.clone(), settings.clone(), components.clone());
        SharedHttpConnector::new(EitherConnector {
            first: self.first.http_connector(&settings, &components),
            second: Second { client: second, settings, components },
            is_second: Arc::clone(&self.is_second),
        })
    }

    // Validating the second client would make it read its certificates.
    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.first.validate_base_client_config(components, config)
    }
}

#[derive(Debug)]
struct EitherConnector {
    first: SharedHttpConnector,
    second: Second,
    is_second: Arc<AtomicBool>,
}

/// Connector of the second client, created on its first use.
#[derive(Debug, Clone)]
struct Second {
    client: SharedHttpClient,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl Second {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.client.http_connector(&self.settings, &self.components).call(request)
    }
}

impl HttpConnector for EitherConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if self.is_second.load(Ordering::Relaxed) {
            return self.second.call(request);
        }
        let Some(again) = request.try_clone() else { return self.first.call(request) };
        let (first, second, is_second) = (self.first.call(request), self.second.clone(), Arc::clone(&self.is_second));
        HttpConnectorFuture::new(async move {
            match first.await {
                // The handshake failed, so no part of the request was sent.
                Err(error) if is_about_certificate(&error) => {
                    let reply = second.call(again).await;
                    if reply.is_ok() {
                        is_second.store(true, Ordering::Relaxed);
                    }
                    reply
                }
                reply => reply,
            }
        })
    }
}

pub(crate) fn is_about_certificate(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|error| matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))))
}

#[cfg(test)]
mod tests;
