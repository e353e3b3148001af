//! Events that Portcullis puts on an event bus. They are a public contract: `docs/events.md` and the schemas beside it.
//!
//! Readers ignore keys that they do not know. A change that would break a reader gets a new schema.

mod assessment;
mod compliance;
mod context;
mod fit;
mod remediation;
mod rule;

pub use assessment::{AssessmentEvent, AssessmentOrigin, AssessmentSchema, EventGroup, Trigger};
pub use compliance::{ComplianceEvent, ComplianceSchema, EventException, SweptCompliance};
pub use context::{ContextEvent, ContextSchema, EventInterface, EventInterfaces, EventOpener, EventOwner, EventUnread};
pub use remediation::{EventError, RemediationEvent, RemediationSchema};
pub use rule::{EventExempted, EventExemption, EventExposure, EventUnjudged};

/// `source` of the events.
pub const SOURCE: &str = "portcullis";

/// `detail-type` of an [`AssessmentEvent`].
pub const ASSESSMENT: &str = "Portcullis Assessment";

/// `detail-type` of a [`ComplianceEvent`].
pub const COMPLIANCE: &str = "Portcullis Compliance";

/// `detail-type` of a [`ContextEvent`].
pub const CONTEXT: &str = "Portcullis Context";

/// `detail-type` of a [`RemediationEvent`].
pub const REMEDIATION: &str = "Portcullis Remediation";

/// Annotation of `NOT_APPLICABLE` for a group that was deleted.
pub const DELETED: &str = "the security group no longer exists";

/// Annotation of `NOT_APPLICABLE` for a group that left the scope of the rule.
pub const LEFT_SCOPE: &str = "the security group has left the scope of the rule";

/// First word of the annotation of `COMPLIANT` for a group whose exposures are exempt.
pub const EXEMPT: &str = "exempt";

/// Most bytes of a detail. A call of `PutEvents` takes 10 events and 256 KB in sum, so that any 10 events of this size fit.
///
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
pub const MAX_DETAIL_BYTES: usize = 24_000;
