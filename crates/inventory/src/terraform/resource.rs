//! Resources of a plan or a state, and their ingress rules.

use std::collections::BTreeMap;

use exposure::{IngressRule, Source, Traffic};
use serde_json::Value;

use findings::region_of_arn;

use super::objects::actions;

pub(super) const AFTER_APPLY: &str = "known after apply";

/// A managed resource.
#[derive(Debug)]
pub(super) struct Resource<'p> {
    pub(super) address: &'p str,
    pub(super) kind: &'p str,
    pub(super) values: &'p Value,
    /// Its change, if it has one in a plan.
    pub(super) change: Option<&'p Value>,
    pub(super) standing: Standing<'p>,
    /// Why it is not understood.
    pub(super) damage: Option<String>,
}

/// What an object is to its address. A reference means the current object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing<'p> {
    Current,
    /// It was replaced, and exists until it is destroyed; with its key.
    Deposed(&'p str),
    /// It is replaced and stays, since the run only forgets it.
    Forgotten,
}

/// Names of the attributes that a provider gives to one kind of rule.
#[derive(Debug)]
pub(super) struct Spelling {
    /// List of rules in a group.
    pub(super) ingress: &'static str,
    /// The group of a separate rule.
    pub(super) group_id: &'static str,
    protocol: &'static str,
    cidrs: [&'static str; 2],
    pub(super) prefix_lists: &'static str,
    groups: &'static [&'static str],
}

const INLINE: Spelling = Spelling {
    ingress: "ingress",
    group_id: "security_group_id",
    protocol: "protocol",
    cidrs: ["cidr_blocks", "ipv6_cidr_blocks"],
    prefix_lists: "prefix_list_ids",
    groups: &["security_groups"],
};
const RULE: Spelling = Spelling { groups: &["source_security_group_id"], ..INLINE };
const VPC_RULE: Spelling = Spelling {
    protocol: "ip_protocol",
    cidrs: ["cidr_ipv4", "cidr_ipv6"],
    prefix_lists: "prefix_list_id",
    groups: &["referenced_security_group_id"],
    ..INLINE
};
/// The provider `awscc` writes the properties of CloudFormation in snake case.
const CLOUD_CONTROL: Spelling = Spelling {
    ingress: "security_group_ingress",
    group_id: "group_id",
    protocol: "ip_protocol",
    cidrs: ["cidr_ip", "cidr_ipv_6"],
    prefix_lists: "source_prefix_list_id",
    groups: &["source_security_group_id", "source_security_group_name"],
};

impl<'p> Resource<'p> {
    pub(super) fn new(address: &'p str, kind: &'p str, values: &'p Value) -> Self {
        Self { address, kind, values, change: None, standing: Standing::Current, damage: None }
    }

    /// Its address, and its key if it is deposed.
    pub(super) fn key(&self) -> (&'p str, Option<&'p str>) {
        let deposed = match self.standing {
            Standing::Deposed(key) => Some(key),
            Standing::Current | Standing::Forgotten => None,
        };
        (self.address, deposed)
    }

    /// Its name: its address, and what tells it from the current object there.
    pub(super) fn name(&self) -> String {
        match self.standing {
            Standing::Current => self.address.to_owned(),
            Standing::Deposed(key) => format!("{} (deposed {key})", self.address),
            Standing::Forgotten => format!("{} (forgotten)", self.address),
        }
    }

    /// Region of the resource: an argument, or a part of its ARN.
    pub(super) fn region(&self) -> Option<String> {
        self.text("region").map(str::to_owned).or_else(|| region_of_arn(self.text("arn")?).map(str::to_owned))
    }

