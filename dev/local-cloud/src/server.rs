//! The HTTP server: the JSON protocol of AWS at `/`, the control interface, and notifications from the Python part.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::wire::{AwsError, Caller, Reply, response};
use crate::{config, control, ssm};

/// Returns all routes.
pub(crate) fn router(cloud: Arc<Cloud>) -> Router {
    Router::new()
        .route("/", post(operation))
        .route("/internal/ec2-changed", post(ec2_changed))
        .route("/internal/invocation-ended", post(invocation_ended))
        .route("/internal/config-rule-id", get(config_rule_id))
        .merge(control::router())
        .with_state(cloud)
}

/// Serves an operation of AWS Config or SSM.
async fn operation(State(cloud): State<Arc<Cloud>>, headers: HeaderMap, body: Bytes) -> Response {
    response(dispatch(&cloud, &headers, &body).await)
}

async fn dispatch(cloud: &Arc<Cloud>, headers: &HeaderMap, body: &[u8]) -> Reply {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let data: Value = if body.is_empty() {
        json!({})
    } else {
        serde_json::from_slice(body)
            .map_err(|error| AwsError::new("SerializationException", format!("The request is not JSON: {error}")))?
    };
    let caller = Caller { principal: text("x-local-principal"), access_key: text("x-local-access-key") };
    match text("x-amz-target").split_once('.') {
        Some(("StarlingDoveService", name)) => config::handle(cloud, name, data, &caller).await,
        Some(("AmazonSSM", name)) => ssm::handle(cloud, name, data, &caller).await,
        _ => Err(AwsError::new("UnknownOperationException", "The X-Amz-Target names no service that is served here.")),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    group_ids: Vec<String>,
}

async fn ec2_changed(State(cloud): State<Arc<Cloud>>, Json(changed): Json<Changed>) -> Json<Value> {
    cloud.config().groups_changed(changed.group_ids);
    cloud.changed.notify_one();
    Json(json!({}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ended {
    invocation_id: u64,
    error: Option<String>,
}

async fn invocation_ended(State(cloud): State<Arc<Cloud>>, Json(ended): Json<Ended>) -> (StatusCode, Json<Value>) {
    if let Some(error) = ended.error {
        tracing::info!("the function of a rule failed after its retries: {error}");
    }
    (StatusCode::OK, Json(config::invocation_ended(&cloud, ended.invocation_id)))
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

async fn config_rule_id(State(cloud): State<Arc<Cloud>>, Query(named): Query<Named>) -> Json<Value> {
    Json(json!({"configRuleId": cloud.config().rule_id(&named.name)}))
}
