//! Documents that are accepted and refused, by the parser and by the schema; the examples of the page.

use std::fs;
use std::sync::LazyLock;

use jsonschema::Validator;
use routing::{DOCUMENT_MAX, Document};
use rstest::rstest;

use crate::document;

pub(crate) static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema = fs::read_to_string("../../docs/routing.schema.json").unwrap();
    let schema = serde_json::from_str(&schema).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
});

fn complaint(schema: &Validator, text: &str) -> Option<String> {
    match serde_json::from_str(text) {
        Ok(document) => schema.validate(&document).err().map(|error| error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

fn problems(text: &str) -> Vec<String> {
    let error = text.parse::<Document>().err().unwrap_or_else(|| panic!("accepted: {text}"));
    error.problems().iter().map(ToString::to_string).collect()
}

fn warnings(text: &str) -> Vec<String> {
    document(text).warnings().iter().map(ToString::to_string).collect()
}

/// Every kind of channel and every key.
const FULL: &str = r##"{
    "version": 1,
    "channels": {
        "bot": {"kind": "slack", "token": "ssm:/portcullis/slack", "channel": "C0123456789"},
        "hook": {"kind": "slack", "webhook": "secretsmanager:slack/hook"},
        "teams": {"kind": "teams", "webhook": "arn:aws-cn:secretsmanager:cn-north-1:111122223333:secret:teams-AbCdEf"},
        "cloud": {"kind": "jira", "flavour": "cloud", "url": "https://example.atlassian.net", "secret": "ssm:/jira", "project": "SEC",
            "issueType": "Bug", "closeTransition": "Done", "reopenTransition": "To Do", "reopenWithinDays": 0, "parent": "SEC-1",
            "priorities": {"critical": "Highest", "high": "High", "medium": "Medium", "low": "Low"}},
        "dc": {"kind": "jira", "flavour": "dataCenter", "url": "http://localhost:8080/jira/", "secret": "ssm:/jira", "project": "S_2"},
        "pager": {"kind": "pagerduty", "routingKey": "ssm:/pager", "severities": ["critical", "high"]},
        "gov": {"kind": "slack", "token": "ssm:/portcullis/slack", "channel": "#gov", "apiUrl": "https://slack-gov.com/api/"},
        "eu": {"kind": "pagerduty", "routingKey": "ssm:/pager", "eventsUrl": "https://events.eu.pagerduty.com"},
        "topic": {"kind": "sns", "topicArn": "arn:aws:sns:eu-west-1:111122223333:findings.fifo"},
        "post": {"kind": "webhook", "url": "https://example.com:8443/in?team=a", "secret": "ssm:/hmac"},
        "post2": {"kind": "webhook", "url": "ssm:/hook/url", "secret": "ssm:/hmac"},
        "hub": {"kind": "securityHub"}
    },
    "defaultChannels": ["bot", "hub", "post2", "gov", "eu"],
    "routes": [
        {"name": "all conditions", "match": {"accounts": "111122223333", "regions": ["eu-*"], "rules": "portcullis*",
            "groupNames": ["web-*", "*db*"], "vpcs": ["vpc-0a"], "tags": {"team": "*", "stage": ["prod", "pre*"]},
            "ports": "22, tcp/3389, 8000-8100", "minSeverity": "high", "states": ["open", "parked", "contested", "closed"]},
         "channels": ["pager", "cloud"], "owner": ["#ops", "Ana Li"], "assignee": "Ana Li", "priority": "Blocker",
         "continue": true, "immediate": true, "digest": false},
        {"match": {"severities": "low"}, "channels": [], "digest": true},
        {"match": {}, "channels": ["hook", "teams", "dc", "topic", "post"], "owner": "ops@example.com"}
    ],
    "owners": {"tag": "Team Owner", "default": "@ops", "accounts": {"111122223333": ["jane", "5b10a2844c20165700ede21g"]},
        "aliases": {"Ana Li": {"email": "ana@example.com", "slack": "@ana", "jira": "ana"}, "ops": {"slack": ["#ops", "U0123456789"]}}},
    "ticketOwners": {"__comment__": "as in Hammer", "account": {"111122223333": {"slack_owner": ""}, "__comment__": 1},
        "bu": {"retail": {"jira_owner": "pat", "product": {"shop": {"jira_project": "SHOP"}}}}, "slack_owner": ["#a", ""], "jira_owner": null},
    "burst": {"findings": 5, "minutes": 1440},
    "digest": {"at": "23:59"}
}"##;

#[rstest]
#[case::full(FULL)]
#[case::empty(r#"{"version": 1, "channels": {}}"#)]
#[case::hammer(r##"{"jira_project": "SEC", "slack_owner": "#hammer"}"##)]
#[case::hammer_accounts(r#"{"account": {"1234567890123": {}}}"#)]
fn valid_documents_are_accepted_and_written_as_they_are_read(#[case] text: &str) {
    let read = document(text);
    assert_eq!(complaint(&SCHEMA, text), None);
    let written = serde_json::to_string(&read).unwrap();
    assert_eq!(document(&written), read);
    assert_eq!(serde_json::from_str::<Document>(&written).unwrap(), read);
    assert_eq!(complaint(&SCHEMA, &written), None, "{written}");
}

/// PowerShell and some editors write one at the beginning of UTF-8.
#[test]
fn a_byte_order_mark_is_no_part_of_the_document() {
    let text = r#"{"version": 1, "channels": {}}"#;
    assert_eq!(document(&format!("\u{feff}{text}")), document(text));
}

#[test]
fn the_full_document_has_no_warnings() {
    assert_eq!(warnings(FULL), [] as [&str; 0]);
}

/// `channels` with a Slack bot `s`, and more members.
fn with(rest: &str) -> String {
    format!(
        r##"{{"version": 1, "channels": {{"s": {{"kind": "slack", "token": "ssm:/s", "channel": "#s"}}}}, {rest}}}"##
    )
}

/// A document with one channel.
fn channel(text: &str) -> String {
    format!(r#"{{"version": 1, "channels": {{"c": {text}}}}}"#)
}

/// A document with one route, which has these keys besides `channels`.
fn route(keys: &str) -> String {
    with(&format!(r#""routes": [{{"channels": ["s"], {keys}}}]"#))
}

fn jira(keys: &str) -> String {
    channel(&format!(
        r#"{{"kind": "jira", "flavour": "cloud", "url": "https://example.com", "secret": "ssm:/j", "project": "SEC", {keys}}}"#
    ))
}

#[rstest]
#[case::list("[]".into(), "is a list: write an object")]
#[case::empty("{}".into(), "`version` is missing")]
#[case::version(r#"{"version": 2, "chanels": {}}"#.into(), "`version`: is 2, and this release supports version 1 only")]
#[case::version_text(r#"{"version": "1", "channels": {}}"#.into(), "`version`: is a text: write the number 1, without quotation marks")]
#[case::unknown_key(with(r#""rutes": []"#), "`rutes`: is not a known key: did you mean `routes`?")]
#[case::far_key(
    channel(r#"{"kind": "securityHub", "colour": "red"}"#),
    "`channels.c.colour`: is not a known key: known are `kind`"
)]
#[case::odd_key(
    with(r#""a\nb": 1"#),
    "`[\"a\\nb\"]`: is not a known key: known are `version`, `owners`, `ticketOwners`, `channels`, `defaultChannels`, `routes`, `burst`, `digest`"
)]
#[case::schema_key(
    with(r#""$schema": "x""#),
    "`[\"$schema\"]`: is not a known key: known are `version`, `owners`, `ticketOwners`, `channels`, `defaultChannels`, `routes`, `burst`, `digest`"
)]
#[case::null(with(r#""routes": null"#), "`routes`: is null: write a list, or leave the key out")]
#[case::unset_by_a_control_character(
    "{\"jira_parent_ticket\": \"\u{85}\"}".into(),
    "`jira_parent_ticket`: is empty: write a value, or leave the key out"
)]
#[case::owner_with_a_mark(
    route(r##""owner": "#ops>""##),
    "`routes[0].owner`: `#ops>` is not an owner: write an e-mail address, `#channel`, `@user` or a user name, or add an alias \
     for it"
)]
#[case::channel_name(
    r#"{"version": 1, "channels": {"a b": {"kind": "securityHub"}}}"#.into(),
    "`channels[\"a b\"]`: is not the name of a channel: 1 to 64 letters, digits, `.`, `_` and `-`, a letter or digit first"
)]
#[case::kind(channel(r#"{"kind": "slak"}"#), "`channels.c.kind`: `slak` is not known: did you mean `slack`?")]
#[case::no_kind(channel(r#"{"token": "ssm:/x"}"#), "`channels.c`: `kind` is missing")]
#[case::slack_alone(
    channel(r#"{"kind": "slack"}"#),
    "`channels.c`: needs the `token` of a bot and a `channel`, or a `webhook`"
)]
#[case::slack_both(
    channel(r##"{"kind": "slack", "webhook": "ssm:/x", "channel": "#x"}"##),
    "`channels.c.channel`: a webhook posts to its own channel: leave `channel` out, or use the `token` of a bot"
)]
#[case::slack_user(
    channel(r#"{"kind": "slack", "token": "ssm:/x", "channel": "@jane"}"#),
    "`channels.c.channel`: `@jane` is not a channel of Slack, such as `#security` or C0123456789"
)]
#[case::secret(
    channel(r#"{"kind": "teams", "webhook": "https://prod.logic.azure.com/x?sig=SECRET"}"#),
    "`channels.c.webhook`: is not a reference to a secret: write where the secret is kept, `ssm:/path`, `secretsmanager:name` or the ARN of a secret, and never the secret itself"
)]
#[case::secret_as_text(
    jira(r#""issueType": "xoxb-SECRET""#),
    "`channels.c.issueType`: looks like a secret: keep it in Parameter Store or Secrets Manager, and name it here as `ssm:/path`"
)]
#[case::secret_as_key(
    channel(r#"{"kind": "securityHub", "xoxb-SECRET": 1}"#),
    "`channels.c[the value]`: is not a known key: known are `kind`"
)]
#[case::secret_in_url(
    channel(r#"{"kind": "webhook", "url": "https://user:SECRET@example.com", "secret": "ssm:/x"}"#),
    "`channels.c.url`: has a user or a password before the host: remove them, and refer to the secret by its own key"
)]
#[case::http(
    channel(r#"{"kind": "webhook", "url": "http://localhost.example.com", "secret": "ssm:/x"}"#),
    "`channels.c.url`: is not a URL that begins with https://: messages are sent with TLS only"
)]
#[case::url(
    channel(r#"{"kind": "webhook", "url": "https://ex ample.com", "secret": "ssm:/x"}"#),
    "`channels.c.url`: is not a URL such as `https://jira.example.com`"
)]
#[case::url_fragment(
    channel(r#"{"kind": "webhook", "url": "https://example.com/a#b", "secret": "ssm:/x"}"#),
    "`channels.c.url`: is not a URL such as `https://jira.example.com`"
)]
#[case::base_url(
    channel(r#"{"kind": "jira", "flavour": "cloud", "url": "https://example.com/?a=b", "secret": "ssm:/j", "project": "SEC"}"#),
    "`channels.c.url`: has a query: write the base URL, such as `https://jira.example.com`"
)]
#[case::flavour(
    channel(
        r#"{"kind": "jira", "flavour": "server", "url": "https://example.com", "secret": "ssm:/j", "project": "SEC"}"#
    ),
    "`channels.c.flavour`: `server` is not known: known are `cloud`, `dataCenter`"
)]
#[case::days(
    jira(r#""reopenWithinDays": 366"#),
    "`channels.c.reopenWithinDays`: is out of range: write a whole number from 0 to 365"
)]
#[case::negative_days(
    jira(r#""reopenWithinDays": -1"#),
    "`channels.c.reopenWithinDays`: is out of range: write a whole number from 0 to 365"
)]
#[case::parent(jira(r#""parent": "SEC""#), "`channels.c.parent`: `SEC` is not the key of a ticket, such as SEC-12")]
#[case::priority(
    jira(r#""priorities": {"criticl": "P1"}"#),
    "`channels.c.priorities.criticl`: is not a known key: did you mean `critical`?"
)]
#[case::topic(
    channel(r#"{"kind": "sns", "topicArn": "findings"}"#),
    "`channels.c.topicArn`: `findings` is not the ARN of a topic, such as arn:aws:sns:eu-west-1:111122223333:findings"
)]
#[case::two_severities(
    channel(r#"{"kind": "pagerduty", "routingKey": "ssm:/p", "severities": ["low"], "minSeverity": "low"}"#),
    "`channels.c`: has both `severities` and `minSeverity`: keep one of them"
)]
#[case::no_channels(with(r#""routes": [{}]"#), "`routes[0]`: `channels` is missing")]
#[case::account(
    route(r#""match": {"accounts": ["1111"]}"#),
    "`routes[0].match.accounts[0]`: `1111` is not an account id of 12 digits"
)]
#[case::account_number(
    route(r#""match": {"accounts": 111122223333}"#),
    "`routes[0].match.accounts`: is a number: write a text"
)]
#[case::no_values(
    route(r#""match": {"regions": []}"#),
    "`routes[0].match.regions`: is an empty list: write at least one value, or leave the key out"
)]
#[case::region(
    route(r#""match": {"regions": "Ireland"}"#),
    "`routes[0].match.regions`: `Ireland` is not a region, such as eu-west-1 or eu-*"
)]
#[case::api_url(
    channel(r##"{"kind": "slack", "token": "ssm:/t", "channel": "#c", "apiUrl": "http://slack-gov.com/api"}"##),
    "`channels.c.apiUrl`: is not a URL that begins with https://: messages are sent with TLS only"
)]
#[case::api_query(
    channel(r##"{"kind": "slack", "token": "ssm:/t", "channel": "#c", "apiUrl": "https://slack-gov.com/api?a=1"}"##),
    "`channels.c.apiUrl`: has a query: write the base URL, such as `https://jira.example.com`"
)]
#[case::api_of_webhook(
    channel(r#"{"kind": "slack", "webhook": "ssm:/t", "apiUrl": "https://slack-gov.com/api"}"#),
    "`channels.c.apiUrl`: a webhook has its own URL: leave `apiUrl` out, or use the `token` of a bot"
)]
#[case::events_url(
    channel(r#"{"kind": "pagerduty", "routingKey": "ssm:/p", "eventsUrl": "https://u:p@events.eu.pagerduty.com"}"#),
    "`channels.c.eventsUrl`: has a user or a password before the host: remove them, and refer to the secret by its own key"
)]
#[case::events_url_of_slack(
    channel(r##"{"kind": "slack", "token": "ssm:/t", "channel": "#c", "eventsUrl": "https://example.com"}"##),
    "`channels.c.eventsUrl`: is not a known key: known are `kind`, `token`, `webhook`, `channel`, `apiUrl`"
)]
#[case::vpc(
    route(r#""match": {"vpcs": "sg-1"}"#),
    "`routes[0].match.vpcs`: `sg-1` is not of the form vpc-0123456789abcdef0"
)]
#[case::match_key(
    route(r#""match": {"port": "22"}"#),
    "`routes[0].match.port`: is not a known key: did you mean `ports`?"
)]
#[case::ports(
    route(r#""match": {"ports": "ssh"}"#),
    "`routes[0].match.ports`: `ssh` is not a port: write `22`, `8000-8100`, `tcp/22` or `udp/53-54`"
)]
#[case::no_tags(
    route(r#""match": {"tags": {}}"#),
    "`routes[0].match.tags`: names no tag: write a key and a value, or leave `tags` out"
)]
#[case::state(
    route(r#""match": {"states": "opn"}"#),
    "`routes[0].match.states`: `opn` is not known: did you mean `open`?"
)]
#[case::severity(
    route(r#""match": {"minSeverity": "urgent"}"#),
    "`routes[0].match.minSeverity`: `urgent` is not known: known are `critical`, `high`, `medium`, `low`"
)]
#[case::owner(
    route(r#""owner": "@here""#),
    "`routes[0].owner`: `@here` would notify everybody: write an e-mail address, `#channel`, `@user` or a user name"
)]
#[case::assignee(
    route(r##""assignee": "#ops""##),
    "`routes[0].assignee`: `#ops` is of Slack: write a user of Jira or an e-mail address"
)]
#[case::timing(
    route(r#""immediate": true, "digest": true"#),
    "`routes[0]`: is both `immediate` and `digest`: keep one of them"
)]
#[case::flag(route(r#""continue": "yes""#), "`routes[0].continue`: is a text: write true or false")]
#[case::blank(route(r#""name": " ""#), "`routes[0].name`: is empty: write a value, or leave the key out")]
#[case::control(
    route(r#""name": "a\u0007""#),
    "`routes[0].name`: contains control characters or invisible ones: remove them"
)]
#[case::long(route(&format!(r#""priority": "{}""#, "a".repeat(101))), "`routes[0].priority`: is too long: at most 100 characters are possible")]
#[case::alias(
    with(r#""owners": {"aliases": {"x": {}}}"#),
    "`owners.aliases.x`: has no address: write `email`, `slack` or `jira`"
)]
#[case::alias_email(
    with(r#""owners": {"aliases": {"x": {"email": "x"}}}"#),
    "`owners.aliases.x.email`: `x` is not an e-mail address"
)]
#[case::owner_account(
    with(r#""owners": {"accounts": {"1234567890123": "x"}}"#),
    "`owners.accounts.1234567890123`: is not an account id of 12 digits"
)]
#[case::hammer_account(
    r#"{"account": {"production": {"jira_owner": "pat"}}}"#.into(),
    "`account.production`: is not an account id of 12 digits"
)]
#[case::hammer_key(r#"{"jira_project": "SEC", "jira_ownr": "pat"}"#.into(), "`jira_ownr`: is not a known key: did you mean `jira_owner`?")]
#[case::hammer_here(r#"{"slack_owner": ["@here"]}"#.into(), "`slack_owner[0]`: `@here` would notify everybody: write an e-mail address, `#channel`, `@user` or a user name")]
#[case::hammer_jira(
    with(r##""ticketOwners": {"jira_owner": "#ops"}"##),
    "`ticketOwners.jira_owner`: `#ops` is of Slack: write a user of Jira or an e-mail address"
)]
#[case::burst(
    with(r#""burst": {"findings": 0, "minutes": 5}"#),
    "`burst.findings`: is out of range: write a whole number from 1 to 10000"
)]
#[case::half_a_burst(with(r#""burst": {"findings": 9}"#), "`burst`: `minutes` is missing")]
#[case::digest(with(r#""digest": {"at": "8:00"}"#), "`digest.at`: `8:00` is not a time of day, UTC, such as 08:00")]
#[case::no_time(with(r#""digest": {"at": "24:00"}"#), "`digest.at`: `24:00` is not a time of day, UTC, such as 08:00")]
#[case::listed_twice(
    with(r#""defaultChannels": ["s", "s"]"#),
    "`defaultChannels[1]`: `s` is there twice: keep one of them"
)]
fn mistakes_are_named_and_refused_by_the_schema_too(#[case] text: String, #[case] expected: &str) {
    assert_eq!(problems(&text), [expected]);
    assert!(complaint(&SCHEMA, &text).is_some(), "the schema accepts {text}");
    assert!(!expected.contains("SECRET"));
}

