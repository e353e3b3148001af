//! Owners: which texts are some, and which of several counts.

use std::collections::BTreeMap;

use routing::{Address, AddressError, Document, OwnerKind, OwnerSource, Subject, ownership, resolve};
use rstest::rstest;

use crate::{document, sent_of, subject, tags};

#[rstest]
#[case("Jane.Doe+aws@Example.com", "jane.doe+aws@example.com", OwnerKind::Email)]
#[case("jane@channel.io", "jane@channel.io", OwnerKind::Email)]
#[case(" #Team-A ", "#team-a", OwnerKind::SlackChannel)]
#[case("#équipe", "#équipe", OwnerKind::SlackChannel)]
#[case("#all", "#all", OwnerKind::SlackChannel)]
#[case("C024BE91L", "C024BE91L", OwnerKind::SlackChannel)]
#[case("@Jane", "@jane", OwnerKind::SlackUser)]
#[case("@U024BE7LH", "U024BE7LH", OwnerKind::SlackUser)]
#[case("W012A3CDE", "W012A3CDE", OwnerKind::SlackUser)]
#[case(
    "712020:f58131cb-b67d-43c7-b30d-6b58d40bd077",
    "712020:f58131cb-b67d-43c7-b30d-6b58d40bd077",
    OwnerKind::JiraUser
)]
#[case("5b10a2844c20165700ede21g", "5b10a2844c20165700ede21g", OwnerKind::JiraUser)]
#[case("jane.doe", "jane.doe", OwnerKind::Text)]
#[case("UNIVERSITY", "UNIVERSITY", OwnerKind::Text)]
fn these_are_owners(#[case] text: &str, #[case] value: &str, #[case] kind: OwnerKind) {
    assert_eq!(Address::parse(text), Ok(Address { value: value.into(), kind }));
}

#[rstest]
#[case("", AddressError::Empty)]
#[case(" \t", AddressError::Empty)]
#[case("@channel", AddressError::Everybody)]
#[case("@HERE", AddressError::Everybody)]
#[case(" @everyone ", AddressError::Everybody)]
#[case("everyone", AddressError::Everybody)]
#[case("#channel", AddressError::Everybody)]
#[case("!here", AddressError::Everybody)]
#[case("<!channel>", AddressError::Everybody)]
#[case("<@channel>", AddressError::Everybody)]
#[case("@@channel", AddressError::Everybody)]
#[case("@team", AddressError::Everybody)]
#[case("<!subteam^S012AB3CD>", AddressError::Form)]
#[case("<@U024BE7LH>", AddressError::Form)]
#[case("<!here|x>", AddressError::Form)]
#[case("jane @channel", AddressError::Form)]
#[case("@channel jane", AddressError::Form)]
#[case("jane@example.com @here", AddressError::Form)]
#[case("jane@example.com,joe@example.com", AddressError::Form)]
#[case("jane@localhost", AddressError::Form)]
#[case("jane@-example.com", AddressError::Form)]
#[case("@channel@example.com", AddressError::Form)]
#[case("=cmd|' /C calc'!A0", AddressError::Form)]
#[case("Network Team", AddressError::Form)]
#[case("ja\u{0}ne", AddressError::Form)]
#[case("ja\u{200b}ne", AddressError::Form)]
#[case("jane\nDoe", AddressError::Form)]
#[case("\u{ff20}channel", AddressError::Form)]
#[case("#", AddressError::Form)]
#[case("@", AddressError::Form)]
#[case("12345", AddressError::Form)]
#[case("https://example.com", AddressError::Form)]
fn these_are_none(#[case] text: &str, #[case] error: AddressError) {
    assert_eq!(Address::parse(text), Err(error), "{text:?}");
}

#[test]
fn an_owner_has_at_most_100_characters() {
    let address = format!("{}@example.com", "a".repeat(88));
    assert_eq!(Address::parse(&address).unwrap().kind, OwnerKind::Email);
    assert_eq!(Address::parse(&format!("a{address}")), Err(AddressError::TooLong));
    assert_eq!(Address::parse(&"網".repeat(101)), Err(AddressError::TooLong));
}

fn owned_by(document: &Document, subject: &Subject) -> (Vec<(String, OwnerSource)>, Option<String>) {
    let ownership = ownership(document, subject, None);
    let owners = ownership.owners.into_iter().map(|owner| (owner.value, owner.from)).collect();
    (owners, ownership.assignee.or(ownership.default_assignee).map(|assignee| assignee.value))
}

const DEFAULTS: &str = r#"{"version": 1, "channels": {}, "owners": {"tag": "owner",
    "accounts": {"111122223333": "account@example.com"}, "default": "default@example.com",
    "aliases": {"joe": {"email": "joe@example.com"}}}}"#;

