//! Examples of plans and restorations. Their general properties are in `properties.rs`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use exposure::{
    ClosingRecord, Exemptions, IngressRule, Plan, Policy, PrefixList, PrefixLists, Replacement, SecurityGroup, Source,
    Strategy, Traffic, Undo, assess, plan,
};
use ipnetwork::IpNetwork;
use jiff::Timestamp;
use rstest::rstest;

fn rule(protocol: &str, ports: Option<i64>, source: &str) -> IngressRule {
    IngressRule { id: Some("sgr-0a".into()), ..IngressRule::new(Traffic::parse(protocol, ports, ports), source.into()) }
}

/// Returns the plan that closes TCP 22 of a group with this rule.
fn planned(rule: IngressRule, strategy: &Strategy, lists: &PrefixLists) -> Plan {
    let group = SecurityGroup { id: "sg-0aaaaaaaaaaaaaaaa".into(), ingress: vec![rule], ..SecurityGroup::default() };
    let policy = Policy::new("tcp/22".parse().unwrap());
    let assessment = assess(&group, &policy, &Exemptions::default(), lists, Timestamp::UNIX_EPOCH);
    plan(&group, &assessment, strategy, lists)
}

/// Formats each rule as `traffic from source`.
fn texts(rules: &[IngressRule]) -> Vec<String> {
    rules.iter().map(|rule| format!("{} from {}", rule.traffic, rule.source)).collect()
}

/// A prefix list has the families of its entries, and is replaced by sources of these families only.
#[rstest]
#[case::ipv4(&["0.0.0.0/0"], &["tcp/22 from 10.0.0.0/8", "tcp/22 from 172.16.0.0/12", "tcp/22 from 192.168.0.0/16"], "icmp")]
#[case::ipv6(&["::/0"], &["tcp/22 from fc00::/7"], "icmpv6")]
fn a_prefix_list_is_replaced_within_its_families(
    #[case] cidrs: &[&str],
    #[case] expected: &[&str],
    #[case] ping: &str,
) {
    let entries = cidrs.iter().map(|cidr| cidr.parse::<IpNetwork>().unwrap()).collect();
    let lists = PrefixLists::from_iter([("pl-0f00ba4".to_owned(), PrefixList::Entries(entries))]);
    let replace = Strategy::Replace(Replacement::default());
    assert_eq!(texts(&planned(rule("tcp", Some(22), "pl-0f00ba4"), &replace, &lists).authorize), expected);

    let carved = planned(rule("-1", None, "pl-0f00ba4"), &Strategy::Carve, &lists);
    let all_but_ssh = ["tcp/0-21", "tcp/23-65535", "udp/0-65535", ping].map(|kept| format!("{kept} from pl-0f00ba4"));
    assert_eq!(texts(&carved.authorize), all_but_ssh);
}

/// A restoration is empty if no rule is missing and no rule of the closing is left. A restored rule has no id yet.
#[test]
fn a_restoration_is_empty_if_nothing_is_missing_or_added() {
    let (before, added) = (rule("tcp", Some(22), "0.0.0.0/0"), rule("tcp", Some(22), "10.0.0.0/8"));
    let stranger = rule("tcp", Some(443), "0.0.0.0/0");

    let undo = |before: &[IngressRule], taken: &[IngressRule], replacements: &[IngressRule]| {
        let (before, taken, replacements) = (before.to_vec(), taken.to_vec(), replacements.to_vec());
        Undo::from_iter([ClosingRecord { before, taken, replacements, payments: Vec::new() }])
    };
    let missing = undo(std::slice::from_ref(&before), std::slice::from_ref(&before), &[]).restoration(&[]);
    assert!(!missing.is_empty());
    assert_eq!(missing.authorize, [IngressRule { id: None, ..before.clone() }]);

    let superfluous = undo(&[], &[], std::slice::from_ref(&added)).restoration(std::slice::from_ref(&added));
    assert!(!superfluous.is_empty());
    assert_eq!(superfluous.revoke, [added]);

    let live = [before.clone(), stranger];
    assert!(undo(std::slice::from_ref(&before), std::slice::from_ref(&before), &[]).restoration(&live).is_empty());
}

/// References to a group are equal whether or not they name its account: configuration items name it, and rules within
/// one account may omit it.
#[rstest]
#[case("sg-0bbbbbbbbbbbbbbbb", Some("111122223333"), true)]
#[case("sg-0bbbbbbbbbbbbbbbb", None, true)]
#[case("sg-0cccccccccccccccc", None, false)]
fn references_to_a_group_are_equal_with_and_without_its_account(
    #[case] id: &str,
    #[case] account_id: Option<&str>,
    #[case] expected: bool,
) {
    let reference = rule("tcp", Some(22), "sg-0bbbbbbbbbbbbbbbb");
    let source = Source::SecurityGroup { id: id.to_owned(), account_id: account_id.map(str::to_owned) };
    assert_eq!(reference.admits_the_same_as(&IngressRule { source, ..reference.clone() }), expected);
}