/// What no schema can say: duplicate keys, names of other keys, the order of numbers, the difference of `1` and `1.0`.
#[rstest]
#[case::twice(with(r#""routes": [], "routes": []"#), "`routes`: is there twice: keep one of them")]
#[case::channel_twice(
    r#"{"version": 1, "channels": {"c": {"kind": "securityHub"}, "c": {"kind": "securityHub"}}}"#.into(),
    "`channels.c`: is there twice: keep one of them"
)]
#[case::alias_twice(
    with(r#""owners": {"aliases": {"X": {"jira": "a"}, "x": {"jira": "b"}}}"#),
    "`owners.aliases.x`: is there twice, since case does not count: keep one of them"
)]
#[case::reversed(
    route(r#""match": {"ports": "80-22"}"#),
    "`routes[0].match.ports`: `80-22` is reversed: write the lower port first"
)]
#[case::no_such_channel(
    with(r#""defaultChannels": ["t"]"#),
    "`defaultChannels[0]`: there is no channel `t`: did you mean `s`?"
)]
#[case::no_alias(
    route(r#""owner": "Network Team""#),
    "`routes[0].owner`: `Network Team` is not an owner: write an e-mail address, `#channel`, `@user` or a user name, or add an alias for it"
)]
#[case::no_project(
    channel(r#"{"kind": "jira", "flavour": "cloud", "url": "https://example.com", "secret": "ssm:/j"}"#),
    "`channels.c`: `project` is missing"
)]
#[case::no_summary(
    r#"{"version": 1, "channels": {"hub": {"kind": "securityHub"}}, "routes": [{"channels": ["hub"], "digest": true}]}"#.into(),
    "`routes[0]`: `digest` and `hub`: securityHub has no daily summary, so name it in another route"
)]
#[case::fraction(
    with(r#""burst": {"findings": 5.0, "minutes": 5}"#),
    "`burst.findings`: is out of range: write a whole number from 1 to 10000"
)]
fn mistakes_beyond_a_schema_are_named(#[case] text: String, #[case] expected: &str) {
    assert_eq!(problems(&text), [expected]);
    assert_eq!(complaint(&SCHEMA, &text), None, "the schema refuses it after all: move the case to the table above");
}

