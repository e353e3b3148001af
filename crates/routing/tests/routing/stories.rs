//! Findings and who hears of them.

use findings::Severity;
use findings::finding::State;
use routing::{Document, Outcome, OwnerSource, Subject, Ticket, Timing, Why, resolve};
use rstest::rstest;

use crate::{document, sent, sent_of, subject, tags};

const CHANNELS: &str = r##"
    "payments": {"kind": "slack", "token": "ssm:/slack/token", "channel": "#payments"},
    "web": {"kind": "slack", "token": "ssm:/slack/token", "channel": "#web"},
    "security": {"kind": "slack", "token": "ssm:/slack/token", "channel": "#security"},
    "hook": {"kind": "slack", "webhook": "ssm:/slack/hook"},
    "teams": {"kind": "teams", "webhook": "ssm:/teams"},
    "tickets": {"kind": "jira", "flavour": "cloud", "url": "https://example.atlassian.net/", "secret": "ssm:/jira",
        "project": "SEC", "parent": "SEC-1", "priorities": {"critical": "Highest", "high": "High"}},
    "pager": {"kind": "pagerduty", "routingKey": "secretsmanager:pager", "minSeverity": "high"}
"##;

/// A document with the channels above, all of them default channels unless `rest` says otherwise.
fn with(rest: &str) -> Document {
    document(&format!(r#"{{"version": 1, "channels": {{{CHANNELS}}}, {rest}}}"#))
}

#[test]
fn two_teams_are_told_apart_by_a_tag() {
    let document = with(
        r#""defaultChannels": ["security"], "routes": [
            {"match": {"tags": {"team": ["payments", "billing-*"]}}, "channels": ["payments"]},
            {"match": {"tags": {"team": "web"}}, "channels": ["web"]}
        ]"#,
    );
    let of_team = |team: &str| sent_of(&document, &Subject { tags: tags(&[("team", team)]), ..subject() });
    assert_eq!(of_team("payments"), ["payments → #payments"]);
    assert_eq!(of_team("billing-eu"), ["payments → #payments"]);
    assert_eq!(of_team("web"), ["web → #web"]);
    assert_eq!(of_team("Web"), ["security → #security"]);
    assert_eq!(sent_of(&document, &subject()), ["security → #security"]);
}

#[test]
fn ssh_pages_at_once_and_the_rest_waits_for_the_summary() {
    let document = with(
        r#""routes": [
            {"name": "ssh", "match": {"ports": "22, tcp/3389"}, "channels": ["pager", "security"], "immediate": true},
            {"name": "rest", "channels": ["security"], "digest": true}
        ]"#,
    );
    let ssh = resolve(&document, &subject());
    assert_eq!(sent(&ssh), ["pager", "security → #security"]);
    assert!(ssh.deliveries.iter().all(|delivery| delivery.timing == Timing::Immediate));
    assert_eq!(ssh.deliveries[0].why, Why::Route("routes[0] `ssh`".into()));

    let ftp = resolve(&document, &Subject { ports: "tcp/21".parse().unwrap(), ..subject() });
    assert_eq!(sent(&ftp), ["security → #security"]);
    assert_eq!(ftp.deliveries[0].timing, Timing::Digest);
    assert_eq!(ftp.deliveries[0].why, Why::Route("routes[1] `rest`".into()));

    // Not worth a page, but the message is sent all the same.
    let low = resolve(&document, &Subject { severity: Severity::Low, ..subject() });
    assert_eq!(sent(&low), ["security → #security"]);
}

