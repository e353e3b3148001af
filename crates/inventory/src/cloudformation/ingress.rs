//! Ingress rules of a template, for every combination of the conditions that they depend on.

use std::collections::BTreeSet;

use exposure::{IngressRule, Source, Traffic};
use serde_json::Value;

use super::intrinsic::{Choice, Resolved, Scope, conditions_in, describe, function};

/// Maximum number of conditions of a rule that is resolved: each condition doubles the combinations.
const MOST_CONDITIONS: usize = 8;

/// A rule of which only the text in the template is known.
pub(super) fn unknown_rule(text: &str) -> IngressRule {
    let traffic = Traffic::Unrecognized { protocol: text.to_owned(), from: None, to: None };
    IngressRule::new(traffic, Source::Unrecognized(text.to_owned()))
}

/// All combinations of the conditions in `node` that `choice` leaves open; `None` if there are too many.
pub(super) fn choices(node: &Value, choice: &Choice) -> Option<Vec<Choice>> {
    let mut conditions = BTreeSet::new();
    conditions_in(node, &mut conditions);
    conditions.retain(|condition| !choice.contains_key(*condition));
    if conditions.len() > MOST_CONDITIONS {
        return None;
    }
    let mut choices = vec![choice.clone()];
    for condition in conditions {
        choices = choices
            .into_iter()
            .flat_map(|choice| {
                [true, false].map(|is_so| {
                    let mut choice = choice.clone();
                    choice.insert(condition.to_owned(), is_so);
                    choice
                })
            })
            .collect();
    }
    Some(choices)
}

/// All rules that `node`, a rule or a list of rules, may become.
pub(super) fn rules(scope: &Scope<'_>, node: &Value, choice: &Choice) -> Vec<IngressRule> {
    match (node, function(node)) {
        (Value::Null, _) => Vec::new(),
        (Value::Array(list), _) => list.iter().flat_map(|element| rules(scope, element, choice)).collect(),
        (_, Some(("Fn::If", Value::Array(arguments)))) => match arguments.as_slice() {
            [Value::String(condition), yes, no] => {
                let branches: &[_] = match choice.get(condition) {
                    Some(true) => &[(true, yes)],
                    Some(false) => &[(false, no)],
                    None => &[(true, yes), (false, no)],
                };
                branches
                    .iter()
                    .flat_map(|(is_so, branch)| {
                        let mut choice = choice.clone();
                        choice.insert(condition.clone(), *is_so);
                        rules(scope, branch, &choice)
                    })
                    .collect()
            }
            _ => vec![unknown_rule(&describe(node))],
        },
        (_, Some(("Ref", Value::String(name)))) if name == "AWS::NoValue" => Vec::new(),
        (Value::Object(object), None) => {
            if let Some(key) = object.keys().find(|key| key.starts_with("Fn::")) {
                return vec![unknown_rule(key)];
            }
            match choices(node, choice) {
                Some(choices) => choices.iter().flat_map(|choice| rule(scope, node, choice)).collect(),
                None => vec![unknown_rule("a rule with too many conditions")],
            }
        }
        _ => vec![unknown_rule(&describe(node))],
    }
}

/// The rules of one `Ingress` object: one rule per source.
fn rule(scope: &Scope<'_>, properties: &Value, choice: &Choice) -> Vec<IngressRule> {
    let resolve = |key: &str| scope.resolve(properties.get(key).unwrap_or(&Value::Null), choice);
    let traffic = traffic(resolve("IpProtocol"), resolve("FromPort"), resolve("ToPort"));
    let mut sources = Vec::new();
    for key in ["CidrIp", "CidrIpv6"] {
        match resolve(key) {
            Resolved::Absent => {}
            Resolved::Text(text) => sources.push(Source::from_cidr(&text)),
            Resolved::Unknown(text) => sources.push(Source::Unrecognized(text)),
            Resolved::List(_) => sources.push(Source::Unrecognized(format!("{key}: a list"))),
        }
    }
    match resolve("SourcePrefixListId") {
        Resolved::Absent => {}
        Resolved::Text(id) | Resolved::Unknown(id) => sources.push(Source::PrefixList(id)),
        Resolved::List(_) => sources.push(Source::Unrecognized("SourcePrefixListId: a list".to_owned())),
    }
    for key in ["SourceSecurityGroupId", "SourceSecurityGroupName"] {
        // The verdict does not depend on which group it is.
        match resolve(key) {
            Resolved::Absent => {}
            Resolved::Text(id) | Resolved::Unknown(id) => {
                let account_id = match resolve("SourceSecurityGroupOwnerId") {
                    Resolved::Text(account) => Some(account),
                    Resolved::Absent | Resolved::List(_) | Resolved::Unknown(_) => None,
                };
                sources.push(Source::SecurityGroup { id, account_id });
            }
            Resolved::List(_) => sources.push(Source::Unrecognized(format!("{key}: a list"))),
        }
    }
    if sources.is_empty() {
        sources.push(Source::not_told());
    }
    let description = match resolve("Description") {
        Resolved::Text(text) => Some(text),
        Resolved::Absent | Resolved::List(_) | Resolved::Unknown(_) => None,
    };
    sources
        .into_iter()
        .map(|source| IngressRule { description: description.clone(), ..IngressRule::new(traffic.clone(), source) })
        .collect()
}

/// Protocol and ports. Unknown ports matter only if the protocol has ports.
fn traffic(protocol: Resolved, from: Resolved, to: Resolved) -> Traffic {
    let protocol = match protocol {
        Resolved::Text(protocol) => protocol,
        Resolved::Absent => String::new(),
        Resolved::Unknown(text) => return Traffic::Unrecognized { protocol: text, from: None, to: None },
        Resolved::List(_) => return Traffic::Unrecognized { protocol: "a list".to_owned(), from: None, to: None },
    };
    match (port(from), port(to)) {
        (Ok(from), Ok(to)) => Traffic::parse(&protocol, from, to),
        (from, to) => match Traffic::parse(&protocol, None, None) {
            Traffic::Ports { .. } => {
                let protocol = match from.and(to) {
                    Err(text) => format!("{protocol}/{text}"),
                    Ok(_) => protocol,
                };
                Traffic::Unrecognized { protocol, from: None, to: None }
            }
            traffic => traffic,
        },
    }
}

/// A port, or the text that is not a port.
fn port(port: Resolved) -> Result<Option<i64>, String> {
    match port {
        Resolved::Absent => Ok(None),
        Resolved::Text(text) => text.trim().parse().map(Some).map_err(|_| text),
        Resolved::Unknown(text) => Err(text),
        Resolved::List(_) => Err("a list".to_owned()),
    }
}
