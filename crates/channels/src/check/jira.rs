//! Limits of Jira, whatever its configuration.
//!
//! Source: <https://jira.atlassian.com/browse/JRASERVER-8800> for the summary,
//! <https://confluence.atlassian.com/adminjiraserver/configuring-advanced-settings-938847117.html> for texts,
//! <https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/> for trees

use routing::JiraFlavour;
use serde_json::{Map, Value};

use super::{Faults, at_most, length};

const TEXT_MAX: usize = 32_767;

/// Fields of a ticket that is created or edited, with the name of the field that is at fault.
#[must_use]
pub fn jira_fields(fields: &Map<String, Value>, flavour: JiraFlavour) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let mut note = |field: &'static str, faults: Faults| found.extend(faults.into_iter().map(|fault| (field, fault)));
    if let Some(summary) = fields.get("summary") {
        let mut faults = Faults::new();
        let summary = summary.as_str().unwrap_or_default();
        if summary.trim().is_empty() {
            faults.push("You must specify a summary of the issue.".to_owned());
        }
        at_most("Summary", length(summary), 255, &mut faults);
        if summary.contains(['\n', '\r']) {
            faults.push("The summary is invalid because it contains newline characters.".to_owned());
        }
        note("summary", faults);
    }
    for label in fields.get("labels").and_then(Value::as_array).into_iter().flatten() {
        let label = label.as_str().unwrap_or_default();
        let mut faults = Faults::new();
        at_most("A label", length(label), 255, &mut faults);
        if label.is_empty() || label.contains(char::is_whitespace) {
            faults.push(format!("The label '{label}' contains spaces which is invalid."));
        }
        note("labels", faults);
    }
    if let Some(description) = fields.get("description") {
        note("description", jira_text(description, flavour));
    }
    found
}

/// A description or the body of a comment: a text of a bounded length, in the form of the product.
#[must_use]
pub fn jira_text(value: &Value, flavour: JiraFlavour) -> Faults {
    let mut faults = Faults::new();
    match flavour {
        JiraFlavour::Cloud => {
            if value.get("type").and_then(Value::as_str) != Some("doc") || value.get("version") != Some(&1.into()) {
                faults.push("Operation value must be an Atlassian Document".to_owned());
                return faults;
            }
            // Atlassian does not document whether the names of the nodes count, so they do.
            at_most("the text", length(&value.to_string()), TEXT_MAX, &mut faults);
            children(value, &["paragraph", "bulletList", "table", "codeBlock"], true, &mut faults);
        }
        JiraFlavour::DataCenter => match value.as_str() {
            Some("") | None => faults.push("Operation value must be a string".to_owned()),
            Some(text) => at_most("the text", length(text), TEXT_MAX, &mut faults),
        },
    }
    faults
}

fn children(node: &Value, kinds: &[&str], may_be_empty: bool, faults: &mut Faults) {
    let content = node.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if content.is_empty() && !may_be_empty {
        faults.push(format!("INVALID_INPUT: a node has no content: {node}"));
    }
    for child in content {
        let kind = child.get("type").and_then(Value::as_str).unwrap_or_default();
        if !kinds.contains(&kind) {
            faults.push(format!("INVALID_INPUT: a node of type `{kind}` in {node}"));
            continue;
        }
        match kind {
            "paragraph" | "codeBlock" => children(child, &["text"], true, faults),
            "bulletList" => children(child, &["listItem"], false, faults),
            "table" => children(child, &["tableRow"], false, faults),
            "tableRow" => children(child, &["tableHeader", "tableCell"], false, faults),
            "listItem" | "tableHeader" | "tableCell" => children(child, &["paragraph"], false, faults),
            _ => leaf(child, faults),
        }
    }
}

fn leaf(node: &Value, faults: &mut Faults) {
    if node.get("text").and_then(Value::as_str).is_none_or(str::is_empty) {
        faults.push("INVALID_INPUT: an empty text".to_owned());
    }
    for mark in node.get("marks").and_then(Value::as_array).into_iter().flatten() {
        let target = mark.pointer("/attrs/href").and_then(Value::as_str).unwrap_or_default();
        if mark.get("type").and_then(Value::as_str) != Some("link") || !target.starts_with("https://") {
            faults.push(format!("INVALID_INPUT: a mark that is no link to a web page: {mark}"));
        }
    }
}
