//! Ingress rules of a template, for every combination of the conditions that they depend on.

use std::collections::BTreeSet;

use exposure::{AddressSet, Family, IngressRule, PossibleSource, PrefixList, Source, Traffic};
use serde_json::Value;

use super::open_values;
use super::scope::Scope;
use super::value::{Choice, Resolved, chosen, conditions_in, describe, function, referenced};
use super::{names, network};
use crate::tree::RulePath;

/// Maximum number of conditions of a rule that is resolved: each condition doubles the combinations.
const MOST_CONDITIONS: usize = 8;

/// A rule of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) rule: IngressRule,
    /// What the source may stand for, if it is not recognised.
    pub(super) possible: Option<PossibleSource>,
    /// Parameters without a value that the rule depends on.
    pub(super) parameters: Vec<String>,
    /// Where the rule is among those of its group.
    pub(super) path: Option<RulePath>,
}

impl From<IngressRule> for Found {
    fn from(rule: IngressRule) -> Self {
        Self { rule, possible: None, parameters: Vec::new(), path: None }
    }
}

impl Found {
    fn at(self, path: &RulePath) -> Self {
        Self { path: Some(path.clone()), ..self }
    }
}

/// A rule of which only the text in the template is known.
pub(super) fn unknown_rule(text: &str) -> Found {
    let traffic = Traffic::Unrecognized { protocol: text.to_owned(), from: None, to: None };
    IngressRule::new(traffic, Source::Unrecognized(text.to_owned())).into()
}

/// All combinations of the conditions in `node` that `choice` leaves open; `None` if there are too many.
pub(super) fn choices(scope: &Scope<'_>, node: &Value, choice: &Choice) -> Option<Vec<Choice>> {
    let mut conditions = BTreeSet::new();
    conditions_in(node, &mut conditions);
    conditions.retain(|condition| scope.branch(condition, choice).is_none());
    if conditions.len() > MOST_CONDITIONS {
        return None;
    }
    let mut choices = vec![choice.clone()];
    for condition in conditions {
        choices =
            choices.into_iter().flat_map(|choice| [true, false].map(|is_so| choice.with(condition, is_so))).collect();
    }
    Some(choices)
}

/// All rules that `node`, a rule or a list of rules at `path`, may become.
pub(super) fn rules(scope: &Scope<'_>, node: &Value, choice: &Choice, path: &RulePath) -> Vec<Found> {
    match (node, function(node)) {
        (Value::Null, _) => Vec::new(),
        (Value::Array(list), _) => {
            let elements = list.iter().enumerate();
            elements.flat_map(|(index, element)| rules(scope, element, choice, &path.element(index))).collect()
        }
        (_, Some(("Fn::If", Value::Array(arguments)))) => match arguments.as_slice() {
            [Value::String(condition), yes, no] => {
                let branches = [(true, yes, 1), (false, no, 2)].into_iter();
                let decided = scope.branch(condition, choice);
                let branches = branches.filter(|(is_so, ..)| decided.is_none_or(|decided| decided == *is_so));
                let rules =
                    |(is_so, branch, index)| rules(scope, branch, &choice.with(condition, is_so), &path.element(index));
                branches.flat_map(rules).collect()
            }
            _ => vec![unknown_rule(&describe(node)).at(path)],
        },
        (_, Some(("Ref", Value::String(name)))) if name == "AWS::NoValue" => Vec::new(),
        (Value::Object(object), None) => {
            if let Some(key) = object.keys().find(|key| key.starts_with("Fn::")) {
                return vec![unknown_rule(key).at(path)];
            }
            let Some(choices) = choices(scope, node, choice) else {
                return vec![unknown_rule("a rule with too many conditions").at(path)];
            };
            let rules = choices.iter().flat_map(|choice| possible_rules(scope, node, choice));
            rules.map(|found| found.at(path)).collect()
        }
        _ => vec![unknown_rule(&describe(node)).at(path)],
    }
}

/// The rules of one `Ingress` object, for all values that the template leaves open.
fn possible_rules(scope: &Scope<'_>, properties: &Value, choice: &Choice) -> Vec<Found> {
    let mut open = rule(scope, properties, choice);
    let choices = open_values::choices(scope, properties, choice);
    if choices.iter().any(|with_values| with_values != choice) {
        let mut alternatives: Vec<_> = choices.iter().map(|with_values| rule(scope, properties, with_values)).collect();
        alternatives.dedup();
        open = match alternatives.as_slice() {
            [only] => only.clone(),
            _ => one_of(open, &alternatives),
        };
    }
    let parameters = open_values::unknown_parameters(scope, properties, choice);
    for found in &mut open {
        found.parameters.clone_from(&parameters);
    }
    open
}

