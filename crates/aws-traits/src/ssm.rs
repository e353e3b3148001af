//! AWS Systems Manager: Parameter Store, and executions of Automation.

use std::collections::BTreeMap;

use crate::error::AwsError;

/// Reads parameters.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Parameters {
    /// `GetParameter`, decrypted.
    ///
    /// # Errors
    ///
    /// If the call fails, or there is no such parameter.
    async fn parameter(&self, name: &str) -> Result<String, AwsError>;
}

/// An execution to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewExecution {
    /// Name of the SSM document.
    pub document: String,
    /// Parameters of the document.
    pub parameters: BTreeMap<String, String>,
    /// A UUID. Systems Manager starts one execution for it, ever.
    pub client_token: String,
}

/// Answer to a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// The execution with this id was started.
    Now(String),
    /// An execution was started with the same token before.
    Before,
}

/// How far an execution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It waits or runs.
    Running,
    /// It ended as a success.
    Succeeded,
    /// It failed, was cancelled or rejected, or ran out of time.
    Failed,
}

/// An execution that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionState {
    /// How far it is.
    pub progress: Progress,
    /// Outputs of the document by name, such as `VerifyOutcome.Status`.
    pub outputs: BTreeMap<String, String>,
}

/// Starts executions of SSM documents.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Automations {
    /// `StartAutomationExecution`. A token that was used before is no error: `IdempotentParameterMismatch` says so.
    ///
    /// # Errors
    ///
    /// If the call fails for another reason. Without an answer, the execution may have been started: the same token finds out.
    async fn start_execution(&self, execution: &NewExecution) -> Result<Started, AwsError>;

    /// `GetAutomationExecution`; `None` if Systems Manager no longer has it.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn execution_state(&self, id: &str) -> Result<Option<ExecutionState>, AwsError>;
}
