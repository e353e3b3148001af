//! Canned replies.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_config::config::retry::RetryConfig;
use aws_sdk_config::config::timeout::TimeoutConfig;
use aws_sdk_config::config::{BehaviorVersion, Credentials, Region, SharedAsyncSleep, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_types::SdkConfig;
use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri};

/// A reply that never arrives. The attempt times out with [`Canned::with_retries`].
pub(crate) const LOST: (u16, &str) = (0, "");

/// A service that answers each request with the next canned reply, and records the requests.
#[derive(Clone)]
pub(crate) struct Canned {
    replies: Arc<Mutex<VecDeque<(u16, String)>>>,
    requests: Arc<Mutex<Vec<Received>>>,
    pub(crate) sdk: SdkConfig,
}

/// A request as the service received it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    pub(crate) body: String,
}

impl Received {
    /// `PUT /bucket/key?x-id=PutObject`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.uri)
    }

    /// A header, if it was sent.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Canned {
    pub(crate) async fn serve<const N: usize>(replies: [(u16, &str); N]) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let canned = Self {
            replies: Arc::new(Mutex::new(replies.map(|(status, body)| (status, body.to_owned())).into())),
            requests: Arc::default(),
            sdk: SdkConfig::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::from_static("us-east-1"))
                .credentials_provider(SharedCredentialsProvider::new(Credentials::new("a", "s", None, None, "test")))
                .endpoint_url(endpoint)
                .retry_config(RetryConfig::disabled())
                .http_client(aws_smithy_http_client::Builder::new().build_http())
                .build(),
        };
        let server = canned.clone();
        let answer = move |method: Method, uri: Uri, headers: HeaderMap, body: String| async move {
            server.requests.lock().unwrap().push(Received { method, uri, headers, body });
            let reply = server.replies.lock().unwrap().pop_front();
            match reply.unwrap_or((599, "no reply left".into())) {
                (0, _) => std::future::pending().await,
                (status, body) => (StatusCode::from_u16(status).unwrap(), body),
            }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        canned
    }

    /// Enables retries, as in production, with a short backoff.
    pub(crate) fn with_retries(mut self) -> Self {
        let retries = RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(1));
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_millis(500)).build();
        let sleep = SharedAsyncSleep::new(TokioSleep::new());
        self.sdk = self.sdk.into_builder().retry_config(retries).timeout_config(timeouts).sleep_impl(sleep).build();
        self
    }

    /// Requests so far, as text: the target, if there is one, and the body.
    pub(crate) fn requests(&self) -> Vec<String> {
        let text = |request: &Received| {
            let target = request.header("x-amz-target").unwrap_or_default();
            format!("{target} {}", request.body).trim().to_owned()
        };
        self.received().iter().map(text).collect()
    }

    /// Requests so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.requests.lock().unwrap().clone()
    }
}

pub(crate) fn xml(operation: &str, inner: &str) -> String {
    format!(
        r#"<{operation}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>{inner}</{operation}Response>"#
    )
}

pub(crate) fn ec2_error(code: &str) -> String {
    format!(
        "<Response><Errors><Error><Code>{code}</Code><Message>no</Message></Error></Errors><RequestID>r</RequestID></Response>"
    )
}
