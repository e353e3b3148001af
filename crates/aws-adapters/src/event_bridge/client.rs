//! The client: endpoint, signature, time limits and retries.

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

use super::wire::{EntryResult, results};

/// Name of the service for the SDK, in `AWS_ENDPOINT_URL_EVENTBRIDGE`.
const SERVICE_ID: &str = "EventBridge";
const SIGNING_NAME: &str = "events";
const NAME: &str = "portcullis events";

/// An evaluation and a closing wait for the answer, and neither depends on it: one retry, and two seconds in all.
const ATTEMPTS: u32 = 2;
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);
const INITIAL_BACKOFF: Duration = Duration::from_millis(50);

type PutEvents = Operation<String, Vec<EntryResult>, ErrorMetadata>;

/// A client that is created on its first use.
#[derive(Debug)]
pub(super) struct Client {
    sdk: SdkConfig,
    put_events: OnceLock<PutEvents>,
}

impl Client {
    pub(super) fn new(sdk: &SdkConfig) -> Self {
        Self { sdk: sdk.clone(), put_events: OnceLock::new() }
    }

    pub(super) fn put_events(&self) -> &PutEvents {
        self.put_events.get_or_init(|| put_events(&self.sdk))
    }
}

fn put_events(sdk: &SdkConfig) -> PutEvents {
    let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(INITIAL_BACKOFF);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(ATTEMPT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(ATTEMPT_TIMEOUT * ATTEMPTS)
        .build();
    let mut operation = Operation::builder()
        .service_name(SERVICE_ID)
        .operation_name("PutEvents")
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(&endpoint(sdk))
        .standard_retry(&retries)
        .retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
        .retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .timeout_config(timeouts)
        .runtime_plugin(
            StaticRuntimePlugin::new().with_config(signing(sdk)).with_runtime_components(authentication(sdk)),
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
        .serializer(|body: String| Ok::<_, BoxError>(request(body)))
        .deserializer(|response: &HttpResponse| results(response).map_err(OrchestratorError::operation))
        .build()
}

fn request(body: String) -> HttpRequest {
    let mut request = HttpRequest::new(SdkBody::from(body));
    // Neither fails: both are constants of HTTP.
    let _ = request.set_method("POST");
    let _ = request.set_uri("/");
    request.headers_mut().insert("content-type", "application/x-amz-json-1.1");
    request.headers_mut().insert("x-amz-target", "AWSEvents.PutEvents");
    request
}

/// The endpoint in the environment, for this service or for all, or else that of the region.
///
/// Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
fn endpoint(sdk: &SdkConfig) -> String {
    let key =
        ServiceConfigKey::builder().service_id(SERVICE_ID).env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok();
    let of_service = key.and_then(|key| sdk.service_config()?.load_config(key));
    of_service.or_else(|| sdk.endpoint_url().map(str::to_owned)).unwrap_or_else(|| {
        let region = sdk.region().map(ToString::to_string).unwrap_or_default();
        format!("https://events.{region}.{}", dns_suffix(&region))
    })
}

fn signing(sdk: &SdkConfig) -> FrozenLayer {
    let mut layer = Layer::new(NAME);
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigV4OperationSigningConfig {
        region: sdk.region().cloned().map(SigningRegion::from),
        region_set: None,
        name: Some(SigningName::from_static(SIGNING_NAME)),
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