    /// A text of the resource; `None` if it is known only after apply, whatever stands in its place.
    pub(super) fn text(&self, key: &str) -> Option<&'p str> {
        let text = self.values.get(key).and_then(Value::as_str);
        text.filter(|_| !self.unknown(key).is_some_and(has_unknown))
    }

    /// `after_unknown` of an attribute: a tree like its value, with `true` for each value that is known only after apply.
    pub(super) fn unknown(&self, key: &str) -> Option<&'p Value> {
        self.change?.get("after_unknown")?.get(key)
    }

    /// Whether the plan creates the resource, or replaces it.
    pub(super) fn is_created(&self) -> bool {
        self.change.is_some_and(|change| actions(change).any(|action| action == "create"))
    }

    /// Whether the resource is one of the provider `awscc`.
    pub(super) fn is_cloud_control(&self) -> bool {
        self.kind.starts_with("awscc_")
    }

    pub(super) fn spelling(&self) -> &'static Spelling {
        match self.kind {
            "aws_security_group_rule" => &RULE,
            "aws_vpc_security_group_ingress_rule" => &VPC_RULE,
            _ if self.is_cloud_control() => &CLOUD_CONTROL,
            _ => &INLINE,
        }
    }

    /// Id of the group of a separate rule, or its name.
    pub(super) fn group_id(&self) -> Option<&'p str> {
        let name = || if self.is_cloud_control() { self.text("group_name") } else { None };
        self.text(self.spelling().group_id).or_else(name)
    }
}

/// Tags: a map, or a list of keys and values. One whose value is not known is left out.
pub(super) fn tags(values: &Value) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for found in ["tags", "tags_all"].into_iter().filter_map(|key| values.get(key)) {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match found {
            Value::Object(map) => tags.extend(map.iter().filter_map(|(key, value)| Some((key.clone(), text(value)?)))),
            Value::Array(list) => {
                tags.extend(list.iter().filter_map(|tag| Some((text(tag.get("key")?)?, text(tag.get("value")?)?))));
            }
            _ => {}
        }
    }
    tags
}

/// Whether a tree of `after_unknown` has a value that is known only after apply.
pub(super) fn has_unknown(value: &Value) -> bool {
    match value {
        Value::Bool(unknown) => *unknown,
        Value::Array(list) => list.iter().any(has_unknown),
        Value::Object(object) => object.values().any(has_unknown),
        Value::Null | Value::Number(_) | Value::String(_) => false,
    }
}

/// Attributes of a rule; some may not be known yet.
struct Attributes<'p> {
    values: &'p Value,
    unknown: Option<&'p Value>,
}