#[test]
fn every_mistake_is_listed_and_the_first_one_is_the_message() {
    let text = with(r#""routes": [{"channels": ["x"], "match": {"ports": "ssh"}}, {"chanels": []}], "digest": 7"#);
    assert_eq!(
        problems(&text),
        [
            "`routes[0].match.ports`: `ssh` is not a port: write `22`, `8000-8100`, `tcp/22` or `udp/53-54`",
            "`routes[0].channels[0]`: there is no channel `x`: did you mean `s`?",
            "`routes[1]`: `channels` is missing",
            "`routes[1].chanels`: is not a known key: did you mean `channels`?",
            "`digest`: is a number: write an object",
        ]
    );
    let error = text.parse::<Document>().unwrap_err().to_string();
    assert_eq!(
        error,
        "routing document is malformed: `routes[0].match.ports`: `ssh` is not a port: write `22`, `8000-8100`, `tcp/22` or \
         `udp/53-54` (and 4 more mistakes)"
    );
    assert_eq!(
        "{".parse::<Document>().unwrap_err().to_string(),
        "routing document is malformed: is not JSON: EOF while parsing an object at line 1 column 1"
    );
}

/// `count` members of an object or entries of a list.
fn many(count: usize, entry: impl Fn(usize) -> String) -> String {
    (0..count).map(entry).collect::<Vec<_>>().join(",")
}

#[rstest]
#[case::size(" ".repeat(DOCUMENT_MAX + 1), "has more than 524288 bytes, and no more are possible")]
#[case::channels(
    format!(r#"{{"version": 1, "channels": {{{}}}}}"#, many(101, |number| format!(r#""c{number}": {{"kind": "securityHub"}}"#))),
    "`channels`: has 101 entries: at most 100 are possible"
)]
#[case::routes(
    with(&format!(r#""routes": [{}]"#, many(501, |_| r#"{"channels": []}"#.to_owned()))),
    "`routes`: has 501 entries: at most 500 are possible"
)]
#[case::accounts(
    route(&format!(r#""match": {{"accounts": [{}]}}"#, many(1001, |number| format!("\"{number:012}\"")))),
    "`routes[0].match.accounts`: has 1001 entries: at most 1000 are possible"
)]
#[case::owners(
    route(&format!(r#""owner": [{}]"#, many(21, |number| format!("\"user{number}\"")))),
    "`routes[0].owner`: has 21 entries: at most 20 are possible"
)]
fn a_document_has_limits(#[case] text: String, #[case] expected: &str) {
    assert_eq!(problems(&text), [expected]);
    assert!(complaint(&SCHEMA, &text).is_some());
}

