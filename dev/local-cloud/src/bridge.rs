//! The way into AWS: the Python part calls the front door with boto3 and answers in JSON.

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
    /// Access key.
    pub(crate) access_key_id: String,
    /// Secret.
    pub(crate) secret_access_key: String,
    /// Present for a session.
    #[serde(default)]
    pub(crate) session_token: String,
    /// Who they are.
    #[serde(default)]
    pub(crate) arn: String,
}

/// Why a call through the bridge brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The Python part did not answer.
    #[error("calling the bridge at {url}: {reason}")]
    Unreachable {
        /// What was called.
        url: String,
        /// Why.
        reason: String,
    },
    /// AWS refused.
    #[error("{0}")]
    Aws(#[from] AwsError),
}

/// A connection to the Python part.
#[derive(Debug, Clone)]
pub(crate) struct Bridge {
    url: String,
    client: Client<HttpConnector, Body>,
}

impl Bridge {
    /// A bridge at a loopback port.
    pub(crate) fn new(port: u16) -> Self {
        Self { url: format!("http://127.0.0.1:{port}"), client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// One request, whatever it is about.
    ///
    /// # Errors
    ///
    /// When the Python part cannot be reached, or refuses.
    pub(crate) async fn request(&self, method: Method, path: &str, data: Option<&Value>) -> Result<Value, Error> {
        let url = format!("{}{path}", self.url);
        let unreachable = |reason: String| Error::Unreachable { url: url.clone(), reason };
        let body = data.map_or_else(Body::empty, |data| Body::from(data.to_string()));
        let request =
            Request::builder().method(method).uri(&url).body(body).map_err(|error| unreachable(error.to_string()))?;
        let reply = self.client.request(request).await.map_err(|error| unreachable(error.to_string()))?;
        let bytes = reply.into_body().collect().await.map_err(|error| unreachable(error.to_string()))?.to_bytes();
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| unreachable(error.to_string()))?;
        match value.get("error") {
            Some(error) if error.is_object() => {
                let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                Err(Error::Aws(AwsError::new(&text("code"), text("message"))))
            }
            _ => Ok(value),
        }
    }

    async fn post(&self, path: &str, data: Value) -> Result<Value, Error> {
        self.request(Method::POST, path, Some(&data)).await
    }

    /// Whether the Python part answers.
    pub(crate) async fn healthy(&self) -> bool {
        let pending = self.request(Method::GET, "/pending", None);
        matches!(tokio::time::timeout(Duration::from_secs(2), pending).await, Ok(Ok(_)))
    }

    /// Calls an operation of AWS; without credentials, as the account's root.
    ///
    /// # Errors
    ///
    /// What AWS answered, or that there was no answer.
    pub(crate) async fn call(
        &self,
        service: &str,
        operation: &str,
        parameters: Value,
        credentials: Option<&Credentials>,
    ) -> Result<Value, Error> {
        let data = json!({"service": service, "operation": operation, "parameters": parameters,
                          "credentials": credentials});
        Ok(self.post("/call", data).await?.get("result").cloned().unwrap_or(Value::Null))
    }

    /// The security groups as EC2 has them; no ids = all of them.
    ///
    /// # Errors
    ///
    /// When EC2 does not answer.
    pub(crate) async fn security_groups(&self, ids: &[String]) -> Result<Vec<Value>, Error> {
        let reply = self.post("/security-groups", json!({"groupIds": ids})).await?;
        Ok(reply.get("groups").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// Why AWS Config may not invoke a function, or nothing when it may.
    ///
    /// # Errors
    ///
    /// When the Python part does not answer.
    pub(crate) async fn invocable(&self, function: &str, source_arn: &str) -> Result<Option<String>, Error> {
        let data = json!({"function": function, "servicePrincipal": "config.amazonaws.com", "sourceArn": source_arn});
        Ok(refusal(&self.post("/invocable", data).await?))
    }

    /// Invokes a function asynchronously as AWS Config; why that was refused, or nothing.
    ///
    /// # Errors
    ///
    /// When the Python part does not answer.
    pub(crate) async fn invoke(
        &self,
        invocation: u64,
        function: &str,
        event: &Value,
        source_arn: &str,
    ) -> Result<Option<String>, Error> {
        let data = json!({"invocationId": invocation, "function": function, "event": event,
                          "servicePrincipal": "config.amazonaws.com", "sourceArn": source_arn});
        Ok(refusal(&self.post("/invoke", data).await?))
    }

    /// A session of a role for SSM Automation, or nothing when its trust policy refuses.
    ///
    /// # Errors
    ///
    /// When the Python part does not answer.
    pub(crate) async fn assume(
        &self,
        role_arn: &str,
        session_name: &str,
        source_arn: &str,
    ) -> Result<Option<Credentials>, Error> {
        let data = json!({"roleArn": role_arn, "servicePrincipal": "ssm.amazonaws.com", "sessionName": session_name,
                          "sourceArn": source_arn});
        Ok(credentials(&self.post("/assume", data).await?))
    }

    /// The credentials behind a caller's access key.
    ///
    /// # Errors
    ///
    /// When the Python part does not answer.
    pub(crate) async fn caller_credentials(&self, access_key: &str) -> Result<Option<Credentials>, Error> {
        Ok(credentials(&self.post("/caller-credentials", json!({"accessKeyId": access_key})).await?))
    }

    /// Why a caller may not pass a role to SSM, or nothing when it may.
    ///
    /// # Errors
    ///
    /// When the Python part does not answer.
    pub(crate) async fn may_pass_role(&self, access_key: &str, role_arn: &str) -> Result<Option<String>, Error> {
        let data = json!({"accessKeyId": access_key, "action": "iam:PassRole", "resource": role_arn,
                          "context": {"iam:PassedToService": "ssm.amazonaws.com"}});
        Ok(refusal(&self.post("/authorize", data).await?))
    }

    /// Puts an event of an AWS service on the default event bus.
    ///
    /// # Errors
    ///
    /// When the Python part does not answer.
    pub(crate) async fn event(
        &self,
        source: &str,
        detail_type: &str,
        detail: Value,
        resources: Vec<String>,
    ) -> Result<(), Error> {
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
