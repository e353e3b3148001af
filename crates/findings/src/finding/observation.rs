//! What is told to a finding.

use std::collections::BTreeMap;

use exposure::Expiry;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::exposures::{ExposureList, RuleContent};
use super::latest::Moment;
use super::text::Text;

/// Tags that a finding keeps. Source: Amazon EC2 user guide, 50 tags a resource.
const MAX_TAGS: usize = 50;

/// A statement about a group under a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// When it was true, and when it was stated.
    pub at: Moment,
    /// The statement.
    pub what: Observed,
}

/// The kinds of statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// The evaluator or a sweep judged the group.
    Assessed(Box<Assessed>),
    /// AWS Config changed or has the compliance of the group.
    Compliance(ConfigVerdict, Source),
    /// A sweep compared what AWS Config has of the group with what earlier sweeps saw.
    Swept(Box<Swept>),
    /// A remediation ended with a response.
    Remediated(Remediated),
    /// An execution ended before the function ran: its role, a rejected approval.
    NotStarted(NotStarted),
    /// The group has a remediation exception that no hold and no exemption explains, or has none.
    Parked(Option<Text<256>>),
    /// Interfaces, owner and opener were looked up.
    Context(Context),
    /// A person muted the finding, or ended that.
    Muted(Mute),
}

/// Occasion of a judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A change of the group or of the rule.
    Change,
    /// The schedule of the rule.
    Periodic,
    /// A sweep.
    Sweep,
}

/// The judgement of a group with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessed {
    /// The occasion.
    pub source: Source,
    /// The verdict.
    pub verdict: AssessedVerdict,
    /// The group.
    pub group: GroupFacts,
    /// When automatic mode closes the first exposure; `None` is no statement.
    pub closes: Option<Timestamp>,
}

/// The verdict of an assessment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssessedVerdict {
    /// Exposures that no exemption covers.
    Open {
        /// These exposures.
        exposures: ExposureList,
        /// Number of exposures that an exemption covers.
        exempted: usize,
    },
    /// An exemption covers every exposure.
    Exempt {
        /// These exposures.
        exempted: ExposureList,
        /// The exemption that ends first.
        exemption: ExemptionFacts,
    },
    /// No exposure.
    Compliant,
    /// A rule could not be judged, and no other rule is exposing. Never closes a finding.
    Unjudged {
        /// Why not.
        reason: Text<256>,
    },
}

/// An exemption, as a finding keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExemptionFacts {
    /// Reason given in the exemption.
    pub reason: Text<256>,
    /// Expiry, in the spelling of the exemptions document; `None` if the exemption never expires.
    pub expires: Option<Text<40>>,
    /// Owner of the exemption.
    pub owner: Option<Text<128>>,
}

impl ExemptionFacts {
    /// When the exemption ends; `None` if it never does, or if its end is not understood.
    #[must_use]
    pub fn ends(&self) -> Option<Timestamp> {
        self.expires.as_ref().and_then(|text| Expiry::parse(text.as_str())).map(|expiry| expiry.at())
    }
}

/// What identifies a group to a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupFacts {
    /// `GroupName`.
    pub name: Option<Text<256>>,
    /// `vpc-…`.
    pub vpc_id: Option<Text<32>>,
    /// Account that owns the group, which is another one in a shared VPC.
    pub owner_account: Option<Text<12>>,
    /// Tags, at most 50.
    pub tags: BTreeMap<Text<128>, Text<128>>,
}

impl GroupFacts {
    /// The group with these tags. Tags beyond the 50 that EC2 allows are left out.
    #[must_use]
    pub fn with_tags<'t>(self, tags: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let mut tags: BTreeMap<_, _> = tags.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        while tags.len() > MAX_TAGS {
            tags.pop_last();
        }
        Self { tags, ..self }
    }
}

/// Compliance in AWS Config's words, with the reason that the evaluator gave as far as it says what became of the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigVerdict {
    /// No exposure, or an exemption for all of them.
    Compliant,
    /// An exemption for all exposures.
    Exempt,
    /// An exposure.
    NonCompliant,
    /// The group is no longer judged.
    Gone(Gone),
    /// The group could not be judged. Never closes a finding.
    InsufficientData,
}

