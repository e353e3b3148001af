//! Protocols that carry JSON: [awsJson](https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html), whose operations have a
//! name in a header, and [restJson](https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html), whose operations have
//! paths.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ErrorMetadata;
use serde::Deserialize;

use super::{Protocol, without_message};

/// awsJson1.0.
pub(crate) static AWS_JSON_1_0: Protocol = Protocol { content_type: "application/x-amz-json-1.0", failure };
/// awsJson1.1.
pub(crate) static AWS_JSON_1_1: Protocol = Protocol { content_type: "application/x-amz-json-1.1", failure };
/// restJson1.
pub(crate) static REST_JSON: Protocol = Protocol { content_type: "application/json", failure };

#[derive(Deserialize, Default)]
struct Failure {
    #[serde(rename = "__type", alias = "code", alias = "Code")]
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
    error.message(message.unwrap_or_else(|| without_message(response))).build()
}
