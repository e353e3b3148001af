//! Calls to AWS through the Python part, which calls the front door with boto3 and answers in JSON.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::wire::AwsError;

/// Credentials of a role session, or of the account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credentials {
    /// Access key id.
    pub(crate) access_key_id: String,
    /// Secret access key.
    pub(crate) secret_access_key: String,
    /// Session token; `None` for the credentials of the account.
    #[serde(default)]
    pub(crate) session_token: String,
    /// ARN of the principal.
    #[serde(default)]
    pub(crate) arn: String,
}

/// Error from a call through the bridge.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BridgeError {
    /// The Python part could not be reached.
    #[error("calling the bridge at {url}: {reason}")]
    Unreachable {
        /// URL of the call.
        url: String,
        /// Error message of the connection or of the answer.
        reason: String,
    },
    /// AWS answered with an error.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// A connection to the Python part.
#[derive(Debug, Clone)]
pub(crate) struct Bridge {
    url: String,
    client: Client<HttpConnector, Body>,
}

impl Bridge {
    /// Creates a connection to a loopback port.
    pub(crate) fn new(port: u16) -> Self {
        Self { url: format!("http://127.0.0.1:{port}"), client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Sends one request and returns the answer.
    ///
    /// # Errors
    ///
    /// If the Python part cannot be reached or answers with an error.
    pub(crate) async fn request(&self, method: Method, path: &str, data: Option<&Value>) -> Result<Value, BridgeError> {
        let url = format!("{}{path}", self.url);
        let unreachable = |reason: String| BridgeError::Unreachable { url: url.clone(), reason };
        let body = data.map_or_else(Body::empty, |data| Body::from(data.to_string()));
        let request =
            Request::builder().method(method).uri(&url).body(body).map_err(|error| unreachable(error.to_string()))?;
        let reply = self.client.request(request).await.map_err(|error| unreachable(error.to_string()))?;
        let bytes = reply.into_body().collect().await.map_err(|error| unreachable(error.to_string()))?.to_bytes();
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| unreachable(error.to_string()))?;
        match value.get("error") {
            Some(error) if error.is_object() => {
                let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                Err(BridgeError::Aws(AwsError::new(&text("code"), text("message"))))
            }
            _ => Ok(value),
        }
    }

    async fn post(&self, path: &str, data: Value) -> Result<Value, BridgeError> {
        self.request(Method::POST, path, Some(&data)).await
    }

    /// Returns true if the Python part answers.
    pub(crate) async fn healthy(&self) -> bool {
        let pending = self.request(Method::GET, "/pending", None);
        matches!(tokio::time::timeout(Duration::from_secs(2), pending).await, Ok(Ok(_)))
    }

    /// Calls an operation of AWS; as the root user of the account if `credentials` is `None`.
    ///
    /// # Errors
    ///
    /// If AWS answers with an error or cannot be reached.
    pub(crate) async fn call(
        &self,
        service: &str,
        operation: &str,
        parameters: Value,
        credentials: Option<&Credentials>,
    ) -> Result<Value, BridgeError> {
        let data = json!({"service": service, "operation": operation, "parameters": parameters,
                          "credentials": credentials});
        Ok(self.post("/call", data).await?.get("result").cloned().unwrap_or(Value::Null))
    }

    /// Returns the security groups with these ids as EC2 describes them; all groups if `ids` is empty.
    ///
    /// # Errors
    ///
    /// If EC2 answers with an error or cannot be reached.
    pub(crate) async fn security_groups(&self, ids: &[String]) -> Result<Vec<Value>, BridgeError> {
        let reply = self.post("/security-groups", json!({"groupIds": ids})).await?;
        Ok(reply.get("groups").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// Returns the reason why AWS Config may not invoke a function, or `None` if it may.
    ///
    /// # Errors
    ///
    /// If the Python part cannot be reached.
    pub(crate) async fn invocable(&self, function: &str, source_arn: &str) -> Result<Option<String>, BridgeError> {
        let data = json!({"function": function, "servicePrincipal": "config.amazonaws.com", "sourceArn": source_arn});
        Ok(refusal(&self.post("/invocable", data).await?))
    }

    /// Invokes a function asynchronously as AWS Config. Returns the reason if that is denied.
    ///
    /// # Errors
    ///
    /// If the Python part cannot be reached.
    pub(crate) async fn invoke(
        &self,
        invocation: u64,
        function: &str,
        event: &Value,
        source_arn: &str,
    ) -> Result<Option<String>, BridgeError> {
        let data = json!({"invocationId": invocation, "function": function, "event": event,
                          "servicePrincipal": "config.amazonaws.com", "sourceArn": source_arn});
        Ok(refusal(&self.post("/invoke", data).await?))
    }

    /// Returns a role session for SSM Automation, or `None` if the trust policy of the role does not allow it.
    ///
    /// # Errors
    ///
    /// If the Python part cannot be reached.
    pub(crate) async fn assume(
        &self,
        role_arn: &str,
        session_name: &str,
        source_arn: &str,
    ) -> Result<Option<Credentials>, BridgeError> {
        let data = json!({"roleArn": role_arn, "servicePrincipal": "ssm.amazonaws.com", "sessionName": session_name,
                          "sourceArn": source_arn});
        Ok(credentials(&self.post("/assume", data).await?))
    }

    /// Returns the credentials that belong to an access key id, or `None` if it is unknown.
    ///
    /// # Errors
    ///
    /// If the Python part cannot be reached.
    pub(crate) async fn caller_credentials(&self, access_key: &str) -> Result<Option<Credentials>, BridgeError> {
        Ok(credentials(&self.post("/caller-credentials", json!({"accessKeyId": access_key})).await?))
    }

    /// Returns the reason why a caller may not pass a role to SSM, or `None` if it may.
    ///
    /// # Errors
    ///
    /// If the Python part cannot be reached.
    pub(crate) async fn may_pass_role(&self, access_key: &str, role_arn: &str) -> Result<Option<String>, BridgeError> {
        let data = json!({"accessKeyId": access_key, "action": "iam:PassRole", "resource": role_arn,
                          "context": {"iam:PassedToService": "ssm.amazonaws.com"}});
        Ok(refusal(&self.post("/authorize", data).await?))
    }

    /// Puts an event of an AWS service on the default event bus.
    ///
    /// # Errors
    ///
    /// If the Python part cannot be reached.
    pub(crate) async fn event(
        &self,
        source: &str,
        detail_type: &str,
        detail: Value,
        resources: Vec<String>,
    ) -> Result<(), BridgeError> {
        let data = json!({"source": source, "detailType": detail_type, "detail": detail, "resources": resources});
        self.post("/event", data).await.map(|_| ())
    }
}

fn refusal(reply: &Value) -> Option<String> {
    reply.get("refused").and_then(Value::as_str).map(str::to_owned)
}

fn credentials(reply: &Value) -> Option<Credentials> {
    serde_json::from_value(reply.get("credentials")?.clone()).ok()
}