#[rstest]
#[case::group(&[("owner", "gina")], &["instance"], Some("x/opener@example.com"), "111122223333", "gina", OwnerSource::GroupTag)]
#[case::key_in_another_case(&[("OWNER", "gina")], &[], None, "111122223333", "gina", OwnerSource::GroupTag)]
#[case::exact_key_first(&[("OWNER", "other"), ("owner", "gina")], &[], None, "111122223333", "gina", OwnerSource::GroupTag)]
#[case::instance(&[], &["instance"], Some("opener@example.com"), "111122223333", "instance", OwnerSource::InstanceTag)]
#[case::empty_tag(&[("owner", " ")], &[""], None, "111122223333", "account@example.com", OwnerSource::AccountDefault)]
#[case::invalid_group_tag(&[("owner", "@here")], &["instance"], None, "111122223333", "instance", OwnerSource::InstanceTag)]
#[case::opener(&[], &[], Some("AWSReservedSSO_Admin/Opener@example.com"), "111122223333", "opener@example.com", OwnerSource::Opener)]
#[case::known_opener(&[], &[], Some("joe"), "111122223333", "joe", OwnerSource::Opener)]
#[case::machine(&[], &[], Some("i-0a1b2c3d"), "111122223333", "account@example.com", OwnerSource::AccountDefault)]
#[case::other_account(&[], &[], None, "222233334444", "default@example.com", OwnerSource::Default)]
fn the_nearest_owner_counts(
    #[case] pairs: &[(&str, &str)],
    #[case] instances: &[&str],
    #[case] opener: Option<&str>,
    #[case] account: &str,
    #[case] expected: &str,
    #[case] from: OwnerSource,
) {
    let subject = Subject {
        tags: tags(pairs),
        instances: instances.iter().map(|owner| tags(&[("owner", owner)])).collect(),
        opener: opener.map(str::to_owned),
        account: account.into(),
        ..subject()
    };
    let (owners, _) = owned_by(&document(DEFAULTS), &subject);
    assert_eq!(owners, [(expected.to_owned(), from)]);
    let rejected = ownership(&document(DEFAULTS), &subject, None).rejected;
    assert_eq!(rejected.len(), pairs.iter().filter(|(_, tag)| *tag == "@here").count());
}

fn instances(owners: &[&str]) -> Vec<BTreeMap<String, String>> {
    owners.iter().map(|owner| tags(&[("owner", owner)])).collect()
}

#[rstest]
#[case::most_frequent(&["zoe", "ann", "zoe"], &["ann", "zoe"], "zoe")]
#[case::a_tie_goes_by_order(&["zoe", "ann"], &["ann", "zoe"], "ann")]
#[case::a_channel_gets_no_ticket(&["#ops", "#ops", "ann"], &["#ops", "ann"], "ann")]
#[case::invalid_ones_count_for_nothing(&["@here", "@here", "ann"], &["ann"], "ann")]
fn owners_of_instances(#[case] owners: &[&str], #[case] expected: &[&str], #[case] assignee: &str) {
    let subject = Subject { instances: instances(owners), ..subject() };
    let (found, ticket) = owned_by(&Document::default(), &subject);
    assert_eq!(found.iter().map(|(owner, _)| owner.as_str()).collect::<Vec<_>>(), expected);
    assert_eq!(ticket.as_deref(), Some(assignee));
}

#[test]
fn many_owners_do_not_flood_a_chat() {
    let names: Vec<String> = (0..1000).map(|number| format!("user{number:04}")).chain(["user0999".into()]).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let found = ownership(&Document::default(), &Subject { instances: instances(&names), ..subject() }, None);
    assert_eq!((found.owners.len(), found.omitted), (20, 980));
    assert_eq!(found.owners.last().unwrap().value, "user0999", "the most frequent one is among them");
    assert_eq!(found.assignee.unwrap().value, "user0999");
}

#[test]
fn an_invalid_tag_is_said() {
    let subject = Subject {
        tags: tags(&[("owner", "<!channel> \u{1b}[2J")]),
        instances: instances(&["@here", "@here", "xoxb-1-2-3"]),
        ..subject()
    };
    let rejected = resolve(&document(DEFAULTS), &subject).ownership.rejected;
    let said: Vec<_> =
        rejected.iter().map(|rejected| (rejected.from, rejected.text.as_str(), rejected.error)).collect();
    assert_eq!(
        said,
        [
            (OwnerSource::GroupTag, "`<!channel> \\u{1b}[2J`", AddressError::Form),
            (OwnerSource::InstanceTag, "`@here`", AddressError::Everybody),
            (OwnerSource::InstanceTag, "the value", AddressError::Form),
        ]
    );
}

#[test]
fn a_hostile_tag_reaches_nobody() {
    let document = document(
        r##"{"version": 1, "channels": {"s": {"kind": "slack", "token": "ssm:/s", "channel": "#s"}}, "defaultChannels": ["s"]}"##,
    );
    for hostile in ["<!channel>", "@here", "!everyone", "#channel", "x\n@channel", "<https://evil.example|#ops>"] {
        assert_eq!(sent_of(&document, &Subject { tags: tags(&[("owner", hostile)]), ..subject() }), ["s → #s"]);
    }
}
