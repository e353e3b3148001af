//! `aws:executeScript`, for Python.

use std::process::Stdio;

use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::action::{StepContext, StepFailure, StepOutcome, declared};
use super::document::Step;
use super::variable::plain;

const RUNNER: &str = include_str!("action_script.py");

fn failure(message: String, log: Value) -> StepFailure {
    let outputs = [("ExecutionLog".to_owned(), log)].into_iter().collect();
    StepFailure { stage: "Poll action status for completion", message, outputs }
}

/// Runs the handler in a separate process, with the credentials of the assumed role.
pub(crate) async fn execute(
    context: &StepContext,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<StepOutcome, StepFailure> {
    let input = |name: &str| inputs.get(name).map(plain).unwrap_or_default();
    let runtime = input("Runtime");
    if !runtime.starts_with("python3") {
        return Err(StepFailure::new(format!("The local cloud runs scripts in Python 3, not in {runtime}.")));
    }
    let request = json!({
        "script": input("Script"),
        "handler": input("Handler"),
        "events": inputs.get("InputPayload").cloned().unwrap_or_else(|| json!({})),
        "context": {"automation:EXECUTION_ID": context.execution, "global:REGION": context.cloud.location.region},
    });
    let problem = |what: &str, error: std::io::Error| StepFailure::new(format!("{what} the script's Python: {error}"));
    let credentials = &context.credentials;
    let mut command = Command::new(&context.cloud.python);
    command
        .args(["-c", RUNNER])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("AWS_ENDPOINT_URL", &context.cloud.endpoint)
        .env("AWS_REGION", &context.cloud.location.region)
        .env("AWS_DEFAULT_REGION", &context.cloud.location.region)
        .env("AWS_ACCESS_KEY_ID", &credentials.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", &credentials.secret_access_key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if !credentials.session_token.is_empty() {
        command.env("AWS_SESSION_TOKEN", &credentials.session_token);
    }
    let mut child = command.spawn().map_err(|error| problem("starting", error))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(request.to_string().as_bytes()).await.map_err(|error| problem("writing to", error))?;
    }
    let output = child.wait_with_output().await.map_err(|error| problem("waiting for", error))?;
    let answer: Value = serde_json::from_slice(&output.stdout).map_err(|_| {
        StepFailure::new(format!(
            "The script's Python ended without an answer: {}",
            String::from_utf8_lossy(&output.stderr)
        ))
    })?;
    let log = answer.get("log").cloned().unwrap_or_default();
    if let Some(error) = answer.get("error") {
        return Err(failure(plain(error), log));
    }
    let result = json!({"Payload": answer.get("payload"), "ExecutionLog": log});
    let mut outputs = declared(&step.outputs, &result)?;
    outputs.insert("OutputPayload".to_owned(), result);
    Ok(StepOutcome { outputs, next: None })
}
