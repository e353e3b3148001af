//! Services with one protocol, [awsJson](https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html), over the runtime and
//! the HTTP client of the SDK.
//!
//! Of some services, Portcullis makes one or two calls: a signed POST of JSON each. A crate of the SDK would add its types, its
//! endpoint rules and its own layers of the same runtime to each zip.

use std::sync::OnceLock;
use std::time::Duration;

use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
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
use serde::Deserialize;

/// A service.
#[derive(Debug)]
pub(crate) struct Service {
    /// Name of the service for the SDK, as in `AWS_ENDPOINT_URL_EVENTBRIDGE`.
    pub(crate) id: &'static str,
    /// Name in signatures.
    pub(crate) signing_name: &'static str,
    /// First label of its host names.
    pub(crate) host: &'static str,
    /// Content type with the version of the protocol.
    pub(crate) content_type: &'static str,
    /// Attempts of a call.
    pub(crate) attempts: u32,
    /// Time limit of one attempt.
    pub(crate) attempt_timeout: Duration,
}

const NAME: &str = "portcullis";
const INITIAL_BACKOFF: Duration = Duration::from_millis(50);

/// A request.
#[derive(Debug)]
struct Call {
    target: &'static str,
    body: String,
}

type Post = Operation<Call, String, ErrorMetadata>;
type CallError = SdkError<ErrorMetadata, HttpResponse>;

/// A client that is created on its first use.
#[derive(Debug)]
pub(crate) struct JsonService {
    service: &'static Service,
    sdk: SdkConfig,
    post: OnceLock<Post>,
}

impl JsonService {
    pub(crate) fn new(service: &'static Service, sdk: &SdkConfig) -> Self {
        Self { service, sdk: sdk.clone(), post: OnceLock::new() }
    }

    /// Calls the operation `target`, such as `AWSEvents.PutEvents`, and returns the body of the answer.
    pub(crate) async fn call(&self, target: &'static str, body: String) -> Result<String, CallError> {
        let post = self.post.get_or_init(|| post(self.service, &self.sdk));
        // Boxed, because the compiler limits how deeply futures are nested.
        Box::pin(post.invoke(Call { target, body })).await
    }
}

fn post(service: &'static Service, sdk: &SdkConfig) -> Post {
    let retries = RetryConfig::standard().with_max_attempts(service.attempts).with_initial_backoff(INITIAL_BACKOFF);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(service.attempt_timeout)
        .operation_attempt_timeout(service.attempt_timeout)
        .operation_timeout(service.attempt_timeout * service.attempts)
        .build();
    let mut operation = Operation::builder()
        .service_name(service.id)
        .operation_name("Post")
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(&endpoint(service, sdk))
        .standard_retry(&retries)
        .retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
        .retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
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
        .deserializer(|response: &HttpResponse| answer(response).map_err(OrchestratorError::operation))
        .build()
}

fn request(service: &Service, call: Call) -> HttpRequest {
    let mut request = HttpRequest::new(SdkBody::from(call.body));
    // Neither fails: both are constants of HTTP.
    let _ = request.set_method("POST");
    let _ = request.set_uri("/");
    request.headers_mut().insert("content-type", service.content_type);
    request.headers_mut().insert("x-amz-target", call.target);
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
fn answer(response: &HttpResponse) -> Result<String, ErrorMetadata> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return Ok(String::from_utf8_lossy(body).into_owned());
    }
    Err(failure(response, body))
}

#[derive(Deserialize, Default)]
struct Failure {
    #[serde(rename = "__type", alias = "code")]
    kind: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
}

/// The error code is in a header, or in the body with a namespace and a link around it: `namespace#Code:http://…`.
///
/// Source: <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization>
fn failure(response: &HttpResponse, body: &[u8]) -> ErrorMetadata {
    let Failure { kind, message } = serde_json::from_slice(body).unwrap_or_default();
    let kind = response.headers().get("x-amzn-errortype").map(str::to_owned).or(kind);
    let mut error = ErrorMetadata::builder();
    if let Some(code) = kind.as_deref().and_then(|kind| kind.split(':').next()?.rsplit('#').next()) {
        error = error.code(code);
    }
    error.message(message.unwrap_or_else(|| format!("HTTP status {}", response.status().as_u16()))).build()
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
