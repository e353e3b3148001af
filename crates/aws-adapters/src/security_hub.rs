//! AWS Security Hub.

use std::sync::OnceLock;
use std::time::Duration;

use aws_types::SdkConfig;
use channels::{AwsCallError, ImportFindings, RefusedFinding};
use findings::asff::AsffFinding;
use serde::{Deserialize, Serialize};

use crate::aws_service::regional::Regional;
use crate::aws_service::{Service, json, retries};
use crate::call_error;
use crate::caller::Caller;

const OPERATION: &str = "securityhub:BatchImportFindings";

static SERVICE: Service = Service {
    id: "SecurityHub",
    signing_name: "securityhub",
    host: "securityhub",
    protocol: &json::REST_JSON,
    // It may be repeated: Security Hub knows a finding by its id.
    attempts: 2,
    attempt_timeout: Duration::from_secs(5),
    retries: retries::of_what_passes,
};

/// Security Hub of this account, in the region of each finding.
#[derive(Debug)]
pub struct SecurityHubClient {
    service: Regional,
    caller: Caller,
    account: OnceLock<String>,
}

impl SecurityHubClient {
    /// Creates the adapter. Its clients are created on the first calls.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { service: Regional::new(&SERVICE, sdk), caller: Caller::new(sdk), account: OnceLock::new() }
    }

    /// The account of this function, which is asked for once.
    async fn own_account(&self) -> Result<&str, AwsCallError> {
        if let Some(account) = self.account.get() {
            return Ok(account);
        }
        let account = self.caller.account().await?;
        Ok(self.account.get_or_init(|| account))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'r> {
    findings: &'r [AsffFinding<'r>],
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    failed_count: usize,
    success_count: usize,
    #[serde(default)]
    failed_findings: Vec<Failed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    id: String,
    #[serde(default)]
    error_code: String,
    #[serde(default)]
    error_message: String,
}

/// Reads the answer: the findings that were not taken. One that does not account for every finding is refused.
///
/// Source: <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html#API_BatchImportFindings_ResponseSyntax>
fn refused(body: &str, sent: usize) -> Result<Vec<RefusedFinding>, String> {
    let answer: Answer = serde_json::from_str(body).map_err(|problem| problem.to_string())?;
    let Answer { failed_count, success_count, failed_findings } = answer;
    if failed_findings.len() != failed_count || failed_count.saturating_add(success_count) != sent {
        let failed = failed_findings.len();
        return Err(format!("{success_count} findings taken and {failed_count} not, with {failed} reasons, of {sent}"));
    }
    let refused = |Failed { id, error_code: code, error_message: message }| RefusedFinding { id, code, message };
    Ok(failed_findings.into_iter().map(refused).collect())
}

impl ImportFindings for SecurityHubClient {
    async fn import(
        &self,
        account: &str,
        region: &str,
        findings: &[AsffFinding<'_>],
    ) -> Result<Vec<RefusedFinding>, AwsCallError> {
        let subject = format!("Security Hub of {account} in {region}");
        let own = self.own_account().await?;
        // Source: https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html
        if own != account {
            return Err(AwsCallError::Refused(format!(
                "{subject} takes findings from that account only, and this is {own}: deploy the stack for findings there, \
                 or leave this channel out for it"
            )));
        }
        let service = self.service.in_region(region);
        let body = serde_json::to_string(&Request { findings });
        let body = body.map_err(|problem| AwsCallError::Refused(format!("{OPERATION} on {subject}: {problem}")))?;
        let answer = service.rest("/findings/import", "", body).await;
        let answer = answer.map_err(|error| call_error::of_call(OPERATION, &subject, &error))?;
        refused(&answer, findings.len()).map_err(|problem| call_error::malformed(OPERATION, &subject, &problem))
    }
}