impl Attributes<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Whether an attribute, or a part of it, is known only after apply.
    fn is_unknown(&self, key: &str) -> bool {
        self.unknown.and_then(|unknown| unknown.get(key)).is_some_and(has_unknown)
    }

    fn texts(&self, key: &str) -> Vec<&str> {
        self.values.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Whether an attribute is neither a text nor a list of texts.
    fn is_malformed(&self, key: &str) -> bool {
        match self.values.get(key) {
            None | Some(Value::Null | Value::String(_)) => false,
            Some(Value::Array(list)) => !list.iter().all(Value::is_string),
            Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => true,
        }
    }

    fn port(&self, key: &str) -> Option<i64> {
        match self.values.get(key)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn traffic(&self, protocol_key: &str) -> Traffic {
        let unrecognized = |protocol: String| Traffic::Unrecognized { protocol, from: None, to: None };
        if self.is_unknown(protocol_key) {
            return unrecognized(AFTER_APPLY.to_owned());
        }
        let protocol = match self.values.get(protocol_key) {
            Some(Value::String(protocol)) => protocol.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let is_port = |key: &str| match self.values.get(key) {
            None | Some(Value::Null) => true,
            Some(_) => self.port(key).is_some(),
        };
        if ["from_port", "to_port"].into_iter().all(|key| !self.is_unknown(key) && is_port(key)) {
            return Traffic::parse(&protocol, self.port("from_port"), self.port("to_port"));
        }
        match Traffic::parse(&protocol, None, None) {
            Traffic::Ports { .. } => unrecognized(format!("{protocol}, ports {AFTER_APPLY}")),
            traffic => traffic,
        }
    }

    /// Sources of the rule. The verdict does not depend on which security group is referenced.
    fn sources(&self, spelling: &Spelling) -> Vec<Source> {
        let Spelling { cidrs, prefix_lists, groups, .. } = *spelling;
        let each = |key: &str| -> Vec<String> {
            self.text(key).into_iter().chain(self.texts(key)).map(str::to_owned).collect()
        };
        let mut sources: Vec<Source> =
            cidrs.iter().flat_map(|key| each(key)).map(|cidr| Source::from_cidr(&cidr)).collect();
        sources.extend(each(prefix_lists).into_iter().map(Source::PrefixList));
        sources.extend(groups.iter().flat_map(|key| each(key)).map(referenced_group));
        if self.values.get("self") == Some(&Value::Bool(true)) {
            sources.push(Source::SecurityGroup { id: "self".to_owned(), account_id: None });
        }
        for key in cidrs.into_iter().chain([prefix_lists]) {
            if self.is_unknown(key) && key != prefix_lists {
                sources.push(Source::Unrecognized(format!("{key} {AFTER_APPLY}")));
            } else if !self.is_unknown(key) && self.is_malformed(key) {
                sources.push(Source::Unrecognized(format!("{key} with a value that is no text")));
            }
        }
        if self.is_unknown(prefix_lists) {
            sources.push(Source::PrefixList(AFTER_APPLY.to_owned()));
        }
        // The provider also marks it unknown for a rule with a CIDR.
        if groups.iter().any(|key| self.is_unknown(key)) && sources.is_empty() {
            sources.push(Source::SecurityGroup { id: AFTER_APPLY.to_owned(), account_id: None });
        }
        sources
    }

    fn rules(&self, traffic: &Traffic, sources: Vec<Source>) -> Vec<IngressRule> {
        let description = self.text("description").map(str::to_owned);
        sources
            .into_iter()
            .map(|source| IngressRule { description: description.clone(), ..IngressRule::new(traffic.clone(), source) })
            .collect()
    }
}

/// A referenced group: `sg-…`, or `123456789012/sg-…` in another account.
fn referenced_group(text: String) -> Source {
    match text.split_once('/') {
        Some((account, id)) => Source::SecurityGroup { id: id.to_owned(), account_id: Some(account.to_owned()) },
        None => Source::SecurityGroup { id: text, account_id: None },
    }
}

/// A rule of which nothing is known.
pub(super) fn unknown_rule(protocol: String, source: String) -> IngressRule {
    IngressRule::new(Traffic::Unrecognized { protocol, from: None, to: None }, Source::Unrecognized(source))
}

/// Rules in the group itself.
pub(super) fn inline_rules(resource: &Resource<'_>, is_inline: bool) -> Vec<IngressRule> {
    let spelling = resource.spelling();
    let unknown = resource.unknown(spelling.ingress);
    let unknown_rule = || unknown_rule(format!("ingress {AFTER_APPLY}"), AFTER_APPLY.to_owned());
    let list: &[Value] = match resource.values.get(spelling.ingress) {
        Some(Value::Array(list)) => list,
        None | Some(Value::Null) => &[],
        Some(_) => return vec![unknown_rule()],
    };
    let elements: &[Value] = match unknown {
        Some(Value::Bool(true)) if is_inline => return vec![unknown_rule()],
        Some(Value::Array(elements)) => elements,
        _ => &[],
    };
    let mut rules: Vec<IngressRule> = list
        .iter()
        .enumerate()
        .flat_map(|(index, values)| {
            let attributes = Attributes { values, unknown: elements.get(index) };
            let mut sources = attributes.sources(spelling);
            if sources.is_empty() {
                sources.push(Source::not_told());
            }
            attributes.rules(&attributes.traffic(spelling.protocol), sources)
        })
        .collect();
    // Rules that may or may not exist.
    if elements.len() > list.len() || elements.contains(&Value::Bool(true)) {
        rules.push(unknown_rule());
    }
    rules
}

/// Ingress rules of a separate rule resource; none if it is an egress rule.
pub(super) fn rule(resource: &Resource<'_>) -> Vec<IngressRule> {
    if resource.damage.is_some() {
        return vec![unknown_rule("a rule with a duplicate key".to_owned(), resource.address.to_owned())];
    }
    let unknown = resource.change.and_then(|change| change.get("after_unknown"));
    let attributes = Attributes { values: resource.values, unknown };
    if resource.kind == "aws_security_group_rule" && attributes.text("type") == Some("egress") {
        return Vec::new();
    }
    let spelling = resource.spelling();
    let mut sources = attributes.sources(spelling);
    if sources.is_empty() {
        sources.push(Source::not_told());
    }
    let id = attributes.text("security_group_rule_id").filter(|_| sources.len() == 1).map(str::to_owned);
    let rules = attributes.rules(&attributes.traffic(spelling.protocol), sources);
    rules.into_iter().map(|rule| IngressRule { id: id.clone(), ..rule }).collect()
}