#[rstest]
#[case::first_match_wins(r#"{"channels": ["web"]}, {"channels": ["security"]}"#, &["web → #web"])]
#[case::continued(r#"{"channels": ["web"], "continue": true}, {"channels": ["security"]}"#, &["web → #web", "security → #security"])]
#[case::each_once(r#"{"channels": ["web"], "continue": true}, {"channels": ["web"]}"#, &["web → #web"])]
#[case::dropped(r#"{"match": {"groupNames": "w*b"}, "channels": []}, {"channels": ["security"]}"#, &[])]
#[case::no_match(r#"{"match": {"accounts": "999988887777"}, "channels": ["web"]}"#, &["hook"])]
#[case::every_condition(r#"{"match": {"accounts": "111122223333", "regions": "us-*"}, "channels": ["web"]}"#, &["hook"])]
#[case::declined_by_severity(
    r#"{"match": {"vpcs": "vpc-0a1b2c3d", "rules": "portc*", "states": ["open"]}, "channels": ["pager"]}"#,
    &["hook"]
)]
fn routes_are_tried_in_order(#[case] routes: &str, #[case] expected: &[&str]) {
    let document = with(&format!(r#""defaultChannels": ["hook"], "routes": [{routes}]"#));
    assert_eq!(sent_of(&document, &Subject { severity: Severity::Medium, ..subject() }), expected);
}

/// The first route that names a channel says what is sent; the most urgent one says when.
#[rstest]
#[case::later("", r#", "immediate": true"#)]
#[case::earlier(r#", "immediate": true"#, "")]
fn two_routes_to_one_channel_are_one_delivery(#[case] first: &str, #[case] second: &str) {
    let document = with(&format!(
        r#""routes": [
            {{"channels": ["tickets"], "priority": "Blocker", "continue": true{first}}},
            {{"channels": ["tickets"], "priority": "Minor"{second}}}
        ]"#
    ));
    let resolution = resolve(&document, &subject());
    let [delivery] = resolution.deliveries.as_slice() else { panic!("{resolution:?}") };
    assert_eq!(delivery.timing, Timing::Immediate);
    assert_eq!(delivery.ticket.as_ref().unwrap().priority.as_deref(), Some("Blocker"));
}

/// A default assignee has a ticket to read, and no message.
#[test]
fn a_default_assignee_is_mentioned_nowhere() {
    let document =
        with(r#""routes": [{"channels": ["web", "hook", "teams", "tickets"], "assignee": "jane@example.com"}]"#);
    let resolution = resolve(&document, &subject());
    assert_eq!(sent(&resolution), ["web → #web", "hook", "teams", "tickets"]);
    assert!(resolution.deliveries.iter().all(|delivery| delivery.mentions.is_empty()), "{resolution:?}");
    assert_eq!(assignee(resolution.deliveries[3].ticket.as_ref()), Some("jane@example.com"));
}

#[rstest]
#[case::muted(Subject { muted: true, ..subject() }, Outcome::Muted)]
#[case::exempt(Subject { state: State::Exempt, ..subject() }, Outcome::Exempt)]
#[case::never_open(Subject { state: State::NeverOpen, muted: true, ..subject() }, Outcome::NeverOpen)]
#[case::parked(Subject { parked: true, ..subject() }, Outcome::Sent)]
#[case::closed(Subject { state: State::Closed, ..subject() }, Outcome::Sent)]
fn what_is_muted_or_exempt_is_not_sent(#[case] subject: Subject, #[case] outcome: Outcome) {
    let resolution = resolve(&with(r#""defaultChannels": ["security", "pager"]"#), &subject);
    assert_eq!(resolution.outcome, outcome);
    assert_eq!(resolution.deliveries.is_empty(), outcome != Outcome::Sent);
}

/// Conditions, and whether the finding of [`subject`] with the tag `team=web` meets them.
#[rstest]
#[case("{}", true)]
#[case(r#"{"accounts": ["222233334444", "111122223333"]}"#, true)]
#[case(r#"{"accounts": "222233334444"}"#, false)]
#[case(r#"{"regions": ["us-*", "eu-west-1"]}"#, true)]
#[case(r#"{"regions": "eu-west-*2"}"#, false)]
#[case(r#"{"rules": "portcullis"}"#, true)]
#[case(r#"{"rules": "Portcullis"}"#, false)]
#[case(r#"{"groupNames": ["db*", "w*"]}"#, true)]
#[case(r#"{"groupNames": "web-*"}"#, false)]
#[case(r#"{"vpcs": "vpc-0a1b2c3d"}"#, true)]
#[case(r#"{"vpcs": "vpc-0a1b2c"}"#, false)]
#[case(r#"{"tags": {"team": ["db", "web"]}}"#, true)]
#[case(r#"{"tags": {"team": "*"}}"#, true)]
#[case(r#"{"tags": {"team": "web", "stage": "*"}}"#, false)]
#[case(r#"{"tags": {"Team": "web"}}"#, false)]
#[case(r#"{"ports": "20-25"}"#, true)]
#[case(r#"{"ports": "udp/22, tcp/23"}"#, false)]
#[case(r#"{"minSeverity": "high"}"#, true)]
#[case(r#"{"minSeverity": "medium"}"#, true)]
#[case(r#"{"minSeverity": "critical"}"#, false)]
#[case(r#"{"severities": ["high", "low"]}"#, true)]
#[case(r#"{"severities": ["critical", "medium"]}"#, false)]
#[case(r#"{"states": ["open", "parked"]}"#, true)]
#[case(r#"{"states": "closed"}"#, false)]
fn a_finding_meets_every_condition(#[case] conditions: &str, #[case] meets: bool) {
    let document = with(&format!(r#""routes": [{{"match": {conditions}, "channels": ["web"]}}]"#));
    let web = Subject { tags: tags(&[("team", "web")]), ..subject() };
    assert_eq!(document.routes[0].r#match.matches(&web), meets);
}

/// Several words may hold for a finding: a parked one is open, and one that is closed yet again is contested.
#[rstest]
#[case::open(&["open"], subject())]
#[case::closed(&["closed"], Subject { state: State::Closed, ..subject() })]
#[case::parked(&["open", "parked"], Subject { parked: true, ..subject() })]
#[case::contested(&["closed", "contested"], Subject { state: State::Closed, contested: true, ..subject() })]
fn a_finding_meets_every_word_for_its_state(#[case] words: &[&str], #[case] subject: Subject) {
    for word in ["open", "closed", "parked", "contested"] {
        let document = with(&format!(r#""routes": [{{"match": {{"states": "{word}"}}, "channels": ["web"]}}]"#));
        assert_eq!(document.routes[0].r#match.matches(&subject), words.contains(&word), "{word}");
    }
}

/// What is not known of a group is not taken for granted.
#[rstest]
#[case(r#"{"groupNames": "*"}"#)]
#[case(r#"{"vpcs": "vpc-0a1b2c3d"}"#)]
#[case(r#"{"ports": "0-65535"}"#)]
fn what_is_not_known_meets_no_condition(#[case] conditions: &str) {
    let document = with(&format!(r#""routes": [{{"match": {conditions}, "channels": ["web"]}}]"#));
    let unknown = Subject { group_name: None, vpc_id: None, ports: exposure::PortSet::default(), ..subject() };
    assert!(!document.routes[0].r#match.matches(&unknown));
}

/// The form in which a program shows what would be sent to whom.
#[test]
fn a_delivery_is_shown_in_json() {
    let document = with(r#""routes": [{"name": "all", "channels": ["web", "tickets"], "owner": "jane@example.com"}]"#);
    let resolution = serde_json::to_value(resolve(&document, &subject())).unwrap();
    let jane = serde_json::json!({"value": "jane@example.com", "kind": "email"});
    assert_eq!(resolution["outcome"], "sent");
    assert_eq!(
        resolution["deliveries"][1],
        serde_json::json!({"channel": "web", "kind": "slack", "recipient": jane, "mentions": [], "ticket": null,
            "timing": "normal", "why": {"route": "routes[0] `all`"}})
    );
    assert_eq!(
        resolution["deliveries"][2],
        serde_json::json!({"channel": "tickets", "kind": "jira", "recipient": null, "mentions": [],
            "ticket": {"project": "SEC", "assignee": jane, "defaultAssignee": jane, "priority": "High", "parent": "SEC-1"},
            "timing": "normal", "why": {"route": "routes[0] `all`"}})
    );
    assert_eq!(
        resolution["ownership"]["owners"],
        serde_json::json!([{"value": "jane@example.com", "kind": "email", "from": "routeDefault", "chat": [jane],
            "ticket": jane, "email": jane}])
    );
}

#[test]
fn what_becomes_of_a_finding_is_said() {
    let low = Subject { severity: Severity::Low, ..subject() };
    assert_eq!(resolve(&with(r#""routes": [{"channels": ["pager"]}]"#), &low).outcome, Outcome::Unrouted);
    assert_eq!(resolve(&Document::default(), &subject()).outcome, Outcome::Unrouted);
    assert_eq!(resolve(&with(r#""routes": [{"channels": []}]"#), &subject()).outcome, Outcome::Dropped);
}

/// As in Hammer: the owner replaces the assignee, and is added to the chat.
#[test]
fn an_owner_gets_the_ticket_and_a_message_beside_the_default_owner() {
    let document = with(
        r##""defaultChannels": ["security", "hook", "teams", "tickets"], "owners": {
            "accounts": {"111122223333": ["#platform", "ops@example.com"]},
            "aliases": {"Payments Team": {"email": "pay@example.com", "slack": ["#pay", "@ana"], "jira": "ana.li"}}
        }"##,
    );
    let unowned = resolve(&document, &subject());
    assert_eq!(
        sent(&unowned),
        ["security → #security", "security → #platform", "security → ops@example.com", "hook", "teams", "tickets"]
    );
    assert_eq!(assignee(unowned.deliveries.last().unwrap().ticket.as_ref()), Some("ops@example.com"));

    let owned = resolve(&document, &Subject { tags: tags(&[("Owner", " payments team ")]), ..subject() });
    assert_eq!(
        sent(&owned),
        [
            "security → #security",
            "security → #platform",
            "security → ops@example.com",
            "security → #pay",
            "security → @ana",
            "hook",
            "teams",
            "tickets"
        ]
    );
    let mentions = |channel: &str| {
        let delivery = owned.deliveries.iter().find(|delivery| delivery.channel == channel).unwrap();
        delivery.mentions.iter().map(|address| address.value.as_str()).collect::<Vec<_>>()
    };
    assert_eq!((mentions("hook"), mentions("teams")), (vec!["@ana"], vec!["pay@example.com"]));
    let ticket = owned.deliveries.last().unwrap().ticket.clone().unwrap();
    assert_eq!(ticket.assignee.unwrap().value, "ana.li");
    assert_eq!(ticket.default_assignee.unwrap().value, "ops@example.com");
    assert_eq!(
        (ticket.project.as_deref(), ticket.parent.as_deref(), ticket.priority.as_deref()),
        (Some("SEC"), Some("SEC-1"), Some("High"))
    );
}

fn assignee(ticket: Option<&Ticket>) -> Option<&str> {
    Some(ticket?.assignee.as_ref()?.value.as_str())
}

#[rstest]
#[case::nobody(None, Some("lead"))]
#[case::person(Some("jane"), Some("jane"))]
#[case::channel_takes_no_ticket(Some("#jane"), Some("lead"))]
#[case::invalid_tag(Some("@here"), Some("lead"))]
fn the_assignee_of_the_route_is_a_default(#[case] tag: Option<&str>, #[case] expected: Option<&str>) {
    let document = with(r##""routes": [{"channels": ["tickets"], "assignee": "lead", "owner": "#web"}]"##);
    let tags = tag.map(|tag| tags(&[("owner", tag)])).unwrap_or_default();
    let resolution = resolve(&document, &Subject { tags, ..subject() });
    assert_eq!(assignee(resolution.deliveries[0].ticket.as_ref()), expected);
}

/// Hammer's own sample, whose account has 13 digits, beside one that exists.
const HAMMER: &str = r##"{
    "account": {
        "1234567890123": {"jira_project": "AWSCORESEC", "jira_owner": "", "jira_parent_ticket": "AWSSEC-4321",
            "slack_owner": "#hammer-dev"},
        "111122223333": {"jira_project": "PAY", "jira_owner": "pat", "jira_parent_ticket": "", "slack_owner": ["", "bob"]}
    },
    "bu": {"retail": {"slack_owner": "#retail", "product": {"shop": {"jira_owner": "sam"}}}},
    "jira_project": "AWSSEC", "jira_owner": "", "jira_parent_ticket": "AWSSEC-1234", "slack_owner": ["#hammer-dev"]
}"##;

#[rstest]
#[case::account("111122223333", &[], "PAY", Some("pat"), &["#sec", "@bob"])]
#[case::other("222233334444", &[], "AWSSEC", None, &["#sec", "#hammer-dev"])]
#[case::unit("111122223333", &[("bu", "retail")], "PAY", Some("pat"), &["#sec", "#retail"])]
#[case::product("111122223333", &[("bu", "retail"), ("product", "shop")], "PAY", Some("sam"), &["#sec", "#retail"])]
#[case::tag("111122223333", &[("owner", "eve@example.com")], "PAY", Some("eve@example.com"), &["#sec", "@bob", "eve@example.com"])]
#[case::invalid_tag("111122223333", &[("owner", "<!channel>")], "PAY", Some("pat"), &["#sec", "@bob"])]
fn the_file_of_hammer_is_taken_as_it_is(
    #[case] account: &str,
    #[case] pairs: &[(&str, &str)],
    #[case] project: &str,
    #[case] expected_assignee: Option<&str>,
    #[case] chats: &[&str],
) {
    let channels = r##"{"version": 1, "channels": {
        "slack": {"kind": "slack", "token": "ssm:/slack", "channel": "#sec"},
        "jira": {"kind": "jira", "flavour": "dataCenter", "url": "https://jira.example.com", "secret": "ssm:/jira"}
    }, "defaultChannels": ["slack", "jira"], "ticketOwners": HAMMER}"##;
    let document = document(&channels.replace("HAMMER", HAMMER));
    let resolution = resolve(&document, &Subject { account: account.into(), tags: tags(pairs), ..subject() });
    let recipients = resolution.deliveries.iter().filter_map(|delivery| delivery.recipient.as_ref());
    assert_eq!(recipients.map(|recipient| recipient.value.as_str()).collect::<Vec<_>>(), chats);
    let ticket = resolution.deliveries.last().unwrap().ticket.as_ref();
    assert_eq!(assignee(ticket), expected_assignee);
    let ticket = ticket.unwrap();
    assert_eq!((ticket.project.as_deref(), ticket.parent.as_deref()), (Some(project), Some("AWSSEC-1234")));
}

#[test]
fn the_file_of_hammer_alone_knows_owners_and_no_channels() {
    let hammer = document(HAMMER);
    let resolution = resolve(&hammer, &subject());
    assert_eq!(resolution.outcome, Outcome::Unrouted);
    let owners = resolution.ownership.owners.iter().map(|owner| (owner.value.as_str(), owner.from));
    assert_eq!(
        owners.collect::<Vec<_>>(),
        [("bob", OwnerSource::AccountDefault), ("pat", OwnerSource::AccountDefault)]
    );
    let warnings: Vec<String> = hammer.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "has no channels: nothing is sent",
            "`ticketOwners.account.1234567890123`: has 13 digits, and account ids have 12: this entry is never used",
        ]
    );
    let together = with(r#""defaultChannels": ["web", "hook"]"#).with_ticket_owners(hammer.ticket_owners);
    assert_eq!(sent_of(&together, &subject()), ["web → #web", "web → @bob", "hook"]);
    let mentions = &resolve(&together, &subject()).deliveries[2].mentions;
    assert_eq!(mentions.len(), 1, "the assignee is not written to: {mentions:?}");
}
