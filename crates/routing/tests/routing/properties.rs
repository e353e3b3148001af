//! What holds for every document, finding and owner.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use exposure::PortSet;
use findings::Severity;
use findings::finding::State;
use proptest::prelude::*;
use routing::{Address, Document, Match, OwnerKind, Pattern, Route, Subject, resolve};
use serde_json::{Value, json};

use crate::document;

/// Any text, often with parts that mean something to a chat.
fn text() -> impl Strategy<Value = String> {
    let parts = prop_oneof![
        any::<char>().prop_map(String::from),
        proptest::sample::select(vec![
            "@",
            "#",
            "!",
            "<",
            ">",
            "&",
            "|",
            "@channel",
            "here",
            "everyone",
            "<!channel>",
            "<!subteam^S1>",
            "@here",
            "jane",
            "example.com",
            ".",
            "-",
            " ",
            "\n",
            "\u{202e}",
            "U0123456789",
            "C0123456789",
            "\u{ff20}",
        ])
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec(parts, 0..6).prop_map(|parts| parts.concat())
}

fn owner() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        proptest::sample::select(vec!["jane@example.com", "#ops", "@joe", "pat", "ana", "@here"])
            .prop_map(str::to_owned)
    ]
}

fn tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    let key = proptest::sample::select(vec!["owner", "Owner", "team", "bu"]).prop_map(str::to_owned);
    proptest::collection::btree_map(key, owner(), 0..4)
}

fn subject() -> impl Strategy<Value = Subject> {
    let severity = proptest::sample::select(vec![Severity::Critical, Severity::High, Severity::Medium, Severity::Low]);
    let state = (proptest::sample::select(vec![State::Open, State::Closed]), any::<bool>(), any::<bool>());
    let ports = proptest::sample::select(vec!["22", "tcp/443", "0-65535", "udp/53"]);
    let account = proptest::sample::select(vec!["111122223333", "222233334444"]);
    let silent = proptest::bool::weighted(0.1);
    let instances = proptest::collection::vec(tags(), 0..5);
    let opener = proptest::option::of(owner());
    (tags(), instances, opener, severity, state, ports, account, text(), silent).prop_map(
        |(tags, instances, opener, severity, state, ports, account, name, muted)| Subject {
            account: account.into(),
            group_name: Some(name),
            tags,
            instances,
            opener,
            severity,
            state: state.0,
            parked: state.0 == State::Open && state.1,
            contested: state.2,
            ports: ports.parse().unwrap(),
            muted,
            ..crate::subject()
        },
    )
}

