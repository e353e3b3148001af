//! Errors in requests.

use aws_traits::AwsError;

/// A request was refused, and nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The payload does not have the documented fields.
    #[error("the request is refused, nothing was changed")]
    Shape(#[from] serde_json::Error),
    /// An object of the payload has a key twice.
    #[error(
        "the request is refused, nothing was changed: `{}` is given more than once; give each field once",
        plain_text::clip(name, 40)
    )]
    Repeated {
        /// The key.
        name: String,
    },
    /// A field is malformed.
    #[error("the request is refused, nothing was changed: `{name}`")]
    Field {
        /// Path of the field.
        name: String,
        /// Cause.
        #[source]
        problem: serde_json::Error,
    },
    /// `securityGroupId` is not the id of a security group.
    #[error(
        "the request is refused, nothing was changed: `securityGroupId` `{id}` is not of the form sg-0123456789abcdef0"
    )]
    GroupId {
        /// The value in the request.
        id: String,
    },
    /// The name of the AWS Config rule is empty.
    #[error("the request is refused, nothing was changed: `configRuleName` is empty")]
    RuleName,
    /// There is no such rule.
    #[error("the request is refused, nothing was changed: there is no AWS Config rule `{rule_name}`")]
    NoSuchRule {
        /// Name in the request.
        rule_name: String,
        /// Answer of AWS Config.
        #[source]
        problem: AwsError,
    },
    /// The rule is not remediated by this stack.
    #[error(
        "the request is refused, nothing was changed: the stack does not remediate the AWS Config rule `{rule_name}`; its \
         rule is `{own_rule}`"
    )]
    NotOurRule {
        /// Name in the request.
        rule_name: String,
        /// The rule of the stack.
        own_rule: String,
    },
    /// The name of the AWS Config rule is longer than AWS Config permits.
    #[error("the request is refused, nothing was changed: `configRuleName` `{start}` has more than 128 characters")]
    LongRuleName {
        /// The start of the name.
        start: String,
    },
    /// A replacement would be an exposure itself.
    #[error(
        "the request is refused, nothing was changed: with the replacement {source_text} the group would still expose \
         {ports}; name smaller ranges in `replacementCidrs`, or authorise them in `AuthorizedCidrs`"
    )]
    ReplacementExposes {
        /// The exposing source.
        source_text: String,
        /// The exposed ports.
        ports: String,
    },
    /// The exception is too long.
    #[error("the request is refused, nothing was changed: `exceptionHours` is {0}; give 0 to 8760 hours, a year")]
    ExceptionHours(u32),
    /// `snapshot` does not name a snapshot of the group or network ACL.
    #[error(
        "the request is refused, nothing was changed: `{name}` is not a snapshot of {subject}; give `latest` or a URI \
         such as {example}"
    )]
    SnapshotName {
        /// The value in the request.
        name: String,
        /// Id of the group or network ACL.
        subject: String,
        /// A URI of the expected form.
        example: String,
    },
}
