//! What Jira refuses, whatever its configuration.

use channels::Request;
use routing::JiraFlavour;
use serde_json::{Map, Value};

pub(super) const CLOUD_SECRET: &str = "bot@example.com:t0ken";
pub(super) const SERVER_SECRET: &str = "NjU0";

pub(super) fn headers(request: &Request, flavour: JiraFlavour) {
    let header = |name: &str| request.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.expose());
    let expected = match flavour {
        JiraFlavour::Cloud => "Basic Ym90QGV4YW1wbGUuY29tOnQwa2Vu",
        JiraFlavour::DataCenter => "Bearer NjU0",
    };
    assert_eq!(header("authorization"), Some(expected));
    assert_eq!(header("content-type").is_some(), !request.body.is_empty());
}

pub(super) fn fields(fields: &Map<String, Value>, flavour: JiraFlavour) {
    if let Some(summary) = fields.get("summary").map(|summary| summary.as_str().unwrap()) {
        assert!((1..=255).contains(&summary.encode_utf16().count()) && !summary.contains(['\n', '\r']), "{summary}");
    }
    for label in fields.get("labels").and_then(Value::as_array).into_iter().flatten() {
        let label = label.as_str().unwrap();
        assert!((1..=255).contains(&label.len()) && !label.contains(' '), "{label}");
    }
    if let Some(description) = fields.get("description") {
        text(description, flavour);
    }
}

/// A text of a bounded length, in the right form.
pub(super) fn text(value: &Value, flavour: JiraFlavour) {
    match flavour {
        JiraFlavour::Cloud => {
            assert_eq!((value["type"].as_str(), value["version"].as_u64()), (Some("doc"), Some(1)));
            assert!(value.to_string().encode_utf16().count() <= 32_767);
            children(value, &["paragraph", "bulletList", "table", "codeBlock"], true);
        }
        JiraFlavour::DataCenter => assert!((1..=32_767).contains(&value.as_str().unwrap().encode_utf16().count())),
    }
}

fn children(node: &Value, kinds: &[&str], may_be_empty: bool) {
    let content = node["content"].as_array().unwrap();
    assert!(may_be_empty || !content.is_empty(), "{node}");
    for child in content {
        let kind = child["type"].as_str().unwrap();
        assert!(kinds.contains(&kind), "{kind} in {node}");
        match kind {
            "paragraph" | "codeBlock" => children(child, &["text"], true),
            "bulletList" => children(child, &["listItem"], false),
            "table" => children(child, &["tableRow"], false),
            "tableRow" => children(child, &["tableHeader", "tableCell"], false),
            "listItem" | "tableHeader" | "tableCell" => children(child, &["paragraph"], false),
            "text" => {
                assert!(!child["text"].as_str().unwrap().is_empty(), "an empty text is refused");
                for mark in child["marks"].as_array().into_iter().flatten() {
                    assert!(mark["type"] == "link" && mark["attrs"]["href"].as_str().unwrap().starts_with("https://"));
                }
            }
            _ => panic!("{kind}"),
        }
    }
}