/// The rules `open`, of which the values are not known, with what the alternatives say of them.
fn one_of(open: Vec<Found>, alternatives: &[Vec<Found>]) -> Vec<Found> {
    if alternatives.iter().any(|rules| rules.len() != open.len()) {
        return open;
    }
    let rules = open.into_iter().enumerate().flat_map(|(at, found)| {
        let possible: Vec<&Found> = alternatives.iter().filter_map(|rules| rules.get(at)).collect();
        let mut by_traffic: Vec<(Traffic, Vec<&Found>)> = Vec::new();
        for other in possible {
            match by_traffic.iter_mut().find(|(traffic, _)| *traffic == other.rule.traffic) {
                Some((_, same)) => same.push(other),
                None => by_traffic.push((other.rule.traffic.clone(), vec![other])),
            }
        }
        match by_traffic.as_slice() {
            [(traffic, same)] => vec![with_source(found, traffic, same)],
            several => several_kinds(&found, several).unwrap_or_else(|| vec![found]),
        }
    });
    rules.collect()
}

/// The rule `found`, whose traffic is certain and whose source is that of one of `same`.
fn with_source(mut found: Found, traffic: &Traffic, same: &[&Found]) -> Found {
    found.rule.traffic = traffic.clone();
    let mut distinct = same.to_vec();
    distinct.dedup_by(|one, other| one.rule.source == other.rule.source && one.possible == other.possible);
    if let [only] = distinct.as_slice() {
        found.rule.source = only.rule.source.clone();
        found.possible.clone_from(&only.possible);
    } else if matches!(found.rule.source, Source::Unrecognized(_)) {
        let sets: Option<Vec<Vec<AddressSet>>> = distinct.iter().map(|found| sets(found)).collect();
        found.possible = sets.map(|sets| PossibleSource::OneOf(sets.concat()));
    }
    found
}

/// One rule for each kind of traffic that `found` may admit: from the sources that go with it, or from none, since the
/// traffic may be another one. `None` if it is not known which sources these are.
fn several_kinds(found: &Found, by_traffic: &[(Traffic, Vec<&Found>)]) -> Option<Vec<Found>> {
    let rules = by_traffic.iter().map(|(traffic, same)| {
        let sets: Option<Vec<Vec<AddressSet>>> = same.iter().map(|found| sets(found)).collect();
        let possible = PossibleSource::OneOf([sets?.concat(), vec![AddressSet::default()]].concat());
        let text = match &found.rule.source {
            Source::Unrecognized(text) => text.clone(),
            source => source.to_string(),
        };
        // What the text may stand for depends on the traffic.
        let source = Source::Unrecognized(format!("{text}, if the traffic is {traffic}"));
        let rule = IngressRule { traffic: traffic.clone(), source, ..found.rule.clone() };
        Some(Found { rule, possible: Some(possible), ..found.clone() })
    });
    rules.collect()
}

/// The rule of a group that it may belong to, or not.
pub(super) fn perhaps(scope: &Scope<'_>, found: &Found) -> Found {
    let of_list = match &found.rule.source {
        Source::PrefixList(id) => match network::prefix_list(scope, id) {
            Some(PrefixList::Entries(set)) => Some(vec![set]),
            _ => None,
        },
        _ => sets(found),
    };
    let text = match &found.rule.source {
        Source::Unrecognized(text) => text.clone(),
        source => source.to_string(),
    };
    let source = Source::Unrecognized(format!("{text}, if the rule belongs to this group"));
    let possible = of_list.map(|sets| PossibleSource::OneOf([sets, vec![AddressSet::default()]].concat()));
    Found { rule: IngressRule { source, ..found.rule.clone() }, possible, ..found.clone() }
}

/// The sets of addresses that the source of a rule may be; `None` if it may be any.
fn sets(found: &Found) -> Option<Vec<AddressSet>> {
    match (&found.rule.source, &found.possible) {
        (Source::Cidr(network), _) => Some(vec![AddressSet::from_iter([*network])]),
        (Source::SecurityGroup { .. }, _) => Some(vec![AddressSet::default()]),
        (Source::Unrecognized(_), Some(PossibleSource::OneOf(sets))) => Some(sets.clone()),
        (Source::Unrecognized(_) | Source::PrefixList(_), _) => None,
    }
}

