//! Which certificates are trusted at the other end of a connection.
//!
//! The functions have the five roots in them that every endpoint of AWS is under: to read the 140 of the system takes longer
//! than all else at the start of a function. Those of the system are read once somebody answers with a certificate that is
//! under none of the five, such as a proxy that looks into TLS, or a partition of AWS with an authority of its own.

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

/// Amazon Root CA 1 to 4, and Starfield Services Root Certificate Authority - G2.
///
/// Source: <https://www.amazontrust.com/repository/>.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon_roots.pem");

/// The variable by which the AWS CLI and the SDKs are told what to trust in place of all else.
const BUNDLE: &str = "AWS_CA_BUNDLE";

/// There is no trust to begin with.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read.
    #[error("cannot read `{}`, which {BUNDLE} names", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Answer of the operating system.
        #[source]
        problem: io::Error,
    },
    /// The file is not what it should be.
    #[error("`{}`, which {BUNDLE} names, is not a bundle of certificates in PEM: {problem}", file.display())]
    NoBundle {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Client(#[from] HttpClientError),
}

/// For a function: the bundle in the environment, or else the roots of Amazon, and then those of the system.
pub(crate) fn function_client() -> Result<SharedHttpClient, TrustError> {
    match bundle()? {
        Some(bundle) => client(bundle),
        None => either(amazon(), TrustStore::default()),
    }
}

/// For a terminal: the bundle in the environment, or else the roots of the system, as all other programs there.
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

/// The certificates in a file. All of them are looked at here: the HTTP client ends the process for one that it cannot read.
fn read_bundle(file: &Path) -> Result<TrustStore, TrustError> {
    let pem = std::fs::read(file).map_err(|problem| TrustError::Unreadable { file: file.to_owned(), problem })?;
    let no_bundle = |problem: String| TrustError::NoBundle { file: file.to_owned(), problem };
    let mut roots = RootCertStore::empty();
    for (certificate, number) in CertificateDer::pem_slice_iter(&pem).zip(1..) {
        let in_it = |error: &dyn Error| no_bundle(format!("certificate {number}: {error}"));
        roots.add(certificate.map_err(|error| in_it(&error))?).map_err(|error| in_it(&error))?;
    }
    if roots.is_empty() {
        return Err(no_bundle("there is no certificate in it".to_owned()));
    }
    Ok(TrustStore::empty().with_pem_certificate(pem))
}

fn client(trusted: TrustStore) -> Result<SharedHttpClient, TrustError> {
    let tls = TlsContext::builder().with_trust_store(trusted).build()?;
    let builder = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    Ok(builder.tls_context(tls).build_https())
}

fn either(first: TrustStore, second: TrustStore) -> Result<SharedHttpClient, TrustError> {
    Ok(SharedHttpClient::new(Either { first: client(first)?, second: client(second)?, is_second: Arc::default() }))
}

/// A client that trusts some roots, and another one for whom they do not know.
#[derive(Debug)]
struct Either {
    first: SharedHttpClient,
    second: SharedHttpClient,
    /// From the first certificate on that only the second client trusts: the next one will be like it.
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

    // The second client reads its certificates here, if it is asked.
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

/// The second client's connector, which the client makes once, when it is wanted.
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
                // Nothing of the request was sent: the other end has only shown who it is.
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

fn is_about_certificate(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source()).any(|error| {
        // What an I/O error is made of is not its source.
        let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)))
            || within.is_some_and(|within| is_about_certificate(within))
    })
}

#[cfg(test)]
mod tests;
