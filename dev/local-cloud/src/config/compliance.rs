//! Operations that read evaluation results.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::evaluation::Evaluated;
use super::rule_api::{named, no_such_rule};
use super::{State, limit, text, texts};
use crate::clock;
use crate::cloud::Cloud;
use crate::paging::page;
use crate::wire::Reply;

/// Highest exact number of contributors; AWS reports more as "25+".
const CAP: usize = 25;

/// Returns true if a compliance type is among the requested ones; an empty request means all but `NOT_APPLICABLE`.
fn wanted(types: &[String], compliance: &str) -> bool {
    if types.is_empty() { compliance != "NOT_APPLICABLE" } else { types.iter().any(|kind| kind == compliance) }
}

fn count(count: usize) -> Value {
    json!({"CappedCount": count.min(CAP), "CapExceeded": count > CAP})
}

/// Returns the compliance over many results.
fn overall<'a>(results: impl Iterator<Item = &'a Evaluated>) -> Value {
    let (mut bad, mut good) = (0_usize, 0_usize);
    for result in results {
        match result.compliance.as_str() {
            "NON_COMPLIANT" => bad = bad.saturating_add(1),
            "COMPLIANT" => good = good.saturating_add(1),
            _ => {}
        }
    }
    match (bad, good) {
        (0, 0) => json!({"ComplianceType": "INSUFFICIENT_DATA"}),
        (0, good) => json!({"ComplianceType": "COMPLIANT", "ComplianceContributorCount": count(good)}),
        (bad, _) => json!({"ComplianceType": "NON_COMPLIANT", "ComplianceContributorCount": count(bad)}),
    }
}

fn result((rule, resource): &(String, String), evaluated: &Evaluated) -> Value {
    let mut result = json!({
        "EvaluationResultIdentifier": {
            "EvaluationResultQualifier": {"ConfigRuleName": rule, "ResourceType": evaluated.resource_type,
                                          "ResourceId": resource, "EvaluationMode": "DETECTIVE"},
            "OrderingTimestamp": clock::epoch(evaluated.ordering)},
        "ComplianceType": evaluated.compliance,
        "ResultRecordedTime": clock::epoch(evaluated.recorded),
        "ConfigRuleInvokedTime": clock::epoch(evaluated.invoked),
    });
    if let (Some(annotation), Some(result)) = (&evaluated.annotation, result.as_object_mut()) {
        result.insert("Annotation".to_owned(), json!(annotation));
    }
    result
}

/// `DescribeComplianceByConfigRule`.
pub(crate) fn by_rule(cloud: &Cloud, data: &Value) -> Reply {
    let state = cloud.config();
    let types = texts(data, "ComplianceTypes");
    let rules: Vec<Value> = named(&state, data)?
        .into_iter()
        .map(|rule| {
            let results = state.results.iter().filter(|((name, _), _)| *name == rule.name);
            json!({"ConfigRuleName": rule.name, "Compliance": overall(results.map(|(_, result)| result))})
        })
        .filter(|rule| {
            let kind = rule.pointer("/Compliance/ComplianceType").and_then(Value::as_str).unwrap_or_default();
            types.is_empty() || types.iter().any(|wanted| wanted == kind)
        })
        .collect();
    let (rules, token) = page(rules, text(data, "NextToken"), 25)?;
    Ok(json!({"ComplianceByConfigRules": rules, "NextToken": token}))
}

/// `GetComplianceDetailsByConfigRule`.
pub(crate) fn details_by_rule(cloud: &Cloud, data: &Value) -> Reply {
    let state = cloud.config();
    let name = text(data, "ConfigRuleName").unwrap_or_default();
    if !state.rules.contains_key(name) {
        return Err(no_such_rule(name));
    }
    let types = texts(data, "ComplianceTypes");
    let results: Vec<Value> = state
        .results
        .iter()
        .filter(|((rule, _), evaluated)| rule == name && wanted(&types, &evaluated.compliance))
        .map(|(key, evaluated)| result(key, evaluated))
        .collect();
    let (results, token) = page(results, text(data, "NextToken"), limit(data, "Limit", 10))?;
    Ok(json!({"EvaluationResults": results, "NextToken": token}))
}

/// A result with its rule and resource.
type Found<'a> = (&'a (String, String), &'a Evaluated);

/// Returns the results by resource, limited to the type and id in the request, if any.
fn of_resources<'a>(state: &'a State, data: &Value) -> BTreeMap<&'a str, Vec<Found<'a>>> {
    let mut resources: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (key, evaluated) in &state.results {
        if text(data, "ResourceType").is_none_or(|kind| kind == evaluated.resource_type)
            && text(data, "ResourceId").is_none_or(|id| id == key.1)
        {
            resources.entry(&key.1).or_default().push((key, evaluated));
        }
    }
    resources
}

/// `DescribeComplianceByResource`.
pub(crate) fn by_resource(cloud: &Cloud, data: &Value) -> Reply {
    let state = cloud.config();
    let types = texts(data, "ComplianceTypes");
    let resources: Vec<Value> = of_resources(&state, data)
        .into_iter()
        .filter_map(|(id, results)| {
            let kind = &results.first()?.1.resource_type;
            let compliance = overall(results.iter().map(|(_, evaluated)| *evaluated));
            let verdict = text(&compliance, "ComplianceType").unwrap_or_default().to_owned();
            let shown = if types.is_empty() { verdict != "INSUFFICIENT_DATA" } else { types.contains(&verdict) };
            shown.then(|| json!({"ResourceType": kind, "ResourceId": id, "Compliance": compliance}))
        })
        .collect();
    let (resources, token) = page(resources, text(data, "NextToken"), limit(data, "Limit", 10))?;
    Ok(json!({"ComplianceByResources": resources, "NextToken": token}))
}

/// `GetComplianceDetailsByResource`.
pub(crate) fn details_by_resource(cloud: &Cloud, data: &Value) -> Reply {
    let state = cloud.config();
    let types = texts(data, "ComplianceTypes");
    let results: Vec<Value> = of_resources(&state, data)
        .into_values()
        .flatten()
        .filter(|(_, evaluated)| wanted(&types, &evaluated.compliance))
        .map(|(key, evaluated)| result(key, evaluated))
        .collect();
    let (results, token) = page(results, text(data, "NextToken"), 10)?;
    Ok(json!({"EvaluationResults": results, "NextToken": token}))
}

/// `GetComplianceSummaryByConfigRule`.
pub(crate) fn summary(cloud: &Cloud) -> Value {
    let state = cloud.config();
    let (mut good, mut bad) = (0_usize, 0_usize);
    for rule in state.rules.keys() {
        let results = state.results.iter().filter(|((name, _), _)| name == rule).map(|(_, result)| result);
        match overall(results).get("ComplianceType").and_then(Value::as_str) {
            Some("COMPLIANT") => good = good.saturating_add(1),
            Some("NON_COMPLIANT") => bad = bad.saturating_add(1),
            _ => {}
        }
    }
    json!({"ComplianceSummary": {"CompliantResourceCount": count(good), "NonCompliantResourceCount": count(bad),
                                    "ComplianceSummaryTimestamp": clock::epoch(clock::now())}})
}