#[test]
fn at_most_100_mistakes_are_listed() {
    assert_eq!(problems(&with(&format!(r#""routes": [{}]"#, many(500, |_| "1".to_owned())))).len(), 100);
}

#[rstest]
#[case::unused(
    with(r#""defaultChannels": []"#),
    &[
        "`channels.s`: no route and no `defaultChannels` uses this channel: it hears of nothing",
        "a finding that no route matches is sent nowhere: add `defaultChannels`",
    ]
)]
#[case::covered(
    with(
        r#""defaultChannels": ["s"], "routes": [
            {"name": "SSH", "match": {"ports": "20-25", "regions": ["eu-*", "us-east-1"]}, "channels": ["s"]},
            {"match": {"ports": "tcp/22", "regions": "eu-west-1", "minSeverity": "high"}, "channels": []}
        ]"#
    ),
    &["`routes[1]`: is never reached: routes[0] `SSH` takes all its findings; change their order or set `continue` there"]
)]
#[case::not_covered(
    with(
        r#""defaultChannels": ["s"], "routes": [
            {"match": {"ports": "22", "tags": {"team": "a*"}}, "channels": ["s"]},
            {"match": {"ports": "22-23", "tags": {"team": "ab"}}, "channels": ["s"]},
            {"match": {"ports": "22", "tags": {"team": "*"}}, "channels": ["s"]},
            {"match": {"minSeverity": "high"}, "channels": ["s"]},
            {"match": {"minSeverity": "medium", "accounts": "111122223333"}, "channels": ["s"]},
            {"match": {"accounts": ["111122223333", "222233334444"]}, "channels": ["s"], "continue": true},
            {"match": {"accounts": "222233334444"}, "channels": ["s"]}
        ]"#
    ),
    &[]
)]
#[case::catch_all(with(r#""routes": [{"channels": ["s"]}]"#), &[])]
#[case::after_the_catch_all(
    with(r#""routes": [{"channels": ["s"]}, {"match": {"groupNames": "x"}, "channels": ["s"]}]"#),
    &["`routes[1]`: is never reached: routes[0] takes all its findings; change their order or set `continue` there"]
)]
fn what_is_suspicious_is_a_warning(#[case] text: String, #[case] expected: &[&str]) {
    assert_eq!(warnings(&text), expected);
}

