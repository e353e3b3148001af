//! The control interface for tests: settings, faults, the call log, idleness, and triggers.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{Method, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::bridge;
use crate::clock;
use crate::cloud::Cloud;
use crate::config;
use crate::settings::Settings;
use crate::wire::{AwsError, text};

type Answer = (StatusCode, Json<Value>);

/// Ten years, by which the clock is moved at most at a time.
const MOST_AHEAD: i64 = 10 * 366 * 86_400_000;

/// Returns the routes of the control interface.
pub(crate) fn router() -> Router<Arc<Cloud>> {
    Router::new()
        .route("/settings", get(settings).put(change_settings))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/calls", get(calls).delete(clear_calls))
        .route("/schedule", post(schedule))
        .route("/redeliver", post(redeliver))
        .route("/clock", get(time).post(advance))
        .route("/event", post(event))
        .route("/idle", get(idle))
        .route("/reset", post(reset))
}

fn ok(data: Value) -> Answer {
    (StatusCode::OK, Json(data))
}

fn bad(message: &str) -> Answer {
    (StatusCode::BAD_REQUEST, Json(json!({"error": message})))
}

fn answer(reply: Result<Value, AwsError>) -> Answer {
    reply.map_or_else(|error| bad(&error.to_string()), ok)
}

fn bridged(reply: Result<Value, bridge::BridgeError>) -> Answer {
    match reply {
        Ok(data) => ok(data),
        Err(bridge::BridgeError::Aws(error)) => bad(&error.message),
        Err(error) => (StatusCode::BAD_GATEWAY, Json(json!({"error": error.to_string()}))),
    }
}

async fn settings(State(cloud): State<Arc<Cloud>>) -> Answer {
    ok(json!(cloud.settings()))
}

async fn change_settings(State(cloud): State<Arc<Cloud>>, Json(change): Json<Value>) -> Answer {
    match cloud.settings().merged(&change) {
        Ok(settings) => match apply(&cloud, settings).await {
            Ok(()) => ok(json!(cloud.settings())),
            Err(error) => bridged(Err(error)),
        },
        Err(message) => bad(&message),
    }
}

/// Applies settings, here and in the Python part.
pub(crate) async fn apply(cloud: &Cloud, settings: Settings) -> Result<(), bridge::BridgeError> {
    let python = json!(settings);
    cloud.set_settings(settings);
    cloud.changed.notify_one();
    cloud.progress.notify_waiters();
    cloud.bridge.request(Method::POST, "/settings", Some(&python)).await.map(|_| ())
}

async fn faults(State(cloud): State<Arc<Cloud>>) -> Answer {
    bridged(cloud.bridge.request(Method::GET, "/faults", None).await)
}

async fn add_fault(State(cloud): State<Arc<Cloud>>, Json(fault): Json<Value>) -> Answer {
    bridged(cloud.bridge.request(Method::POST, "/faults", Some(&fault)).await)
}

async fn clear_faults(State(cloud): State<Arc<Cloud>>) -> Answer {
    bridged(cloud.bridge.request(Method::DELETE, "/faults", None).await)
}

async fn calls(State(cloud): State<Arc<Cloud>>, RawQuery(query): RawQuery) -> Answer {
    let path = query.map_or_else(|| "/calls".to_owned(), |query| format!("/calls?{query}"));
    bridged(cloud.bridge.request(Method::GET, &path, None).await)
}

async fn clear_calls(State(cloud): State<Arc<Cloud>>) -> Answer {
    bridged(cloud.bridge.request(Method::DELETE, "/calls", None).await)
}

async fn schedule(State(cloud): State<Arc<Cloud>>, Json(data): Json<Value>) -> Answer {
    match text(&data, "ruleName") {
        Some(rule) => answer(config::schedule_now(&cloud, rule)),
        None => bad("a schedule needs a ruleName"),
    }
}

async fn redeliver(State(cloud): State<Arc<Cloud>>, Json(data): Json<Value>) -> Answer {
    answer(config::redeliver(&cloud, data))
}

