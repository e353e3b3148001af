//! The event `Portcullis Context`.

use std::collections::BTreeMap;

use aws_events::cloudtrail::RuleChange;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::MAX_DETAIL_BYTES;
use super::fit::{clipped, clipped_option, json_bytes, keep_first};
use crate::finding::OwnerSource;

/// Most bytes of a name, such as that of a caller or of a resource.
const NAME: usize = 500;
/// How CloudTrail names CloudFormation, as the program or the service that made a call.
const CLOUDFORMATION: &str = "cloudformation.amazonaws.com";
/// Tag that CloudFormation gives to what it creates.
const STACK_TAG: &str = "aws:cloudformation:stack-name";
/// Most bytes of an error.
const ERROR: usize = 1_000;

/// Detail of a `Portcullis Context`: what surrounds a group that is open, as it was looked up.
///
/// Each part is looked up on its own. A part that is null was not looked up, or could not be read, and says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContextEvent {
    /// Schema of the detail.
    pub schema: ContextSchema,
    /// Account of the AWS Config rule.
    pub account: String,
    /// Region.
    pub region: String,
    /// Name of the AWS Config rule.
    pub config_rule_name: String,
    /// `sg-…`.
    pub security_group_id: String,
    /// When it was looked up.
    pub time: Timestamp,
    /// Interfaces that use the group.
    pub interfaces: Option<EventInterfaces>,
    /// The owner, by a tag.
    pub owner: Option<EventOwner>,
    /// Who opened the group.
    pub opener: Option<EventOpener>,
    /// Calls that failed, without which a part is null or lacks something.
    pub unread: Vec<EventUnread>,
}

/// Schema of a [`ContextEvent`]. Another one is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContextSchema {
    /// The first.
    #[default]
    #[serde(rename = "portcullis.context/1")]
    V1,
}

/// Interfaces that use a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventInterfaces {
    /// Number of all of them, or of those that were read if they are not complete.
    pub count: usize,
    /// Whether all of them were read.
    pub complete: bool,
    /// Whether one of them has a public address.
    pub public: bool,
    /// The first of them, those with a public address first.
    pub listed: Vec<EventInterface>,
}

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventInterface {
    /// `eni-…`.
    pub id: String,
    /// What the interface belongs to: the id of an instance, the ARN of a load balancer or a database, or else the description of
    /// the interface.
    pub resource: Option<String>,
    /// Public addresses.
    pub public_addresses: Vec<String>,
    /// Owner by the tag of that resource.
    pub owner: Option<String>,
}

/// The owner of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventOwner {
    /// The value of the tag.
    pub name: String,
    /// `group_tag`, or `instance_tag` for any resource that uses the group.
    pub source: OwnerSource,
}

/// Who opened a group, by CloudTrail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventOpener {
    /// Time of the call.
    pub at: Timestamp,
    /// The user, or the name of the session of a role: a person, if one is known; otherwise the caller's ARN.
    pub name: String,
    /// The caller in words.
    pub caller: String,
    /// `eventName`, such as `AuthorizeSecurityGroupIngress`.
    pub event_name: String,
    /// `eventID`.
    pub event_id: Option<String>,
    /// `sourceIPAddress`.
    pub source_address: Option<String>,
    /// `userAgent`, which the caller chooses.
    pub user_agent: Option<String>,
    /// The stack that the group belongs to, if CloudFormation made the call.
    pub stack: Option<String>,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventUnread {
    /// Such as `rds:DescribeDBInstances`.
    pub call: String,
    /// Why.
    pub error: String,
}

impl EventUnread {
    /// A call that failed, with its error cut.
    #[must_use]
    pub fn new(call: &str, error: &str) -> Self {
        Self { call: clipped(call, NAME), error: clipped(error, ERROR) }
    }
}

impl EventOwner {
    /// An owner with its name cut.
    #[must_use]
    pub fn new(name: &str, source: OwnerSource) -> Self {
        Self { name: clipped(name, NAME), source }
    }
}

impl EventInterface {
    fn fitted(self) -> Self {
        let Self { id, resource, public_addresses, owner } = self;
        Self {
            id: clipped(&id, NAME),
            resource: clipped_option(resource.as_deref(), NAME),
            public_addresses,
            owner: clipped_option(owner.as_deref(), NAME),
        }
    }
}

impl EventOpener {
    /// Who made a call about a group with these tags.
    #[must_use]
    pub fn new(change: &RuleChange, tags: &BTreeMap<String, String>) -> Self {
        let by = &change.by;
        let caller = by.to_string();
        let is_stack = [&by.invoked_by, &by.name, &change.source_address, &change.user_agent]
            .into_iter()
            .any(|text| text.as_deref() == Some(CLOUDFORMATION));
        Self {
            at: change.at,
            name: by.name.clone().or_else(|| by.arn.clone()).unwrap_or_else(|| caller.clone()),
            caller,
            event_name: change.name.clone(),
            event_id: change.event_id.clone(),
            source_address: change.source_address.clone(),
            user_agent: change.user_agent.clone(),
            stack: tags.get(STACK_TAG).filter(|_| is_stack).cloned(),
        }
    }

    fn fitted(self) -> Self {
        let Self { at, name, caller, event_name, event_id, source_address, user_agent, stack } = self;
        let cut = |text: Option<String>| clipped_option(text.as_deref(), NAME);
        Self {
            at,
            name: clipped(&name, NAME),
            caller: clipped(&caller, NAME),
            event_name: clipped(&event_name, NAME),
            event_id: cut(event_id),
            source_address: cut(source_address),
            user_agent: cut(user_agent),
            stack: cut(stack),
        }
    }
}

impl ContextEvent {
    /// An event that says nothing yet of a group in this account and region, under this rule.
    #[must_use]
    pub fn new((account, region, rule): (&str, &str, &str), group_id: &str, time: Timestamp) -> Self {
        Self {
            schema: ContextSchema::V1,
            account: account.to_owned(),
            region: region.to_owned(),
            config_rule_name: rule.to_owned(),
            security_group_id: group_id.to_owned(),
            time,
            interfaces: None,
            owner: None,
            opener: None,
            unread: Vec::new(),
        }
    }

    /// The event with at most [`MAX_DETAIL_BYTES`] in JSON: texts are cut, and the interfaces are those that fit.
    #[must_use]
    pub fn fitted(self) -> Self {
        let mut event = Self { opener: self.opener.map(EventOpener::fitted), ..self };
        let all = event.interfaces.as_mut().map(|interfaces| std::mem::take(&mut interfaces.listed));
        let mut room = MAX_DETAIL_BYTES.saturating_sub(json_bytes(&event));
        if let (Some(interfaces), Some(all)) = (&mut event.interfaces, all) {
            interfaces.listed = all.into_iter().map(EventInterface::fitted).collect();
            keep_first(&mut interfaces.listed, &mut room);
        }
        event
    }

    /// The JSON of the detail.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
