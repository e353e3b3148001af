//! The routing document, its schema and its page; owners; where findings are sent.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod documents;
mod owners;
mod properties;
mod stories;
mod subjects;

use std::collections::BTreeMap;

use findings::Severity;
use findings::finding::State;
use routing::{Document, Resolution, Subject, resolve};

/// A finding without owner: SSH open on a group in account 111122223333.
fn subject() -> Subject {
    Subject {
        account: "111122223333".into(),
        region: "eu-west-1".into(),
        rule: "portcullis".into(),
        group_name: Some("web".into()),
        vpc_id: Some("vpc-0a1b2c3d".into()),
        tags: BTreeMap::new(),
        instances: Vec::new(),
        opener: None,
        severity: Severity::High,
        ports: "tcp/22".parse().unwrap(),
        state: State::Open,
        parked: false,
        contested: false,
        muted: false,
    }
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn document(text: &str) -> Document {
    text.parse().unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Deliveries as `channel` or `channel → recipient`.
fn sent(resolution: &Resolution) -> Vec<String> {
    let deliveries = resolution.deliveries.iter();
    deliveries
        .map(|delivery| match &delivery.recipient {
            Some(recipient) => format!("{} → {}", delivery.channel, recipient.value),
            None => delivery.channel.clone(),
        })
        .collect()
}

fn sent_of(document: &Document, subject: &Subject) -> Vec<String> {
    sent(&resolve(document, subject))
}