async fn time() -> Answer {
    ok(json!({"now": clock::iso(clock::now()), "aheadMilliseconds": clock::ahead()}))
}

/// Moves the clock of the services ahead.
async fn advance(State(cloud): State<Arc<Cloud>>, Json(data): Json<Value>) -> Answer {
    let Some(milliseconds) =
        data.get("milliseconds").and_then(Value::as_i64).filter(|&by| (0..=MOST_AHEAD).contains(&by))
    else {
        return bad("the clock is moved by milliseconds, from 0 to ten years");
    };
    let ahead = clock::ahead().saturating_add(milliseconds);
    match move_clock(&cloud, ahead).await {
        Ok(()) => time().await,
        Err(error) => bridged(Err(error)),
    }
}

/// Sets the clock, here and in the Python part, and wakes what goes by it.
#[expect(clippy::cast_precision_loss, reason = "ten years in milliseconds fit a double's 53 bits")]
async fn move_clock(cloud: &Cloud, ahead: i64) -> Result<(), bridge::BridgeError> {
    clock::set_ahead(ahead);
    cloud.changed.notify_one();
    cloud.progress.notify_waiters();
    let python = json!({"seconds": ahead as f64 / 1000.0});
    cloud.bridge.request(Method::POST, "/clock", Some(&python)).await.map(|_| ())
}

/// Puts an event of an AWS service on the default event bus. `PutEvents` refuses the source `aws.…`, as in AWS.
async fn event(State(cloud): State<Arc<Cloud>>, Json(data): Json<Value>) -> Answer {
    let (Some(source), Some(detail_type)) = (text(&data, "source"), text(&data, "detailType")) else {
        return bad("an event needs a source and a detailType");
    };
    if !source.starts_with("aws.") {
        return bad("only a source that begins with \"aws.\": for others there is PutEvents");
    }
    let Some(detail) = data.get("detail").filter(|detail| detail.is_object()) else {
        return bad("an event needs a detail, which is an object");
    };
    let resources = data.get("resources").cloned().unwrap_or_else(|| json!([]));
    let Ok(resources) = serde_json::from_value(resources) else { return bad("resources is a list of text") };
    match cloud.bridge.event(source, detail_type, detail.clone(), resources).await {
        Ok(()) => ok(json!({})),
        Err(error) => bridged(Err(error)),
    }
}

/// Returns true if no change, invocation, evaluation, remediation or execution is waiting or running anywhere.
async fn idle(State(cloud): State<Arc<Cloud>>) -> Answer {
    let quiet = || {
        let settings = cloud.settings();
        let (busy, begun) = cloud.work();
        let waiting = cloud.ssm().waiting();
        let idle = busy == 0 && cloud.config().idle(&settings, &waiting) && cloud.ssm().idle();
        idle.then_some(begun)
    };
    let before = quiet();
    let pending = match cloud.bridge.request(Method::GET, "/pending", None).await {
        Ok(pending) => pending,
        Err(error) => return bridged(Err(error)),
    };
    // If the number of tasks ever begun is the same before and after, none began in between.
    let idle = before.is_some() && before == quiet() && pending.as_array().is_some_and(Vec::is_empty);
    ok(json!({"idle": idle, "pendingInvocations": pending}))
}

/// Restores the state after the start, with the settings from the command line.
async fn reset(State(cloud): State<Arc<Cloud>>) -> Answer {
    cloud.ssm().stop_all();
    let state = if cloud.start_with_recorder() {
        config::State::with_recorder(config::default_recorder(&cloud.location))
    } else {
        config::State::default()
    };
    {
        let mut current = cloud.config();
        *current = state.numbered_after(&current);
    }
    *cloud.ssm() = crate::ssm::State::default();
    if let Err(error) = apply(&cloud, Settings::default()).await {
        return bridged(Err(error));
    }
    if let Err(error) = move_clock(&cloud, 0).await {
        return bridged(Err(error));
    }
    let reply = cloud.bridge.request(Method::POST, "/reset", Some(&json!({}))).await;
    cloud.config().groups_changed(Vec::new());
    cloud.changed.notify_one();
    bridged(reply)
}
