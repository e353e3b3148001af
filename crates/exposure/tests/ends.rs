//! The ends of exemptions: the instants at which a verdict may change although nothing was changed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;

use exposure::{Exemptions, IngressRule, Policy, PrefixLists, SecurityGroup, Traffic, Verdict, assess, end_by_tag};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

const ACCOUNT: &str = "111122223333";
const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";
const TAG: &str = "PortcullisExempt";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn exemptions(entries: &[Value]) -> Exemptions {
    Exemptions::from_json(&json!({"version": 1, "exemptions": entries}).to_string()).unwrap()
}

/// A group that is open on 22 and on 3389.
fn group(tag: Option<&str>) -> SecurityGroup {
    let rule = |port| IngressRule::new(Traffic::parse("tcp", Some(port), Some(port)), "0.0.0.0/0".into());
    SecurityGroup {
        id: GROUP.into(),
        name: Some("web".into()),
        vpc_id: Some("vpc-0a1b2c3d".into()),
        owner_id: Some(ACCOUNT.into()),
        ingress: vec![rule(22), rule(3389)],
        tags: tag.map(|value| (TAG.to_owned(), value.to_owned())).into_iter().collect(),
        ..SecurityGroup::default()
    }
}

fn verdict(exemptions: &Exemptions, group: &SecurityGroup, now: Timestamp) -> Verdict {
    let mut policy = Policy::new("22,3389".parse().unwrap());
    policy.exemption_tag_key = Some(TAG.to_owned());
    assess(group, &policy, exemptions, &PrefixLists::default(), now).verdict()
}

/// What concerns no group of the account has no end there.
#[rstest]
#[case::of_a_day(json!({"securityGroupId": GROUP, "expires": "2026-12-31"}), Some("2027-01-01T00:00:00Z"))]
#[case::of_an_instant(json!({"securityGroupId": GROUP, "expires": "2026-12-31T14:00:00+02:00"}), Some("2026-12-31T12:00:00Z"))]
#[case::by_name(json!({"vpcId": "vpc-0a1b2c3d", "groupName": "web", "expires": "2026-12-31"}), Some("2027-01-01T00:00:00Z"))]
#[case::of_this_account(json!({"securityGroupId": GROUP, "accountId": ACCOUNT, "expires": "2026-12-31"}), Some("2027-01-01T00:00:00Z"))]
#[case::of_another_account(json!({"securityGroupId": GROUP, "accountId": "444455556666", "expires": "2026-12-31"}), None)]
#[case::of_a_template(json!({"resource": "Bastion", "expires": "2026-12-31"}), None)]
fn an_exemption_has_an_end(#[case] mut entry: Value, #[case] expected: Option<&str>) {
    entry["reason"] = "r".into();
    assert_eq!(
        exemptions(&[entry]).ends(ACCOUNT).collect::<Vec<_>>(),
        expected.map(at).into_iter().collect::<Vec<_>>()
    );
}

#[test]
fn a_whitelist_of_hammer_never_ends() {
    let exemptions = Exemptions::from_json(&json!({ACCOUNT: [GROUP]}).to_string()).unwrap();
    assert_eq!(exemptions.ends(ACCOUNT).next(), None);
}

#[rstest]
#[case::dated(Some("2026-12-31 moving to a VPN"), Some("2027-01-01T00:00:00Z"))]
#[case::timed(Some("2026-12-31T12:00:00Z"), Some("2026-12-31T12:00:00Z"))]
#[case::for_ever(Some("moving to a VPN"), None)]
#[case::malformed(Some("2026-13-01"), None)]
#[case::no_tag(None, None)]
fn a_tag_may_have_an_end(#[case] tag: Option<&str>, #[case] expected: Option<&str>) {
    assert_eq!(end_by_tag(&group(tag), TAG), expected.map(at));
}

fn entry() -> impl Strategy<Value = Value> {
    let selector = prop_oneof![
        Just(json!({"securityGroupId": GROUP})),
        Just(json!({"vpcId": "vpc-0a1b2c3d", "groupName": "web"})),
        Just(json!({"securityGroupId": "sg-0bbbbbbbbbbbbbbbb"})),
    ];
    let account = prop_oneof![Just(None), Just(Some(ACCOUNT)), Just(Some("444455556666"))];
    let ports = prop_oneof![Just(None), Just(Some("22")), Just(Some("3389"))];
    (selector, account, ports, 0i64..40).prop_map(|(mut entry, account, ports, minute)| {
        entry["reason"] = "r".into();
        entry["expires"] = (at("2026-12-01T00:00:00Z") + SignedDuration::from_mins(minute)).to_string().into();
        entry["accountId"] = account.into();
        entry["ports"] = ports.into();
        entry
    })
}

proptest! {
    /// Between two times without an end in between, the verdict stays, and so an evaluation at each end is enough.
    #[test]
    fn a_verdict_changes_at_an_end_only(
        entries in prop::collection::vec(entry(), 0..5),
        tag in prop::option::of(0i64..40),
        seconds in prop::collection::btree_set(0i64..2500, 2..6),
    ) {
        let start = at("2026-12-01T00:00:00Z");
        let tag = tag.map(|minute| (start + SignedDuration::from_mins(minute)).to_string());
        let (exemptions, group) = (exemptions(&entries), group(tag.as_deref()));
        let ends: BTreeSet<Timestamp> = exemptions.ends(ACCOUNT).chain(end_by_tag(&group, TAG)).collect();
        let times: Vec<Timestamp> = seconds.into_iter().map(|second| start + SignedDuration::from_secs(second)).collect();
        for pair in times.windows(2) {
            let (before, after) = (pair[0], pair[1]);
            if !ends.iter().any(|end| before < *end && *end <= after) {
                prop_assert_eq!(verdict(&exemptions, &group, before), verdict(&exemptions, &group, after));
            }
        }
    }
}