fn matching() -> impl Strategy<Value = Value> {
    let keys = proptest::sample::subsequence(
        vec![
            ("accounts", json!("111122223333")),
            ("regions", json!(["eu-*", "us-east-1"])),
            ("groupNames", json!("*a*")),
            ("tags", json!({"team": ["*", "jane"]})),
            ("ports", json!("20-25, udp/53")),
            ("minSeverity", json!("high")),
            ("states", json!(["open", "parked"])),
        ],
        0..=2,
    );
    keys.prop_map(|keys| keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn route() -> impl Strategy<Value = Value> {
    let channels = proptest::sample::subsequence(vec!["bot", "hook", "teams", "jira", "pager", "hub"], 0..=6);
    let chats = ["bot", "hook", "teams"];
    let owner = proptest::sample::subsequence(vec!["#ops", "pat", "Ana Li", "jane@example.com"], 1..=3);
    (matching(), channels, owner, any::<bool>(), 0..3).prop_map(
        move |(matching, mut channels, owner, goes_on, timing)| {
            if timing == 2 {
                channels.retain(|channel| chats.contains(channel));
            }
            json!({"match": matching, "channels": channels, "owner": owner, "continue": goes_on,
            "immediate": timing == 1, "digest": timing == 2, "assignee": "sam"})
        },
    )
}

fn documents() -> impl Strategy<Value = Document> {
    let defaults = proptest::sample::subsequence(vec!["bot", "jira", "hook"], 0..=3);
    (proptest::collection::vec(route(), 0..5), defaults).prop_map(|(routes, defaults)| {
        let text = json!({
            "version": 1,
            "channels": {
                "bot": {"kind": "slack", "token": "ssm:/s", "channel": "#s"},
                "hook": {"kind": "slack", "webhook": "ssm:/s"},
                "teams": {"kind": "teams", "webhook": "ssm:/t"},
                "jira": {"kind": "jira", "flavour": "cloud", "url": "https://example.com", "secret": "ssm:/j", "project": "SEC"},
                "pager": {"kind": "pagerduty", "routingKey": "ssm:/p", "severities": ["critical"]},
                "hub": {"kind": "securityHub"},
            },
            "defaultChannels": defaults,
            "routes": routes,
            "owners": {"default": "#default", "accounts": {"111122223333": "acc"}, "aliases": {"Ana Li": {"email": "ana@example.com"}}},
            "ticketOwners": {"bu": {"pat": {"slack_owner": "#pat"}}, "jira_owner": "lee"},
        });
        document(&text.to_string())
    })
}

/// Whether an address could notify more than one channel or user, or break a message.
fn is_safe(address: &Address) -> bool {
    let Address { value, kind } = address;
    let name = value.trim_start_matches(['@', '#']).to_lowercase();
    value.chars().count() <= 101
        && !value.chars().any(|c| plain_text::is_steering(c) || "<>!&|\"`*~\\ ".contains(c))
        && !["channel", "here", "everyone"].contains(&name.as_str())
        && (value.matches('@').count() == usize::from(*kind == OwnerKind::Email || value.starts_with('@')))
        && (*kind == OwnerKind::Email || !["@channel", "@here", "@everyone"].contains(&value.as_str()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_text_is_an_address_of_many(text in text()) {
        if let Ok(address) = Address::parse(&text) {
            prop_assert!(is_safe(&address), "{address:?}");
            prop_assert_eq!(Address::parse(&address.value), Ok(address.clone()), "an address reads as itself");
            for other in [address.in_chat(), address.in_jira()].into_iter().flatten() {
                prop_assert!(is_safe(&other), "{other:?}");
            }
        }
    }

    #[test]
    fn a_finding_is_resolved_to_the_same_each_time_and_no_recipient_is_many(document in documents(), subject in subject()) {
        let resolution = resolve(&document, &subject);
        prop_assert_eq!(&resolve(&document.clone(), &subject.clone()), &resolution);
        let mut places = Vec::new();
        for delivery in &resolution.deliveries {
            let ticket = delivery.ticket.iter().flat_map(|ticket| [&ticket.assignee, &ticket.default_assignee]).flatten();
            for address in delivery.recipient.iter().chain(&delivery.mentions).chain(ticket) {
                prop_assert!(is_safe(address), "{address:?}");
            }
            prop_assert!(document.channels.contains_key(&delivery.channel));
            let place = (&delivery.channel, &delivery.recipient);
            prop_assert!(!places.contains(&place), "{place:?} twice");
            places.push(place);
        }
        prop_assert!(!subject.muted || resolution.deliveries.is_empty());
    }

    #[test]
    fn a_document_is_written_as_it_is_read(document in documents()) {
        let written = serde_json::to_string(&document).unwrap();
        prop_assert_eq!(serde_json::from_str::<Document>(&written).unwrap(), document);
    }

    #[test]
    fn a_last_route_that_matches_nothing_changes_nothing(document in documents(), subject in subject()) {
        let mut longer = document.clone();
        let nothing = Match { rules: Some(vec![Pattern::new("no-such-rule")]), ..Match::default() };
        longer.routes.push(Route { r#match: nothing, channels: vec!["hub".into()], ..Route::default() });
        prop_assert_eq!(resolve(&longer, &subject), resolve(&document, &subject));
    }

    /// What a warning says of a route is true.
    #[test]
    fn a_route_that_is_covered_is_never_reached(document in documents(), subject in subject()) {
        for warning in document.warnings() {
            let index = warning.place.strip_prefix("routes[").and_then(|rest| rest.strip_suffix(']'));
            let Some(index) = index.and_then(|index| index.parse::<usize>().ok()) else { continue };
            let mut shorter = document.clone();
            shorter.routes.remove(index);
            // The places of later routes move, so compare who is told.
            let told = |document: &Document| crate::sent_of(document, &subject);
            prop_assert_eq!(told(&shorter), told(&document), "{}", warning);
        }
    }

    #[test]
    fn a_match_that_covers_another_matches_what_it_matches(a in matching(), b in matching(), subject in subject()) {
        let read = |matching: Value| {
            let text = json!({"version": 1, "channels": {}, "routes": [{"match": matching, "channels": []}]});
            document(&text.to_string()).routes.remove(0).r#match
        };
        let (a, b) = (read(a), read(b));
        if a.covers(&b) && b.matches(&subject) {
            prop_assert!(a.matches(&subject), "{a:?} {b:?}");
        }
    }

    /// Hostile documents are refused or accepted, and never panic.
    #[test]
    fn no_text_breaks_the_parser(text in text(), key in text(), port in ".{0,8}") {
        let json = json!({
            "version": 1,
            "channels": {(key.clone()): {"kind": text, "token": text, "channel": text, "url": text}},
            "routes": [{"name": text, "match": {"ports": port, "tags": {(key.clone()): text}}, "channels": [text], "owner": text}],
            "owners": {"aliases": {(key.clone()): {"email": text, "slack": text, "jira": text}}},
            "ticketOwners": {"account": {(key): {"slack_owner": text, "jira_owner": text}}},
        });
        if let Err(error) = json.to_string().parse::<Document>() {
            prop_assert!(!error.to_string().contains(char::is_control), "{error}");
        }
        let _ = text.parse::<Document>();
        let _ = port.parse::<PortSet>();
    }

    /// An editor that knows the schema marks no document that is valid.
    #[test]
    fn the_schema_accepts_what_the_parser_accepts(text in near_valid(), place in 0..PLACES.len()) {
        prop_assume!(text.chars().all(is_known_to_both));
        let quoted = Value::from(text).to_string();
        let document = PLACES[place].replace("HERE", &quoted);
        if document.parse::<Document>().is_ok() {
            let read = serde_json::from_str(&document).unwrap();
            prop_assert!(crate::documents::SCHEMA.is_valid(&read), "{document}");
        }
    }
}

/// False for a letter that the regular expressions of the validator do not know yet: their version of Unicode is another one.
fn is_known_to_both(character: char) -> bool {
    static LETTER: LazyLock<jsonschema::Validator> =
        LazyLock::new(|| jsonschema::validator_for(&json!({"pattern": r"^[\p{Alphabetic}\p{N}]$"})).unwrap());
    character.is_ascii() || character.is_alphanumeric() == LETTER.is_valid(&Value::from(character.to_string()))
}

/// Texts that are almost values of a document, or are some.
fn near_valid() -> impl Strategy<Value = String> {
    let parts = proptest::sample::select(vec![
        "ssm:/",
        "secretsmanager:",
        "arn:aws:",
        "arn:aws-cn:",
        "sns:",
        "eu-west-1",
        ":",
        "111122223333",
        "secret:",
        "name",
        ".fifo",
        "https://",
        "http://localhost",
        "http://127.0.0.1",
        "example.com",
        ":8080",
        "/",
        "?a=b",
        "?",
        "#",
        "@",
        "a",
        "é",
        "B",
        "-",
        "_",
        ".",
        "*",
        "SEC",
        "SEC-1",
        "12",
        " ",
        "vpc-0a",
        "tcp/22",
        "80",
        ",",
        "08:30",
        "23:59",
        "C0123456789",
        "U0123456789",
        "jane",
        "here",
        "team",
        "all",
        "critical",
        "712020:f58131cb-b67d-43c7-b30d-6b58d40bd077",
        "5b10a2844c20165700ede21g",
        "+",
        "'",
        "%",
    ]);
    let whole = parts.clone().prop_map(str::to_owned);
    prop_oneof![whole, proptest::collection::vec(parts, 0..5).prop_map(|parts| parts.concat()), text()]
}

const PLACES: [&str; 20] = [
    r#"{"version": 1, "channels": {HERE: {"kind": "securityHub"}}}"#,
    r#"{"version": 1, "channels": {"c": {"kind": "teams", "webhook": HERE}}}"#,
    r#"{"version": 1, "channels": {"c": {"kind": "slack", "token": "ssm:/s", "channel": HERE}}}"#,
    r##"{"version": 1, "channels": {"c": {"kind": "slack", "token": "ssm:/s", "channel": "#c", "apiUrl": HERE}}}"##,
    r#"{"version": 1, "channels": {"c": {"kind": "pagerduty", "routingKey": "ssm:/p", "eventsUrl": HERE}}}"#,
    r#"{"version": 1, "channels": {"c": {"kind": "webhook", "secret": "ssm:/s", "url": HERE}}}"#,
    r#"{"version": 1, "channels": {"c": {"kind": "sns", "topicArn": HERE}}}"#,
    r#"{"version": 1, "channels": {"c": {"kind": "jira", "flavour": "cloud", "secret": "ssm:/s", "project": "SEC", "url": HERE}}}"#,
    r#"{"version": 1, "channels": {"c": {"kind": "jira", "flavour": "cloud", "secret": "ssm:/s", "url": "https://a", "project": HERE}}}"#,
    r#"{"jira_parent_ticket": HERE}"#,
    r#"{"jira_owner": HERE, "slack_owner": ["", "a"]}"#,
    r#"{"slack_owner": HERE, "account": {"__c": 1}}"#,
    r#"{"version": 1, "channels": {}, "routes": [{"name": HERE, "channels": [], "priority": HERE}]}"#,
    r#"{"version": 1, "channels": {}, "routes": [{"owner": HERE, "channels": []}]}"#,
    r#"{"version": 1, "channels": {}, "routes": [{"assignee": HERE, "channels": []}]}"#,
    r#"{"version": 1, "channels": {}, "routes": [{"match": {"groupNames": HERE, "tags": {HERE: HERE}}, "channels": []}]}"#,
    r#"{"version": 1, "channels": {}, "routes": [{"match": {"regions": HERE, "rules": HERE}, "channels": []}]}"#,
    r#"{"version": 1, "channels": {}, "routes": [{"match": {"ports": HERE}, "channels": []}]}"#,
    r#"{"version": 1, "channels": {}, "owners": {"aliases": {HERE: {"slack": HERE}, "x": {"email": "a@b.c"}}, "tag": "o"}}"#,
    r#"{"version": 1, "channels": {}, "owners": {"tag": HERE, "aliases": {"x": {"jira": HERE, "email": "a@b.c"}}}}"#,
];
