//! Services without a crate of the SDK, over its runtime and its HTTP client.
//!
//! Of some services, Portcullis makes one or two calls: a signed POST each. A crate of the SDK would add its types, its endpoint
//! rules and its own layers of the same runtime to each zip. Signatures, retries, time limits and endpoints are here; how a
//! request and an error are written is the matter of a [`Protocol`].

pub(crate) mod json;
#[cfg(feature = "channels")]
pub(crate) mod query;
#[cfg(feature = "channels")]
pub(crate) mod regional;
pub(crate) mod retries;
#[cfg(feature = "channels")]
pub(crate) mod throttling;

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::Duration;

use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_smithy_runtime::client::orchestrator::operation::{Operation, OperationBuilder};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthSchemeOptionResolverParams, SharedAuthScheme};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{FrozenLayer, Layer};
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::region::SigningRegion;
use aws_types::service_config::ServiceConfigKey;
use aws_types::{SdkConfig, SigningName};
use findings::dns_suffix;

use crate::sdk::CONNECT_TIMEOUT;

/// A service.
#[derive(Debug)]
pub(crate) struct Service {
    /// Name of the service for the SDK, as in `AWS_ENDPOINT_URL_EVENTBRIDGE`.
    pub(crate) id: &'static str,
    /// Name in signatures.
    pub(crate) signing_name: &'static str,
    /// First label of its host names.
    pub(crate) host: &'static str,
    /// How requests and errors are written.
    pub(crate) protocol: &'static Protocol,
    /// Attempts of a call.
    pub(crate) attempts: u32,
    /// Time limit of one attempt.
    pub(crate) attempt_timeout: Duration,
    /// Adds the classifiers that say which failures are retried; such as [`retries::of_what_passes`].
    pub(crate) retries: fn(OperationBuilder) -> OperationBuilder,
}

/// A protocol of AWS, as far as its services differ in it.
///
/// A service refers to its protocol, and the protocol to its function, so that a program contains the protocols of its services
/// only.
#[derive(Debug)]
pub(crate) struct Protocol {
    /// Content type of a request.
    pub(crate) content_type: &'static str,
    /// Reads the error of an answer whose status is no success.
    pub(crate) failure: fn(&HttpResponse, &[u8]) -> ErrorMetadata,
}

const NAME: &str = "portcullis";
const INITIAL_BACKOFF: Duration = Duration::from_millis(50);

/// A request.
#[derive(Debug)]
struct Call {
    path: Cow<'static, str>,
    /// Name of the operation in the protocols that have a header for it.
    target: Option<&'static str>,
    body: String,
}

type Post = Operation<Call, String, ErrorMetadata>;
/// A call that failed, retries included.
pub(crate) type CallError = SdkError<ErrorMetadata, HttpResponse>;

/// A client that is created on its first use.
#[derive(Debug)]
pub(crate) struct AwsService {
    service: &'static Service,
    sdk: SdkConfig,
    post: OnceLock<Post>,
}

impl AwsService {
    pub(crate) fn new(service: &'static Service, sdk: &SdkConfig) -> Self {
        Self { service, sdk: sdk.clone(), post: OnceLock::new() }
    }

    /// Calls the operation `target` of a service with awsJson, such as `AWSEvents.PutEvents`, and returns the body of the
    /// answer.
    pub(crate) async fn json(&self, target: &'static str, body: String) -> Result<String, CallError> {
        self.call(Call { path: "/".into(), target: Some(target), body }).await
    }

    /// Calls the operation `action` of a service with awsQuery, such as `Publish`, and returns the body of the answer.
    #[cfg(feature = "channels")]
    pub(crate) async fn query(
        &self,
        action: &str,
        version: &str,
        fields: &[(String, String)],
    ) -> Result<String, CallError> {
        self.call(Call { path: "/".into(), target: None, body: query::form(action, version, fields) }).await
    }

