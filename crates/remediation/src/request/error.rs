//! Why a request is refused.

/// Why a request was refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Not of the documented shape.
    #[error("the request is refused, nothing was changed")]
    Shape(#[from] serde_json::Error),
    /// A field that is not understood.
    #[error("the request is refused, nothing was changed: `{name}`")]
    Field {
        /// The field.
        name: String,
        /// What is wrong with it.
        #[source]
        problem: serde_json::Error,
    },
    /// Not the id of a security group.
    #[error(
        "the request is refused, nothing was changed: `securityGroupId` `{id}` is not of the form sg-0123456789abcdef0"
    )]
    GroupId {
        /// What was given.
        id: String,
    },
    /// A rule without a name.
    #[error("the request is refused, nothing was changed: `configRuleName` is empty")]
    RuleName,
    /// A replacement that would be an exposure itself.
    #[error(
        "the request is refused, nothing was changed: with the replacement {source_text} the group would still expose \
         {ports}; name smaller ranges in `replacementCidrs`, or authorise them in `AuthorizedCidrs`"
    )]
    ReplacementExposes {
        /// The source that would be exposing.
        source_text: String,
        /// To which ports.
        ports: String,
    },
    /// An exception that is not dated sensibly.
    #[error("the request is refused, nothing was changed: `exceptionHours` is {0}; give 0 to 8760 hours, a year")]
    ExceptionHours(u32),
    /// Not the name of a snapshot of that group.
    #[error(
        "the request is refused, nothing was changed: `{name}` is not a snapshot of {subject}; write `latest`, or a URI \
         such as {example}"
    )]
    SnapshotName {
        /// What was given.
        name: String,
        /// Of what it would have to be one.
        subject: String,
        /// What it would look like.
        example: String,
    },
}