#[test]
fn the_examples_in_the_documentation_are_valid() {
    let page = fs::read_to_string("../../docs/routing.md").unwrap();
    let examples: Vec<_> = page.split("```json\n").skip(1).map(|rest| rest.split_once("\n```").unwrap().0).collect();
    let mut warned = Vec::new();
    for example in examples {
        assert_eq!(complaint(&SCHEMA, example), None, "{example}");
        warned.push(warnings(example).join("; "));
    }
    let account =
        "`ticketOwners.account.1234567890123`: has 13 digits, and account ids have 12: this entry is never used";
    assert_eq!(warned, ["", "", account, "has no channels: nothing is sent"]);
}

/// Who runs the channels has to be allowed to read these, and nothing else.
#[rstest]
#[case(r##"{"kind": "slack", "token": "ssm:/t", "channel": "#c"}"##, &["ssm:/t"])]
#[case(r#"{"kind": "slack", "webhook": "ssm:/w"}"#, &["ssm:/w"])]
#[case(r#"{"kind": "teams", "webhook": "secretsmanager:w"}"#, &["secretsmanager:w"])]
#[case(r#"{"kind": "jira", "flavour": "cloud", "url": "https://a.atlassian.net", "secret": "ssm:/j", "project": "SEC"}"#, &["ssm:/j"])]
#[case(r#"{"kind": "pagerduty", "routingKey": "ssm:/p"}"#, &["ssm:/p"])]
#[case(r#"{"kind": "webhook", "url": "https://example.com/hook", "secret": "ssm:/k"}"#, &["ssm:/k"])]
#[case(r#"{"kind": "webhook", "url": "ssm:/u", "secret": "ssm:/k"}"#, &["ssm:/u", "ssm:/k"])]
#[case(r#"{"kind": "sns", "topicArn": "arn:aws:sns:eu-west-1:111122223333:findings"}"#, &[])]
#[case(r#"{"kind": "securityHub"}"#, &[])]
fn a_channel_says_where_its_secrets_are_kept(#[case] channel: &str, #[case] expected: &[&str]) {
    let document = document(&format!(r#"{{"version": 1, "channels": {{"one": {channel}}}}}"#));
    let secrets: Vec<String> = document.channels["one"].secrets().map(ToString::to_string).collect();
    assert_eq!(secrets, expected);
}

/// Each page of a channel with a whole document; its block may be indented, as a part of a list.
#[test]
fn the_documents_in_the_pages_of_channels_are_valid() {
    let mut found = 0;
    let paths = fs::read_dir("../../docs/channels").unwrap().map(|entry| entry.unwrap().path());
    for path in paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let page = fs::read_to_string(&path).unwrap();
        let blocks = page.split("```json\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
        for example in blocks.filter(|block| block.contains("\"channels\"")) {
            assert_eq!(complaint(&SCHEMA, example), None, "{}: {example}", path.display());
            assert_eq!(warnings(example).join("; "), "", "{}: {example}", path.display());
            found += 1;
        }
    }
    assert!(found >= 2, "{found}");
}