    /// Posts to the path of an operation of a service with restJson, and returns the body of the answer. `name` is the end of the
    /// path if the operation is about something that has one, of characters that need no encoding; otherwise it is empty.
    pub(crate) async fn rest(&self, path: &'static str, name: &str, body: String) -> Result<String, CallError> {
        self.call(Call { path: format!("{path}{name}").into(), target: None, body }).await
    }

    async fn call(&self, call: Call) -> Result<String, CallError> {
        let post = self.post.get_or_init(|| post(self.service, &self.sdk));
        // Boxed, because the compiler limits how deeply futures are nested.
        Box::pin(post.invoke(call)).await
    }
}

fn post(service: &'static Service, sdk: &SdkConfig) -> Post {
    let retries = RetryConfig::standard().with_max_attempts(service.attempts).with_initial_backoff(INITIAL_BACKOFF);
    let timeouts = TimeoutConfig::builder()
        // If it is the shorter one, it is known that a call was not sent to a host that does not accept connections.
        .connect_timeout(service.attempt_timeout.min(CONNECT_TIMEOUT))
        .operation_attempt_timeout(service.attempt_timeout)
        .operation_timeout(service.attempt_timeout * service.attempts)
        .build();
    let mut operation = (service.retries)(Operation::builder())
        .service_name(service.id)
        .operation_name("Post")
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(&endpoint(service, sdk))
        .standard_retry(&retries)
        .timeout_config(timeouts)
        .runtime_plugin(
            StaticRuntimePlugin::new().with_config(signing(service, sdk)).with_runtime_components(authentication(sdk)),
        );
    if let Some(client) = sdk.http_client() {
        operation = operation.http_client(client);
    }
    if let Some(sleep) = sdk.sleep_impl() {
        operation = operation.sleep_impl(sleep);
    }
    if let Some(time) = sdk.time_source() {
        operation = operation.time_source(time);
    }
    operation
        .serializer(|call: Call| Ok::<_, BoxError>(request(service, call)))
        .deserializer(|response: &HttpResponse| answer(service, response).map_err(OrchestratorError::operation))
        .build()
}

fn request(service: &Service, call: Call) -> HttpRequest {
    let mut request = HttpRequest::new(SdkBody::from(call.body));
    // Neither fails: a constant of HTTP, and a path of this crate.
    let _ = request.set_method("POST");
    let _ = request.set_uri(&*call.path);
    request.headers_mut().insert("content-type", service.protocol.content_type);
    if let Some(target) = call.target {
        request.headers_mut().insert("x-amz-target", target);
    }
    request
}

/// The endpoint in the environment, for this service or for all, or else that of the region.
///
/// Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
fn endpoint(service: &Service, sdk: &SdkConfig) -> String {
    let key =
        ServiceConfigKey::builder().service_id(service.id).env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok();
    let of_service = key.and_then(|key| sdk.service_config()?.load_config(key));
    of_service.or_else(|| sdk.endpoint_url().map(str::to_owned)).unwrap_or_else(|| {
        let region = sdk.region().map(ToString::to_string).unwrap_or_default();
        format!("https://{}.{region}.{}", service.host, dns_suffix(&region))
    })
}

/// The body of an answer, or the error.
fn answer(service: &Service, response: &HttpResponse) -> Result<String, ErrorMetadata> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return Ok(String::from_utf8_lossy(body).into_owned());
    }
    Err((service.protocol.failure)(response, body))
}

/// The words for an error without a message.
fn without_message(response: &HttpResponse) -> String {
    format!("HTTP status {}", response.status().as_u16())
}

fn signing(service: &Service, sdk: &SdkConfig) -> FrozenLayer {
    let mut layer = Layer::new(NAME);
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigV4OperationSigningConfig {
        region: sdk.region().cloned().map(SigningRegion::from),
        region_set: None,
        name: Some(SigningName::from_static(service.signing_name)),
        signing_options: SigningOptions::default(),
    });
    layer.freeze()
}

fn authentication(sdk: &SdkConfig) -> RuntimeComponentsBuilder {
    let mut components = RuntimeComponentsBuilder::new(NAME)
        .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
        .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])));
    if let Some(credentials) = sdk.credentials_provider() {
        components.set_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));
    }
    components
}
