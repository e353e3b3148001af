//! AWS Security Token Service: whose credentials these are.

use std::time::Duration;

use aws_types::SdkConfig;
use channels::AwsCallError;

use crate::aws_service::{AwsService, Service, query, retries};
use crate::call_error;

/// It needs no permission.
///
/// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
const OPERATION: &str = "sts:GetCallerIdentity";
const VERSION: &str = "2011-06-15";
const SUBJECT: &str = "the role of this function";

static SERVICE: Service = Service {
    id: "STS",
    signing_name: "sts",
    host: "sts",
    protocol: &query::AWS_QUERY,
    attempts: 3,
    attempt_timeout: Duration::from_secs(3),
    retries: retries::of_what_passes,
};

/// The identity by which calls are made.
#[derive(Debug)]
pub(crate) struct Caller {
    service: AwsService,
}

impl Caller {
    pub(crate) fn new(sdk: &SdkConfig) -> Self {
        Self { service: AwsService::new(&SERVICE, sdk) }
    }

    /// `GetCallerIdentity`: the id of the account.
    pub(crate) async fn account(&self) -> Result<String, AwsCallError> {
        let answer = self.service.query("GetCallerIdentity", VERSION, &[]).await;
        let answer = answer.map_err(|error| call_error::of_call(OPERATION, SUBJECT, &error))?;
        let account = query::text(&answer, &["GetCallerIdentityResult", "Account"]);
        let account = account.filter(|account| exposure::is_account_id(account));
        account.ok_or_else(|| call_error::malformed(OPERATION, SUBJECT, "it contains no account"))
    }
}