/// The rules of one `Ingress` object: one rule per source.
fn rule(scope: &Scope<'_>, properties: &Value, choice: &Choice) -> Vec<Found> {
    let property = |key: &str| properties.get(key).unwrap_or(&Value::Null);
    let resolve = |key: &str| scope.resolve(property(key), choice);
    let traffic = traffic(resolve("IpProtocol"), resolve("FromPort"), resolve("ToPort"));
    let mut sources = Vec::new();
    for (key, family) in [("CidrIp", Family::V4), ("CidrIpv6", Family::V6)] {
        sources.extend(cidr(key, property(key), resolve(key), family));
    }
    let list = property("SourcePrefixListId");
    let of_template = referenced(chosen(scope, list, choice)).filter(|id| network::is_prefix_list(scope, id));
    match (of_template, resolve("SourcePrefixListId")) {
        (Some(id), _) => sources.push((Source::PrefixList(id.to_owned()), None)),
        (None, Resolved::Absent) => {}
        (None, Resolved::Text(id) | Resolved::Unknown(id) | Resolved::Ending { text: id, .. }) => {
            sources.push((Source::PrefixList(id), None));
        }
        (None, Resolved::List(_)) => {
            sources.push((Source::Unrecognized("SourcePrefixListId: a list".to_owned()), None));
        }
    }
    for key in ["SourceSecurityGroupId", "SourceSecurityGroupName"] {
        // The verdict does not depend on which group it is.
        match resolve(key) {
            Resolved::Absent => {}
            Resolved::Text(id) | Resolved::Unknown(id) | Resolved::Ending { text: id, .. } => {
                let account_id = resolve("SourceSecurityGroupOwnerId").into_text();
                sources.push((Source::SecurityGroup { id, account_id }, None));
            }
            Resolved::List(_) => sources.push((Source::Unrecognized(format!("{key}: a list")), None)),
        }
    }
    if let Some(key) = properties.as_object().and_then(|object| names::unknown(object, &names::OF_RULE)) {
        sources.push((Source::Unrecognized(format!("unknown property `{key}`")), None));
    }
    if sources.is_empty() {
        sources.push((Source::not_told(), None));
    }
    let description = resolve("Description").into_text();
    let rules = sources.into_iter().map(|(source, possible)| {
        let rule = IngressRule { description: description.clone(), ..IngressRule::new(traffic.clone(), source) };
        Found { possible, ..rule.into() }
    });
    rules.collect()
}

/// The source that `CidrIp` or `CidrIpv6` names, and what it may stand for.
fn cidr(key: &str, node: &Value, value: Resolved, family: Family) -> Option<(Source, Option<PossibleSource>)> {
    Some(match value {
        Resolved::Absent => return None,
        Resolved::Text(text) => match Source::from_cidr(&text) {
            // The text alone does not show where it comes from; an empty one shows nothing.
            Source::Unrecognized(text) if function(node).is_some() => {
                let text = if text.is_empty() { "empty".to_owned() } else { text };
                (Source::Unrecognized(format!("{}: {text}", describe(node))), None)
            }
            source => (source, None),
        },
        Resolved::Unknown(text) => (Source::Unrecognized(text), None),
        Resolved::Ending { text, ending } => {
            let prefix = ending.rsplit_once('/').and_then(|(_, prefix)| prefix.parse::<u8>().ok());
            let most = if family == Family::V4 { 32 } else { 128 };
            let possible = prefix.filter(|prefix| *prefix <= most);
            (Source::Unrecognized(text), possible.map(|prefix| PossibleSource::Network { family, prefix }))
        }
        Resolved::List(_) => (Source::Unrecognized(format!("{key}: a list")), None),
    })
}

/// Protocol and ports. Unknown ports matter only if the protocol has ports.
fn traffic(protocol: Resolved, from: Resolved, to: Resolved) -> Traffic {
    let protocol = match protocol {
        Resolved::Text(protocol) => protocol,
        Resolved::Absent => String::new(),
        Resolved::Unknown(text) | Resolved::Ending { text, .. } => {
            return Traffic::Unrecognized { protocol: text, from: None, to: None };
        }
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
        Resolved::Unknown(text) | Resolved::Ending { text, .. } => Err(text),
        Resolved::List(_) => Err("a list".to_owned()),
    }
}
