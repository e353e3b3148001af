//! Calls of EC2 that CloudTrail recorded.

use std::collections::BTreeSet;
use std::fmt;

use exposure::is_security_group_id;
use jiff::Timestamp;
use serde_json::Value;

use super::ids;
use super::refusal::{Refusal, quoted};
use super::refuse_too_many;
use crate::cloudtrail::{Identity, RuleChange};
use crate::tolerant::{elements, is_true, member, text};

/// Prefix of the ids of managed prefix lists.
const PREFIX_LIST: &str = "pl-";

/// A call that may open a security group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventName {
    /// Adds ingress rules to a group.
    AuthorizeSecurityGroupIngress,
    /// Changes rules of a group.
    ModifySecurityGroupRules,
    /// Changes the entries of a prefix list, or its name.
    ModifyManagedPrefixList,
    /// Makes the entries of a prefix list those of an earlier version.
    RestoreManagedPrefixListVersion,
}

impl EventName {
    const ALL: [Self; 4] = [
        Self::AuthorizeSecurityGroupIngress,
        Self::ModifySecurityGroupRules,
        Self::ModifyManagedPrefixList,
        Self::RestoreManagedPrefixListVersion,
    ];

    /// `eventName`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizeSecurityGroupIngress => "AuthorizeSecurityGroupIngress",
            Self::ModifySecurityGroupRules => "ModifySecurityGroupRules",
            Self::ModifyManagedPrefixList => "ModifyManagedPrefixList",
            Self::RestoreManagedPrefixListVersion => "RestoreManagedPrefixListVersion",
        }
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A call that CloudTrail recorded, and that succeeded.
///
/// Source: [CloudTrail record contents](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiCall {
    /// `eventName`.
    pub name: EventName,
    /// `eventID`.
    pub event_id: Option<String>,
    /// `eventTime`.
    pub at: Option<Timestamp>,
    /// The account in which the call was made.
    pub account: Option<String>,
    /// The region in which the call was made.
    pub region: Option<String>,
    /// Security groups that the call is about.
    pub group_ids: BTreeSet<String>,
    /// Prefix lists that the call is about. Either there are groups or prefix lists.
    pub prefix_list_ids: BTreeSet<String>,
    /// Who made the call.
    pub by: Identity,
    /// The rules that the call left, to tell who opened a group. Never to be judged.
    pub change: Option<RuleChange>,
}

impl ApiCall {
    /// Reads a call, in an event of EventBridge or alone.
    pub(super) fn read(event: &Value, call: &Value) -> Result<Self, Refusal> {
        let written = text(call, "eventName").unwrap_or_default();
        let is_of_ec2 = text(call, "eventSource").is_none_or(|source| source.starts_with("ec2."));
        let name = EventName::ALL.into_iter().find(|name| is_of_ec2 && name.as_str() == written);
        let name =
            name.ok_or_else(|| Refusal::noise(format!("the call {} opens no security group", quoted(written))))?;
        let answer = answer(name, call)?;
        let request = member(call, "requestParameters").unwrap_or(&Value::Null);
        let request = unwrapped(request, name, "Request");

        let of = |value: &Value, key: &str| text(value, key).map(str::to_owned);
        let mut group_ids = BTreeSet::new();
        let mut prefix_list_ids = BTreeSet::new();
        match name {
            EventName::AuthorizeSecurityGroupIngress => {
                let rules = elements(member(answer, "securityGroupRuleSet"));
                let (egress, ingress): (Vec<&Value>, _) = rules.iter().partition(|rule| is_true(rule, "isEgress"));
                if ingress.is_empty() && !egress.is_empty() {
                    return Err(Refusal::noise(format!("{name} added egress rules only")));
                }
                // A group of the default VPC may be named, without its id: the answer has it.
                group_ids.extend(of(request, "groupId"));
                group_ids.extend(ingress.into_iter().filter_map(|rule| of(rule, "groupId")));
            }
            // The request does not say whether the rules are ingress or egress.
            EventName::ModifySecurityGroupRules => group_ids.extend(of(request, "groupId")),
            EventName::ModifyManagedPrefixList | EventName::RestoreManagedPrefixListVersion => {
                prefix_list_ids.extend(of(request, "prefixListId"));
                // CloudTrail leaves out a request of more than 100 KB.
                prefix_list_ids.extend(member(answer, "prefixList").and_then(|list| of(list, "prefixListId")));
            }
        }
        group_ids.retain(|id| is_security_group_id(id));
        prefix_list_ids.retain(|id| ids::is_id(id, PREFIX_LIST));
        if group_ids.is_empty() && prefix_list_ids.is_empty() {
            return Err(Refusal::strange(format!("{name} without the id of what it changed")));
        }
        refuse_too_many(group_ids.len())?;
        Ok(Self {
            name,
            event_id: of(call, "eventID"),
            at: text(call, "eventTime").or_else(|| text(event, "time")).and_then(|at| at.parse().ok()),
            account: ids::account([text(call, "recipientAccountId"), text(event, "account")]),
            region: ids::region([text(call, "awsRegion"), text(event, "region")]),
            group_ids,
            prefix_list_ids,
            by: Identity::new(member(call, "userIdentity").unwrap_or(&Value::Null)),
            change: RuleChange::read(call),
        })
    }
}

/// What EC2 answered to a call that succeeded.
fn answer(name: EventName, call: &Value) -> Result<&Value, Refusal> {
    let failed = |why: &str| Refusal::noise(format!("{name} failed{why}"));
    match member(call, "errorCode") {
        None | Some(Value::Null) => {}
        Some(Value::String(code)) if code.is_empty() => {}
        Some(code) => return Err(failed(&format!(": {}", quoted(code.as_str().unwrap_or("errorCode"))))),
    }
    let answer = member(call, "responseElements").filter(|answer| answer.is_object());
    let answer = unwrapped(answer.ok_or_else(|| failed(": EC2 answered nothing"))?, name, "Response");
    let is_false = |key: &str| match member(answer, key) {
        Some(Value::Bool(returned)) => !returned,
        Some(Value::String(returned)) => returned.eq_ignore_ascii_case("false"),
        _ => false,
    };
    if is_false("return") || is_false("_return") { Err(failed("")) } else { Ok(answer) }
}

/// The content of `<name>Request` or `<name>Response` in `value`, in which some calls are wrapped.
fn unwrapped<'v>(value: &'v Value, name: EventName, suffix: &str) -> &'v Value {
    elements(member(value, &format!("{name}{suffix}"))).first().unwrap_or(value)
}