/// What a sweep read of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// The result that AWS Config has, at the moment of the observation.
    pub verdict: ConfigVerdict,
    /// The first non-compliant result that sweeps saw since the group was last compliant.
    pub first_open: Moment,
    /// When the sweep looked.
    pub looked: Timestamp,
    /// The remediation exception that no hold and no exemption explains; `None` if the sweep could not read exceptions, which
    /// is no statement.
    pub parked: Option<Option<Text<256>>>,
    /// When automatic mode closes the first exposure, if not at once.
    pub closes: Option<Timestamp>,
    /// Days for which that is still to come, if it is time for a reminder.
    pub reminder_days: Option<u8>,
}

/// Why a group is no longer judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gone {
    /// It was deleted.
    Deleted,
    /// It left the scope of the rule.
    LeftScope,
    /// AWS Config has `NOT_APPLICABLE`, and does not say why.
    NotApplicable,
}

/// The response of a remediation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remediated {
    /// Execution of the SSM document.
    pub execution_id: Text<64>,
    /// The outcome, with the action that it belongs to.
    pub outcome: Outcome,
    /// The outcome in one sentence.
    pub message: Text<256>,
    /// A dry run changes nothing, and neither does its observation.
    pub dry_run: bool,
}

/// Outcome of a remediation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// `close`: every exposure is closed, and these rules were revoked for it.
    Closed(Revoked),
    /// `close`: the live rules expose nothing.
    NothingToClose,
    /// `close`: an exemption or a hold keeps the exposure.
    LeftOpen,
    /// `close`: some exposures are closed.
    PartlyClosed,
    /// `close`: no change could be made.
    CloseFailed,
    /// `close`: as many groups were closed in this hour as may be, and this one is not.
    Deferred(Deferred),
    /// `restore`: rules that a closing revoked are there again.
    Restored,
    /// `quarantine`: network ACLs deny the ports.
    Quarantined,
    /// `release`: the entries of the quarantine are removed.
    Released,
    /// Another action or status, such as a restore that failed. It is no fact of the finding.
    Other,
}

/// What a closing waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Deferred {
    /// When the group may be closed, if it is known.
    pub until: Option<Timestamp>,
    /// Number of groups that were closed in the hour that ends then.
    pub closings: Option<u32>,
}

/// Rules that a remediation revoked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revoked {
    /// The rules that are named; a response may be cut.
    pub listed: Vec<RuleContent>,
    /// Number of all of them.
    pub total: usize,
}

impl From<Vec<RuleContent>> for Revoked {
    fn from(listed: Vec<RuleContent>) -> Self {
        Self { total: listed.len(), listed }
    }
}

/// An execution that ended before the function ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotStarted {
    /// Execution of the SSM document.
    pub execution_id: Text<64>,
    /// Whether a person refused it. Otherwise it failed, timed out or was cancelled.
    pub rejected: bool,
    /// What AWS says of it.
    pub message: Text<256>,
}

/// What surrounds a group. `None`: not looked up, or not readable, which is no statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Interfaces that use the group.
    pub attachment: Option<Attachment>,
    /// The owner.
    pub owner: Option<Owner>,
    /// The principal that opened the group.
    pub opener: Option<Opener>,
}

/// Interfaces that use a group, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attachment {
    /// Number of interfaces.
    pub interfaces: u32,
    /// Whether one of them has a public address.
    pub public: bool,
    /// One of the resources, such as `i-…`.
    pub example: Option<Text<128>>,
}

/// The owner of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner {
    /// As in the tag, or the principal.
    pub name: Text<256>,
    /// Where the name comes from.
    pub source: OwnerSource,
}

/// Source of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerSource {
    /// A tag of the group.
    GroupTag,
    /// A tag of an instance that uses the group.
    InstanceTag,
    /// The principal that opened the group.
    Opener,
    /// The default of the account.
    AccountDefault,
}

/// The principal that opened a group, from CloudTrail. The same principal is another opener the next time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Opener {
    /// Time of the event.
    pub at: Timestamp,
    /// ARN or name of the principal.
    pub principal: Text<256>,
    /// Program that it used, such as `terraform`.
    pub user_agent: Option<Text<128>>,
    /// Stack of CloudFormation that the change belongs to.
    pub stack: Option<Text<256>>,
}

/// A finding is not sent until a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mute {
    /// Reason.
    pub reason: Text<256>,
    /// The person, who muted it or ended that.
    pub by: Text<128>,
    /// End, exclusive; `None` until it is unmuted.
    pub until: Option<Timestamp>,
}

impl Mute {
    /// The end of a mute by a person, at this time.
    #[must_use]
    pub fn ended(by: Text<128>, at: Timestamp) -> Self {
        Self { reason: Text::default(), by, until: Some(at) }
    }

    /// Whether the finding is muted at `now`.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}
