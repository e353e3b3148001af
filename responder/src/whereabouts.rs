//! The Portcullis stack, as it describes itself in an SSM parameter.
//!
//! It is read at run time: an update of that stack replaces its documents, and must not be held up by another stack.

use aws_traits::AwsError;
use aws_traits::ssm::Parameters;
use serde::Deserialize;

/// Path of the parameters; the name of the rule follows.
const PATH: &str = "/portcullis/stacks/";

/// What the Portcullis stack has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Whereabouts {
    /// Name of the SSM document that closes.
    pub(crate) close_document: String,
    /// Name of the SSM document that quarantines and releases.
    pub(crate) quarantine_document: String,
    /// Whether a closing waits for the approval of a person.
    pub(crate) approval: bool,
    /// ARNs of the roles of functions that change security groups or network ACLs.
    #[serde(default)]
    pub(crate) roles: Vec<String>,
}

/// The stack is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WhereaboutsError {
    #[error("the Portcullis stack of the rule {rule} is not known: deploy it, or update it to this version")]
    Unread {
        rule: String,
        #[source]
        problem: AwsError,
    },
    #[error("SSM parameter `{name}` does not describe a Portcullis stack: update the stack to this version")]
    Malformed {
        name: String,
        #[source]
        problem: serde_json::Error,
    },
}

impl Whereabouts {
    /// Reads what the stack with this rule has.
    pub(crate) async fn read(ssm: &impl Parameters, rule: &str) -> Result<Self, WhereaboutsError> {
        let name = format!("{PATH}{rule}");
        let unread = |problem| WhereaboutsError::Unread { rule: rule.to_owned(), problem };
        let json = ssm.parameter(&name).await.map_err(unread)?;
        serde_json::from_str(&json).map_err(|problem| WhereaboutsError::Malformed { name, problem })
    }
}
