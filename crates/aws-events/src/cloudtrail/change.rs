//! A change to ingress rules.

use exposure::{Source, Traffic};
use jiff::Timestamp;
use serde_json::Value;

use crate::tolerant::{elements, integer, member, text};

use super::Identity;

/// A rule as a change left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedRule {
    /// `sgr-…`; `None` if the event does not contain it.
    pub id: Option<String>,
    /// Protocol and ports.
    pub traffic: Traffic,
    /// Source.
    pub source: Source,
}

/// A call that added ingress rules or changed some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleChange {
    /// `eventName`: `AuthorizeSecurityGroupIngress` or `ModifySecurityGroupRules`.
    pub name: String,
    /// `eventID`.
    pub event_id: Option<String>,
    /// `eventTime`.
    pub at: Timestamp,
    /// Who made the call.
    pub by: Identity,
    /// `sourceIPAddress`: an address, or the service that made the call.
    pub source_address: Option<String>,
    /// `userAgent`: the program that made the call. Callers choose it.
    pub user_agent: Option<String>,
    /// The rules that were added or changed.
    pub rules: Vec<ChangedRule>,
}

impl RuleChange {
    /// Reads an event, alone or as EventBridge wraps it. Returns `None` for an event about anything else, for a call that
    /// failed, and for text that is no event.
    #[must_use]
    pub fn from_json(event: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(event).ok()?;
        Self::read(member(&event, "detail").unwrap_or(&event))
    }

    /// Reads an event that is not wrapped.
    pub(crate) fn read(event: &Value) -> Option<Self> {
        if text(event, "errorCode").is_some() {
            return None;
        }
        let name = text(event, "eventName")?;
        let request = member(event, "requestParameters");
        let rules: Vec<ChangedRule> = match name {
            "AuthorizeSecurityGroupIngress" => {
                let answer =
                    member(event, "responseElements").and_then(|answer| member(answer, "securityGroupRuleSet"));
                match elements(answer) {
                    // Written before 2021, or cut.
                    [] => elements(member(request?, "ipPermissions")).iter().flat_map(requested).collect(),
                    rules => rules.iter().map(|rule| changed(rule, rule)).collect(),
                }
            }
            "ModifySecurityGroupRules" => {
                let request =
                    request.map(|request| member(request, "ModifySecurityGroupRulesRequest").unwrap_or(request));
                let rules = elements(member(request?, "SecurityGroupRule"));
                let content = |rule| member(rule, "SecurityGroupRule").unwrap_or(rule);
                rules.iter().map(|rule| changed(rule, content(rule))).collect()
            }
            _ => return None,
        };
        if rules.is_empty() {
            return None;
        }
        let of = |key: &str| text(event, key).map(str::to_owned);
        Some(Self {
            name: name.to_owned(),
            event_id: of("eventID"),
            at: text(event, "eventTime")?.parse().ok()?,
            by: Identity::new(member(event, "userIdentity").unwrap_or(&Value::Null)),
            source_address: of("sourceIPAddress"),
            user_agent: of("userAgent"),
            rules,
        })
    }
}

fn traffic(rule: &Value) -> Traffic {
    let protocol = text(rule, "ipProtocol").unwrap_or_default();
    Traffic::parse(protocol, integer(rule, "fromPort"), integer(rule, "toPort"))
}

/// A rule with one source, whose id may be in another object.
fn changed(named: &Value, rule: &Value) -> ChangedRule {
    let owned = |text: &str| text.to_owned();
    let cidr = text(rule, "cidrIpv4").or_else(|| text(rule, "cidrIpv6")).map(Source::from_cidr);
    let list = || text(rule, "prefixListId").map(|id| Source::PrefixList(id.to_owned()));
    let group = || {
        let info = member(rule, "referencedGroupInfo");
        let id = text(rule, "referencedGroupId").or_else(|| info.and_then(|info| text(info, "groupId")))?;
        Some(Source::of_group(Some(id.to_owned()), info.and_then(|info| text(info, "userId")).map(owned)))
    };
    ChangedRule {
        id: text(named, "securityGroupRuleId").map(owned),
        traffic: traffic(rule),
        source: cidr.or_else(list).or_else(group).unwrap_or_else(Source::not_told),
    }
}

/// The rules of a permission in a request.
fn requested(permission: &Value) -> Vec<ChangedRule> {
    let traffic = traffic(permission);
    let sources = |list: &str, key: &'static str| {
        elements(member(permission, list)).iter().filter_map(move |source| text(source, key)).map(str::to_owned)
    };
    let cidrs = sources("ipRanges", "cidrIp").chain(sources("ipv6Ranges", "cidrIpv6"));
    let cidrs = cidrs.map(|cidr| Source::from_cidr(&cidr));
    let lists = sources("prefixListIds", "prefixListId").map(Source::PrefixList);
    let groups = sources("groups", "groupId").map(|id| Source::of_group(Some(id), None));
    cidrs.chain(lists).chain(groups).map(|source| ChangedRule { id: None, traffic: traffic.clone(), source }).collect()
}
