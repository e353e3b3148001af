//! Events of an EventBridge bus, read as observations of findings.
//!
//! [`read`] takes one event as it comes from the bus: Portcullis's own, AWS Config's changes of compliance, and the ends of
//! executions of Systems Manager. It is pure. An execution does not name its group, so its event only asks for a
//! [`Lookup`], whose answer [`Lookup::read`] takes.
//!
//! ```
//! use findings::intake::{Intake, read};
//!
//! let event = br#"{"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification"}"#;
//! let Intake::Ignored(reason) = read(event)? else { unreachable!() };
//! assert_eq!(reason.to_string(), "`EC2 Instance State-change Notification` of `aws.ec2` says nothing of a finding");
//! # Ok::<(), findings::intake::IntakeError>(())
//! ```

mod assessment;
mod compliance;
mod context;
mod envelope;
mod error;
mod execution;
mod remediation;
mod sweep;

use std::fmt;

use serde_json::Value;

use self::envelope::{Envelope, Head};
use crate::event::{ASSESSMENT, COMPLIANCE, CONTEXT, REMEDIATION, SOURCE};
use crate::finding::{FindingKey, Observation, Text};

pub use self::compliance::{COMPLIANCE_CHANGE, CONFIG};
pub use self::error::IntakeError;
pub use self::execution::{
    EXECUTION_CHANGE, Execution, Executions, Lookup, LookupError, STEP_OF_FUNCTION, SYSTEMS_MANAGER, Step,
};

/// The meaning of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intake {
    /// A statement about a finding.
    Observed(Box<Statement>),
    /// An execution ended without success, and Systems Manager has to be asked for which group.
    Lookup(Lookup),
    /// Nothing of a finding.
    Ignored(Ignored),
}

/// An observation, and the finding that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The finding.
    pub key: FindingKey,
    /// What is said of it.
    pub observation: Observation,
}

impl Intake {
    fn observed(key: FindingKey, observation: Observation) -> Self {
        Self::Observed(Box::new(Statement { key, observation }))
    }
}

/// Why an event is no observation. This is no failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ignored {
    /// An event of another kind.
    Event {
        /// `source`.
        source: Text<64>,
        /// `detail-type`.
        detail_type: Text<128>,
    },
    /// Compliance of a resource of another type.
    ResourceType(Text<64>),
    /// Compliance of a resource that is only planned.
    Proactive,
    /// A rule whose name no stack gives to one of AWS Config.
    Rule(Text<128>),
    /// An execution of another document than the one that closes.
    Document(Text<128>),
    /// An execution that goes on, or succeeded.
    Status(Text<32>),
    /// An execution whose function reports its outcome itself.
    Reported,
    /// A dry run, which changes nothing.
    DryRun,
    /// An action or its outcome is no fact of a finding.
    Outcome {
        /// Action, such as `restore`.
        action: Text<32>,
        /// Status, such as `NOTHING_TO_DO`.
        status: Text<32>,
    },
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { source, detail_type } => write!(f, "`{detail_type}` of `{source}` says nothing of a finding"),
            Self::ResourceType(found) => write!(f, "compliance of a resource of type `{found}` is no finding"),
            Self::Proactive => f.write_str("a proactive evaluation is about a resource that does not exist yet"),
            Self::Rule(name) => write!(f, "no stack of Portcullis gives an AWS Config rule the name `{name}`"),
            Self::Document(name) => write!(f, "document `{name}` is not the one that closes groups"),
            Self::Status(status) => write!(f, "an execution with status `{status}` has not failed"),
            Self::Reported => f.write_str("the function of the execution reports its outcome itself"),
            Self::DryRun => f.write_str("a dry run changes nothing"),
            Self::Outcome { action, status } => write!(f, "`{action}` with status `{status}` is no fact of a finding"),
        }
    }
}

/// Reads an event of a bus: the whole JSON, with the fields that EventBridge adds.
///
/// # Errors
///
/// If the event is not JSON, lacks a field, has one of another form, or is about another account than the one that sent it.
/// It would be refused again, so it belongs into a dead-letter queue.
pub fn read(event: &[u8]) -> Result<Intake, IntakeError> {
    read_value(serde_json::from_slice(event).map_err(|error| IntakeError::not_json(&error))?)
}

/// Reads an event that is parsed already. See [`read`].
///
/// # Errors
///
/// See [`read`].
pub fn read_value(event: Value) -> Result<Intake, IntakeError> {
    let Head { source, detail_type } = Head::of(&event)?;
    match (source.as_str(), detail_type.as_str()) {
        (SOURCE, ASSESSMENT) => assessment::read(&Envelope::of(ASSESSMENT, event)?),
        (SOURCE, COMPLIANCE) => sweep::read(&Envelope::of(COMPLIANCE, event)?),
        (SOURCE, CONTEXT) => context::read(&Envelope::of(CONTEXT, event)?),
        (SOURCE, REMEDIATION) => remediation::read(&Envelope::of(REMEDIATION, event)?),
        (CONFIG, COMPLIANCE_CHANGE) => compliance::read(&Envelope::of(COMPLIANCE_CHANGE, event)?),
        (SYSTEMS_MANAGER, EXECUTION_CHANGE) => execution::read(&Envelope::of(EXECUTION_CHANGE, event)?),
        _ => Ok(Intake::Ignored(Ignored::Event { source: source.into(), detail_type: detail_type.into() })),
    }
}
