//! The semantics of exposures, sentence by sentence: the doc comment of each test is the statement that it checks.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr};

use exposure::{
    AddressSet, Assessment, Cause, Exemptions, Expiry, Family, IngressRule, Policy, PortError, PortSet, PossibleSource,
    PrefixList, PrefixLists, Reach, SecurityGroup, Source, SourceScope, Traffic, Transport, Verdict, assess,
};
use ipnetwork::IpNetwork;
use jiff::Timestamp;
use plain_text::error_chain;
use rstest::rstest;

const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn rule(protocol: &str, ports: (i64, i64), source: &str) -> IngressRule {
    IngressRule::new(Traffic::parse(protocol, Some(ports.0), Some(ports.1)), source.into())
}

fn ssh_from(source: &str) -> IngressRule {
    rule("tcp", (22, 22), source)
}

fn group(ingress: impl IntoIterator<Item = IngressRule>) -> SecurityGroup {
    SecurityGroup {
        id: GROUP.into(),
        name: Some("web".into()),
        vpc_id: Some("vpc-0a1b2c3d".into()),
        owner_id: Some("111122223333".into()),
        ingress: ingress.into_iter().collect(),
        ..SecurityGroup::default()
    }
}

fn policy(ports: &str) -> Policy {
    Policy::new(ports.parse().unwrap())
}

fn public(ports: &str) -> Policy {
    Policy { scope: SourceScope::Public, ..policy(ports) }
}

fn networks<'a>(cidrs: impl IntoIterator<Item = &'a str>) -> AddressSet {
    cidrs.into_iter().map(|cidr| cidr.parse::<IpNetwork>().unwrap()).collect()
}

fn judge<'g>(group: &'g SecurityGroup, policy: &Policy) -> Assessment<'g> {
    assess(group, policy, &Exemptions::default(), &PrefixLists::default(), now())
}

/// Formats each exposure as `port from source`.
fn exposures(assessment: &Assessment<'_>) -> Vec<String> {
    assessment.exposures.iter().map(|exposure| format!("{} from {}", exposure.ports, exposure.rule.source)).collect()
}

fn verdict(rule: IngressRule, policy: &Policy) -> Verdict {
    judge(&group([rule]), policy).verdict()
}

// --- Focus port

/// A focus port is a transport (`tcp` or `udp`) and a port from 0 to 65535. `FocusOnPorts` is a list of `22`,
/// `8000-8100`, `tcp/22` and `udp/53-54`; a port without a transport means both transports; spaces are allowed.
#[rstest]
#[case("22", "tcp/22, udp/22")]
#[case("8000-8100", "tcp/8000-8100, udp/8000-8100")]
#[case("tcp/22", "tcp/22")]
#[case("udp/53-54", "udp/53-54")]
#[case(" 22 , TCP/3389,udp/ 53 - 54 ", "tcp/22, tcp/3389, udp/22, udp/53-54")]
#[case("0", "tcp/0, udp/0")]
#[case("0-65535", "tcp/0-65535, udp/0-65535")]
#[case("22,23,24-30", "tcp/22-30, udp/22-30")]
fn focus_ports_are_parsed(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(text.parse::<PortSet>().unwrap().to_string(), expected);
}

/// An empty list, a reversed range, a port above 65535 and any other text are errors that name the offending token.
#[rstest]
#[case("", PortError::Empty)]
#[case("  ", PortError::Empty)]
#[case("22,,80", PortError::EmptyEntry { list: "22,,80".into() })]
#[case("22,", PortError::EmptyEntry { list: "22,".into() })]
#[case("100-22", PortError::Reversed { token: "100-22".into() })]
#[case("65536", PortError::OutOfRange { token: "65536".into() })]
#[case("80,1-99999999999999999999", PortError::OutOfRange { token: "1-99999999999999999999".into() })]
#[case("ssh", PortError::NotAPort { token: "ssh".into() })]
#[case("22-", PortError::NotAPort { token: "22-".into() })]
#[case("-22", PortError::NotAPort { token: "-22".into() })]
#[case("+22", PortError::NotAPort { token: "+22".into() })]
#[case("22.0", PortError::NotAPort { token: "22.0".into() })]
#[case("٢٢", PortError::NotAPort { token: "٢٢".into() })]
#[case("icmp/8", PortError::NotAPort { token: "icmp/8".into() })]
#[case("tcp/udp/22", PortError::NotAPort { token: "tcp/udp/22".into() })]
fn an_invalid_port_list_is_an_error_that_names_the_token(#[case] text: &str, #[case] expected: PortError) {
    let error = text.parse::<PortSet>().unwrap_err();
    assert_eq!(error, expected);
    if !text.trim().is_empty() {
        assert!(error.to_string().contains('`'), "names the token: {error}");
    }
}

// --- A rule carries a focus port

/// A rule carries a focus port if its protocol is `tcp` or `udp` (or the number 6 or 17) and `from ≤ port ≤ to`.
#[rstest]
#[case("tcp", (22, 22), true)]
#[case("6", (20, 25), true)]
#[case("TCP", (22, 30), true)]
#[case("tcp", (10, 22), true)]
#[case("tcp", (23, 30), false)]
#[case("tcp", (10, 21), false)]
#[case("udp", (22, 22), false)]
#[case("17", (22, 22), false)]
fn tcp_and_udp_rules_carry_the_ports_of_their_range(
    #[case] protocol: &str,
    #[case] ports: (i64, i64),
    #[case] carried: bool,
) {
    let rule = rule(protocol, ports, "0.0.0.0/0");
    assert_eq!(verdict(rule, &policy("tcp/22")) == Verdict::NonCompliant, carried);
}

/// A rule with the protocol `-1` carries every focus port.
#[test]
fn all_traffic_carries_every_focus_port() {
    let all = group([IngressRule::new(Traffic::parse("-1", None, None), "0.0.0.0/0".into())]);
    let assessment = judge(&all, &policy("tcp/22, udp/53"));
    assert_eq!(exposures(&assessment), ["tcp/22, udp/53 from 0.0.0.0/0"]);
    // Ports given with `-1` have no meaning.
    assert_eq!(verdict(rule("-1", (80, 80), "0.0.0.0/0"), &policy("22")), Verdict::NonCompliant);
}

/// Port 0 is a port.
#[test]
fn port_zero_is_a_port() {
    assert_eq!(verdict(rule("tcp", (0, 0), "0.0.0.0/0"), &policy("tcp/0")), Verdict::NonCompliant);
    assert_eq!(verdict(rule("tcp", (0, 65535), "0.0.0.0/0"), &policy("22")), Verdict::NonCompliant);
}

/// ICMP types and codes are not ports.
#[rstest]
#[case("icmp")]
#[case("1")]
#[case("icmpv6")]
#[case("58")]
fn icmp_types_are_not_ports(#[case] protocol: &str) {
    assert_eq!(verdict(rule(protocol, (8, 0), "0.0.0.0/0"), &policy("8, 0")), Verdict::Compliant);
    assert_eq!(verdict(rule(protocol, (-1, -1), "0.0.0.0/0"), &policy("0-65535")), Verdict::Compliant);
}

/// ICMP without a type and a code means every type and code.
#[test]
fn icmp_without_a_type_is_every_type() {
    for protocol in ["icmp", "icmpv6"] {
        assert_eq!(Traffic::parse(protocol, None, None), Traffic::parse(protocol, Some(-1), Some(-1)));
    }
}

/// Other protocol numbers (GRE, ESP, SCTP …) carry no TCP or UDP port.
#[rstest]
#[case("47")]
#[case("50")]
#[case("132")]
#[case("0")]
#[case("255")]
fn other_protocols_carry_no_port(#[case] protocol: &str) {
    assert_eq!(verdict(rule(protocol, (22, 22), "0.0.0.0/0"), &policy("22")), Verdict::Compliant);
}

/// TCP or UDP without a range, or with −1 to −1, means every port.
#[test]
fn tcp_without_a_range_means_every_port() {
    let absent = IngressRule::new(Traffic::parse("tcp", None, None), "0.0.0.0/0".into());
    assert_eq!(verdict(absent, &policy("tcp/22")), Verdict::NonCompliant);
    assert_eq!(verdict(rule("udp", (-1, -1), "0.0.0.0/0"), &policy("udp/53")), Verdict::NonCompliant);
}

/// A group with an unrecognised protocol, port range or source is never compliant.
#[rstest]
#[case("tcp", Some(22), None, "0.0.0.0/0")]
#[case("tcp", Some(30), Some(20), "0.0.0.0/0")]
#[case("tcp", Some(0), Some(65536), "0.0.0.0/0")]
#[case("tcp", Some(-1), Some(22), "0.0.0.0/0")]
#[case("quic", Some(22), Some(22), "0.0.0.0/0")]
#[case("256", None, None, "0.0.0.0/0")]
#[case("", None, None, "0.0.0.0/0")]
#[case("tcp", Some(22), Some(22), "0.0.0.0/33")]
#[case("tcp", Some(22), Some(22), "010.0.0.0/8")]
#[case("tcp", Some(22), Some(22), "everybody")]
#[case("tcp", Some(22), Some(22), "")]
fn an_unrecognized_rule_is_never_compliant(
    #[case] protocol: &str,
    #[case] from: Option<i64>,
    #[case] to: Option<i64>,
    #[case] source: &str,
) {
    let odd = IngressRule::new(Traffic::parse(protocol, from, to), source.into());
    assert_eq!(verdict(odd, &policy("22")), Verdict::Unknown);
}

// --- Reach

/// The reach of a source is the set of internet addresses in it without `AuthorizedCidrs`.
#[test]
fn authorized_cidrs_do_not_count_as_reach() {
    let authorized = networks(["8.0.0.0/6", "2001:4860::/32"]);
    let policy = public("22").authorizing(&authorized);
    assert_eq!(verdict(ssh_from("8.8.8.0/24"), &policy), Verdict::Compliant);
    assert_eq!(verdict(ssh_from("2001:4860:4860::/48"), &policy), Verdict::Compliant);
    assert_eq!(verdict(ssh_from("8.0.0.0/5"), &policy), Verdict::NonCompliant, "12.0.0.0/6 is not authorised");
    assert_eq!(verdict(ssh_from("0.0.0.0/0"), &policy), Verdict::NonCompliant);
}

/// Sources are compared as sets of addresses, never as text: `0.0.0.0/0`, `::/0`, `2000::/3`, `15.0.0.0/0`, and
/// `0.0.0.0/1` and `128.0.0.0/1`, all reach the world.
#[rstest]
#[case("0.0.0.0/0")]
#[case("::/0")]
#[case("2000::/3")]
#[case("15.0.0.0/0")]
#[case("0:0:0:0:0:0:0:0/0")]
#[case("0.0.0.0/1")]
#[case("128.0.0.0/1")]
#[case("8000::/0")]
fn every_spelling_of_the_world_is_the_world(#[case] source: &str) {
    assert_eq!(verdict(ssh_from(source), &policy("22")), Verdict::NonCompliant);
}

/// The reach is World above 2^24 IPv4 addresses (a /8) or 2^112 IPv6 addresses (a /16), and Partial if it is smaller
/// but not empty.
#[rstest]
#[case("12.0.0.0/7", Reach::World)]
#[case("12.0.0.0/8", Reach::Partial)]
#[case("8.8.8.8/32", Reach::Partial)]
#[case("2a00::/15", Reach::World)]
#[case("2a00::/16", Reach::Partial)]
#[case("2a00::1/128", Reach::Partial)]
// 11.0.0.0/8 belongs to the internet and 10.0.0.0/8 does not: the reach is exactly a /8.
#[case("10.0.0.0/7", Reach::Partial)]
#[case("126.0.0.0/7", Reach::Partial)]
fn reach_is_measured_in_internet_addresses(#[case] source: &str, #[case] expected: Reach) {
    let group = group([ssh_from(source)]);
    assert_eq!(judge(&group, &public("tcp/22")).exposures[0].reach, expected);
}

/// The reach of private, special-purpose and fully authorised space is None.
#[rstest]
#[case("10.0.0.0/8")]
#[case("172.16.0.0/12")]
#[case("192.168.1.0/24")]
#[case("100.64.0.0/10")]
#[case("127.0.0.1/32")]
#[case("169.254.169.254/32")]
#[case("224.0.0.0/4")]
#[case("240.0.0.0/4")]
#[case("203.0.113.0/24")]
#[case("fd00::/8")]
#[case("fe80::/10")]
#[case("2001:db8::/32")]
#[case("::1/128")]
fn private_and_special_space_reaches_nothing(#[case] source: &str) {
    assert_eq!(verdict(ssh_from(source), &public("22")), Verdict::Compliant);
}

/// The reach of a reference to a security group is None.
#[test]
fn a_referenced_group_reaches_nothing() {
    assert_eq!(verdict(ssh_from("sg-0bbbbbbbbbbbbbbbb"), &public("22")), Verdict::Compliant);
}

// --- Jointly

/// Returns rules for `count` blocks of /8 from `first` on. The reach of each is Partial.
fn slash_eights(first: u8, count: u8) -> impl Iterator<Item = IngressRule> {
    (first..).take(count.into()).map(|octet| ssh_from(&format!("{octet}.0.0.0/8")))
}

/// If the rules of a group that carry the same focus port together reach at least half of the internet of a family,
/// each of them whose reach is not None is exposing.
#[test]
fn parts_that_reach_half_of_the_internet_are_exposing() {
    // 11.0.0.0/8 to 126.0.0.0/8, and a private block, which is not exposing.
    let mut ingress: Vec<_> = slash_eights(11, 116).collect();
    ingress.push(ssh_from("10.0.0.0/8"));
    let joined = group(ingress);
    let assessment = judge(&joined, &policy("22"));
    assert_eq!(assessment.exposures.len(), 116);
    assert!(assessment.exposures.iter().all(|exposure| exposure.reach == Reach::World));
    assert!(!exposures(&assessment).iter().any(|exposure| exposure.contains("from 10.")));

    let one_less_than_half = group(slash_eights(11, 100));
    assert_eq!(judge(&one_less_than_half, &policy("22")).verdict(), Verdict::Compliant);
}

/// Addresses in several sources count once.
#[test]
fn overlapping_parts_count_once() {
    let halves = |octet: u8| [ssh_from(&format!("{octet}.0.0.0/9")), ssh_from(&format!("{octet}.0.0.0/8"))];
    let overlapping = group((11..=100).flat_map(halves));
    assert_eq!(judge(&overlapping, &policy("22")).verdict(), Verdict::Compliant);
}

/// EC2 has no group with more than 1,000 rules. In such a group all rules of partial reach count as reaching the world.
#[rstest]
#[case(1_000, Verdict::Compliant)]
#[case(1_001, Verdict::NonCompliant)]
fn partial_rules_of_an_oversized_group_are_exposing(#[case] count: u16, #[case] expected: Verdict) {
    // A single /8, repeated.
    let ports = (0..count).map(|number| rule("tcp", (number.into(), 65535), "12.0.0.0/8"));
    assert_eq!(judge(&group(ports), &policy("0-65535")).verdict(), expected);
}

/// A group is assessed in bounded time, however many rules it has.
#[rstest]
#[case::of_a_group(1_000)]
#[case::of_no_group(60_000)]
fn any_number_of_rules_is_judged_in_bounded_time(#[case] count: u32) {
    let spread = |number: u32| {
        let octet = 11 + number % 125;
        rule("tcp", ((number / 125).into(), 65535), &format!("{octet}.{}.0.0/16", number / 125 % 256))
    };
    let parts = (0..count / 2).map(spread).chain(
        (0..count / 2).map(|number| rule("tcp", (i64::from(number), 65535), &format!("{}.0.0.0/8", 11 + number % 125))),
    );
    let assessed = group(parts);
    assert_eq!(judge(&assessed, &policy("0-65535")).verdict(), Verdict::NonCompliant);
}

/// An unrecognised protocol is kept as text, up to 40 characters.
#[test]
fn a_long_protocol_is_cut() {
    let Traffic::Unrecognized { protocol, .. } = Traffic::parse(&"é".repeat(1_000_000), None, None) else { panic!() };
    assert_eq!(protocol, format!("{}…", "é".repeat(40)));
}

/// Only rules that carry the same focus port are measured together.
#[test]
fn parts_on_different_ports_are_not_measured_together() {
    let telnet =
        slash_eights(70, 57).map(|part| IngressRule { traffic: Traffic::parse("tcp", Some(23), Some(23)), ..part });
    let split = group(slash_eights(11, 59).chain(telnet));
    assert_eq!(judge(&split, &policy("22-23")).verdict(), Verdict::Compliant);

    // They are, on the one port that all of them carry.
    let range =
        |part: IngressRule, from, to| IngressRule { traffic: Traffic::parse("tcp", Some(from), Some(to)), ..part };
    let low = slash_eights(11, 59).map(|part| range(part, 20, 22));
    let high = slash_eights(70, 57).map(|part| range(part, 22, 25));
    let meeting = group(low.chain(high));
    let assessment = judge(&meeting, &policy("tcp/0-65535"));
    assert_eq!(assessment.exposures.len(), 116);
    assert!(assessment.exposures.iter().all(|exposure| exposure.ports.to_string() == "tcp/22"));
}

/// EC2 returns no reference without the id of a group, so such a reference is unrecognised.
#[rstest]
#[case(None)]
#[case(Some(""))]
fn a_reference_without_a_group_is_unrecognized(#[case] id: Option<&str>) {
    let source = Source::of_group(id.map(str::to_owned), Some("111122223333".to_owned()));
    assert!(matches!(source, Source::Unrecognized(_)), "{source:?}");
}

#[test]
fn a_reference_names_a_group_and_its_account() {
    let source = Source::of_group(Some("sg-1".to_owned()), Some("111122223333".to_owned()));
    assert_eq!(source, Source::SecurityGroup { id: "sg-1".to_owned(), account_id: Some("111122223333".to_owned()) });
}

/// Rules that reach the world on their own are left out of the joint measurement: a /32 beside `0.0.0.0/0` is not
/// exposing.
#[test]
fn a_small_source_beside_the_world_is_not_exposing() {
    let mixed = group([ssh_from("0.0.0.0/0"), ssh_from("198.41.0.4/32"), ssh_from("::/0"), ssh_from("2a00:1450::/32")]);
    assert_eq!(exposures(&judge(&mixed, &policy("tcp/22"))), ["tcp/22 from 0.0.0.0/0", "tcp/22 from ::/0"]);
}

/// The entries of prefix lists are measured together with other sources.
#[test]
fn prefix_lists_are_measured_together() {
    let mut lists = PrefixLists::default();
    let mut ingress = Vec::new();
    for octet in 11..=126u8 {
        let id = format!("pl-{octet:08x}");
        lists.insert(id.clone(), PrefixList::Entries(networks([format!("{octet}.0.0.0/8").as_str()])));
        ingress.push(ssh_from(&id));
    }
    let joined = group(ingress);
    let assessment = assess(&joined, &policy("22"), &Exemptions::default(), &lists, now());
    assert_eq!(assessment.exposures.len(), 116);
}

/// Exactly half of the internet counts as the world, and one address less does not.
#[test]
fn exactly_half_of_the_internet_counts_as_the_world() {
    let policy = policy("tcp/22");
    let mut missing = policy.internet.whole().of(Family::V4).div_ceil(2);
    let mut half = Vec::new();
    for whole in policy.internet.reached_by(&networks(["0.0.0.0/0"])).networks() {
        let mut first = match whole.network() {
            IpAddr::V4(first) => u64::from(u32::from(first)),
            IpAddr::V6(first) => panic!("{first}"),
        };
        let end = first + (1 << (32 - whole.prefix()));
        // Each part is at most a /8, and no larger than the number of addresses that are still missing.
        for prefix in 8..=32u8 {
            let size = 1u64 << (32 - prefix);
            while prefix >= whole.prefix() && first + size <= end && u128::from(size) <= missing {
                half.push(ssh_from(&format!("{}/{prefix}", Ipv4Addr::from(u32::try_from(first).unwrap()))));
                first += size;
                missing -= u128::from(size);
            }
        }
    }
    assert_eq!(missing, 0);
    let mut joined = group(half);
    assert_eq!(judge(&joined, &policy).verdict(), Verdict::NonCompliant);

    // Remove one address from the last part.
    let last = joined.ingress.pop().unwrap();
    let Source::Cidr(last) = last.source else { panic!("{last:?}") };
    let mut rest = AddressSet::from_iter([last]);
    rest.remove(IpNetwork::from(last.network()));
    joined.ingress.extend(rest.networks().iter().map(|network| ssh_from(&network.to_string())));
    assert_eq!(judge(&joined, &policy).verdict(), Verdict::Compliant);
}

/// The families are measured separately.
#[test]
fn ipv4_parts_do_not_make_an_ipv6_source_exposing() {
    let mut ingress: Vec<_> = slash_eights(11, 116).collect();
    ingress.push(ssh_from("2a00:1450::/32"));
    let joined = group(ingress);
    assert!(!exposures(&judge(&joined, &policy("22"))).iter().any(|exposure| exposure.contains("2a00")));
}

/// IPv6 sources are measured together, too.
#[test]
fn ipv6_parts_are_measured_together() {
    let parts = (0x2000..0x3010u32).map(|block| ssh_from(&format!("{block:x}::/16")));
    let joined = group(parts.filter(|part| part.source != "2002::/16".into()));
    let assessment = judge(&joined, &policy("22"));
    assert_eq!(assessment.verdict(), Verdict::NonCompliant);
}

// --- Prefix lists

fn lists(list: PrefixList) -> PrefixLists {
    PrefixLists::from_iter([("pl-0f00ba4".to_owned(), list)])
}

fn judge_list(list: PrefixList, policy: &Policy) -> Verdict {
    assess(&group([ssh_from("pl-0f00ba4")]), policy, &Exemptions::default(), &lists(list), now()).verdict()
}

/// The reach of a prefix list is that of its entries.
#[test]
fn a_prefix_list_reaches_what_its_entries_reach() {
    let entries = |cidrs: &[&str]| PrefixList::Entries(networks(cidrs.iter().copied()));
    assert_eq!(judge_list(entries(&["10.0.0.0/8", "0.0.0.0/0"]), &policy("22")), Verdict::NonCompliant);
    assert_eq!(judge_list(entries(&["0.0.0.0/1", "128.0.0.0/1"]), &policy("22")), Verdict::NonCompliant);
    assert_eq!(judge_list(entries(&["10.0.0.0/8"]), &public("22")), Verdict::Compliant);
    assert_eq!(judge_list(entries(&["8.8.8.0/24"]), &policy("22")), Verdict::Compliant);
    assert_eq!(judge_list(entries(&["8.8.8.0/24"]), &public("22")), Verdict::NonCompliant);
    assert_eq!(judge_list(entries(&[]), &public("22")), Verdict::Compliant);
}

/// Prefix lists owned by AWS count as authorised.
#[test]
fn lists_owned_by_aws_are_authorised() {
    assert_eq!(judge_list(PrefixList::AwsOwned, &public("22")), Verdict::Compliant);
}

/// A prefix list that could not be read never makes a group compliant: without another exposure, the verdict is
/// unknown.
#[test]
fn an_unreadable_list_is_never_compliant() {
    let unreadable = || PrefixList::Unreadable { reason: "UnauthorizedOperation".into() };
    assert_eq!(judge_list(unreadable(), &policy("22")), Verdict::Unknown);

    let never_looked_up = group([ssh_from("pl-0f00ba4")]);
    let assessment = judge(&never_looked_up, &policy("22"));
    assert_eq!(assessment.verdict(), Verdict::Unknown);
    assert!(matches!(&assessment.unjudged[0].cause, Cause::PrefixList { id, .. } if id == "pl-0f00ba4"));

    let also_open = group([ssh_from("pl-0f00ba4"), ssh_from("0.0.0.0/0")]);
    let assessment = assess(&also_open, &policy("22"), &Exemptions::default(), &lists(unreadable()), now());
    assert_eq!(assessment.verdict(), Verdict::NonCompliant);
}

/// Only the prefix lists of rules that carry a focus port are looked up.
#[test]
fn lists_of_harmless_rules_are_not_looked_up() {
    let https = rule("tcp", (443, 443), "pl-0f00ba4");
    let both = group([https.clone(), rule("-1", (-1, -1), "pl-0c0ffee")]);
    assert_eq!(policy("22").prefix_lists_of(&both).into_iter().collect::<Vec<_>>(), ["pl-0c0ffee"]);
    assert_eq!(verdict(https, &policy("22")), Verdict::Compliant);
}

// --- Scope, exposure, verdict

/// With the scope `World` (the default), World is an exposure; with `Public`, World and Partial are.
#[rstest]
#[case("0.0.0.0/0", true, true)]
#[case("8.8.8.0/24", false, true)]
#[case("10.0.0.0/8", false, false)]
fn the_scope_decides_which_reach_is_an_exposure(#[case] source: &str, #[case] world: bool, #[case] public_too: bool) {
    assert_eq!(SourceScope::default(), SourceScope::World);
    assert_eq!(verdict(ssh_from(source), &policy("22")) == Verdict::NonCompliant, world);
    assert_eq!(verdict(ssh_from(source), &public("22")) == Verdict::NonCompliant, public_too);
}

/// An exposure consists of a rule, the focus ports that it carries, and its reach.
#[test]
fn an_exposure_has_a_rule_ports_and_a_reach() {
    let mut wide = rule("tcp", (20, 3389), "0.0.0.0/0");
    wide.id = Some("sgr-0123456789abcdef0".into());
    let group = group([wide.clone(), rule("tcp", (443, 443), "0.0.0.0/0")]);
    let assessment = judge(&group, &policy("22, tcp/3389"));
    let [exposure] = assessment.exposures.as_slice() else { unreachable!("{assessment:?}") };
    assert_eq!(*exposure.rule, wide);
    assert_eq!(exposure.ports.to_string(), "tcp/22, tcp/3389");
    assert!(exposure.ports.contains(Transport::Tcp, 22) && !exposure.ports.contains(Transport::Udp, 22));
    assert_eq!(exposure.reach, Reach::World);
}

/// A group is `NON_COMPLIANT` if it has an exposure that no exemption covers, and `COMPLIANT` otherwise.
#[test]
fn a_group_without_exposure_is_compliant() {
    assert_eq!(judge(&group([]), &policy("22")).verdict(), Verdict::Compliant);
    assert_eq!(verdict(rule("tcp", (443, 443), "0.0.0.0/0"), &policy("22")), Verdict::Compliant);
}

// --- Exemptions

fn exempt(document: &str, ports: &str) -> Verdict {
    let exemptions = Exemptions::from_json(document).unwrap();
    let open = group([rule("tcp", (22, 23), "0.0.0.0/0")]);
    assess(&open, &policy(ports), &exemptions, &PrefixLists::default(), now()).verdict()
}

fn entry(fields: &str) -> String {
    format!(r#"{{"version":1,"exemptions":[{{{fields},"reason":"bastion"}}]}}"#)
}

/// An exemption names a group by its id, or by VPC and name; it may be limited to an account and to ports.
#[rstest]
#[case(r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa","expires":"2026-12-31""#, Verdict::Exempt)]
#[case(r#""securityGroupId":"sg-0bbbbbbbbbbbbbbbb","expires":"2026-12-31""#, Verdict::NonCompliant)]
#[case(r#""vpcId":"vpc-0a1b2c3d","groupName":"web","expires":"2026-12-31""#, Verdict::Exempt)]
#[case(r#""vpcId":"vpc-0a1b2c3d","groupName":"Web","expires":"2026-12-31""#, Verdict::NonCompliant)]
#[case(r#""vpcId":"vpc-0b1b2c3d","groupName":"web","expires":"2026-12-31""#, Verdict::NonCompliant)]
#[case(
    r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa","accountId":"111122223333","expires":"2026-12-31""#,
    Verdict::Exempt
)]
#[case(
    r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa","accountId":"999922223333","expires":"2026-12-31""#,
    Verdict::NonCompliant
)]
#[case(r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa","ports":"tcp/22-23","expires":"2026-12-31""#, Verdict::Exempt)]
#[case(r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa","ports":"22","expires":"2026-12-31""#, Verdict::NonCompliant)]
#[case(r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa","ports":"udp/22","expires":"2026-12-31""#, Verdict::NonCompliant)]
fn exemptions_cover_group_and_port(#[case] fields: &str, #[case] expected: Verdict) {
    assert_eq!(exempt(&entry(fields), "22-23"), expected);
}

/// A group that is exempt on one port is still exposed on the other.
#[test]
fn an_exemption_by_port_does_not_cover_other_ports() {
    let exemptions = Exemptions::from_json(&entry(
        r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa","ports":"22","expires":"2027-01-01""#,
    ))
    .unwrap();
    let open = group([rule("tcp", (22, 23), "0.0.0.0/0")]);
    let assessment = assess(&open, &policy("22-23"), &exemptions, &PrefixLists::default(), now());
    assert_eq!(exposures(&assessment), ["tcp/23 from 0.0.0.0/0"]);
    assert_eq!(assessment.exempted[0].exposure.ports.to_string(), "tcp/22");
    assert_eq!(assessment.exempted[0].exemption.reason, "bastion");
}

/// An expired exemption has no effect.
#[rstest]
#[case("2026-11-21", Verdict::Exempt)] // through the end of the day
#[case("2026-11-20", Verdict::NonCompliant)]
#[case("2026-11-21T12:00:01Z", Verdict::Exempt)]
#[case("2026-11-21T12:00:00Z", Verdict::NonCompliant)]
#[case("2026-11-21T14:00:00+02:00", Verdict::NonCompliant)]
#[case("9999-12-31", Verdict::Exempt)] // for ever
fn an_expired_exemption_has_no_effect(#[case] expires: &str, #[case] expected: Verdict) {
    let document = entry(&format!(r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa","expires":"{expires}""#));
    assert_eq!(exempt(&document, "22"), expected);
}

/// A date includes its whole day in UTC, also at the end of a month, of a year or of summer time. A leap second counts
/// as the second before it, because Unix time has no leap seconds.
#[rstest]
#[case("2026-01-31", "2026-02-01T00:00:00Z")]
#[case("2026-02-28", "2026-03-01T00:00:00Z")]
#[case("2024-02-29", "2024-03-01T00:00:00Z")]
#[case("2026-12-31", "2027-01-01T00:00:00Z")]
#[case("2026-03-29", "2026-03-30T00:00:00Z")]
#[case("2026-10-25", "2026-10-26T00:00:00Z")]
#[case("2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00Z")]
#[case("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z")]
#[case("2016-12-31", "2017-01-01T00:00:00Z")]
#[case("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z")]
fn an_expiry_is_an_instant_at_any_time_of_the_year(#[case] written: &str, #[case] expected: &str) {
    let expiry = Expiry::parse(written).unwrap();
    assert_eq!(expiry.at().to_string(), expected);
    assert_eq!(expiry.to_string(), written, "the text is kept");
}

#[rstest]
#[case("2026-02-29")]
#[case("2026-04-31")]
#[case("2026-12-31T23:59:61Z")]
#[case("2026-12-31T24:00:00Z")]
fn an_impossible_day_or_time_is_not_an_expiry(#[case] written: &str) {
    assert_eq!(Expiry::parse(written), None);
}

/// An exemption covers an unreadable prefix list, unless it is for another port.
#[test]
fn an_exemption_covers_unjudged_rules() {
    let unreadable = group([ssh_from("pl-0f00ba4")]);
    let judge = |fields: &str| {
        let exemptions = Exemptions::from_json(&entry(fields)).unwrap();
        assess(&unreadable, &policy("22-23"), &exemptions, &PrefixLists::default(), now()).verdict()
    };
    assert_eq!(judge(r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa","expires":"2027-01-01""#), Verdict::Exempt);
    assert_eq!(
        judge(r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa","ports":"22","expires":"2027-01-01""#),
        Verdict::Exempt
    );
    assert_eq!(
        judge(r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa","ports":"23","expires":"2027-01-01""#),
        Verdict::Unknown
    );
}

/// An expiry is an instant, and displayed as it was written.
#[rstest]
#[case("2026-12-31", "2027-01-01T00:00:00Z")]
#[case("2026-12-31T12:00:00+02:00", "2026-12-31T10:00:00Z")]
fn an_expiry_keeps_its_text(#[case] text: &str, #[case] expected: Timestamp) {
    let expiry = Expiry::parse(text).unwrap();
    assert_eq!(expiry.at(), expected);
    assert_eq!(expiry.to_string(), text);
}

/// Exemptions by name or account depend on more than the id of a group, so the group must be described first.
#[rstest]
#[case(r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa""#, false)]
#[case(r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa","accountId":"111122223333""#, true)]
#[case(r#""vpcId":"vpc-0a1b2c3d","groupName":"web""#, true)]
fn exemptions_by_name_or_account_depend_on_the_group(#[case] fields: &str, #[case] expected: bool) {
    let exemptions = Exemptions::from_json(&entry(&format!(r#"{fields},"expires":"2026-12-31""#))).unwrap();
    assert_eq!(exemptions.need_the_group(), expected);
    // Collecting the items yields an equal value.
    assert_eq!(exemptions.iter().cloned().collect::<Exemptions>(), exemptions);
    assert_eq!(exemptions.iter().count(), 1);
}

/// A tag exempts a group only if the operator names its key.
#[rstest]
#[case(None, "approved", Verdict::NonCompliant)]
#[case(Some("Other"), "approved", Verdict::NonCompliant)]
#[case(Some("PortcullisExempt"), "approved", Verdict::Exempt)]
#[case(Some("PortcullisExempt"), "", Verdict::Exempt)]
#[case(Some("PortcullisExempt"), "2026-12-31 moving to a VPN", Verdict::Exempt)]
#[case(Some("PortcullisExempt"), "2026-11-01 moving to a VPN", Verdict::NonCompliant)]
#[case(Some("PortcullisExempt"), "2026-13-01", Verdict::NonCompliant)]
#[case(Some("PortcullisExempt"), "#1234 moving to a VPN", Verdict::Exempt)]
#[case(Some("PortcullisExempt"), "VPN2 migration", Verdict::Exempt)]
#[case(Some("PortcullisExempt"), "\u{1f3d7}\u{fe0f} moving", Verdict::Exempt)]
fn a_tag_exempts_only_if_the_operator_names_its_key(
    #[case] key: Option<&str>,
    #[case] value: &str,
    #[case] expected: Verdict,
) {
    let mut tagged = group([ssh_from("0.0.0.0/0")]);
    tagged.tags.insert("PortcullisExempt".into(), value.into());
    let policy = Policy { exemption_tag_key: key.map(str::to_owned), ..policy("22") };
    assert_eq!(judge(&tagged, &policy).verdict(), expected);
}

/// A value that looks as if it began with a date exempts only if it begins with a plain one.
#[rstest]
#[case::full_width("２０２０-０１-０１ migration")]
#[case::full_width_and_later("２０９９-１２-３１ migration")]
#[case::arabic_indic("٢٠٢٠-٠١-٠١ migration")]
#[case::mathematical("𝟐𝟎𝟐𝟎-𝟎𝟏-𝟎𝟏 migration")]
#[case::zero_width_space("\u{200b}2099-01-01 migration")]
#[case::within("20\u{200b}99-01-01 migration")]
#[case::byte_order_mark("\u{feff}2099-01-01 migration")]
#[case::mark_of_direction("\u{200e}2099-01-01 migration")]
#[case::word_joiner("\u{2060}2099-01-01 migration")]
#[case::soft_hyphen("\u{ad}2099-01-01 migration")]
#[case::selector("\u{fe0f}2099-01-01 migration")]
#[case::tag("\u{e0020}2099-01-01 migration")]
#[case::braille_blank("\u{2800}2099-01-01 migration")]
#[case::quotes("'2020-01-01' migration")]
#[case::brackets("(2020/01/01) migration")]
#[case::hyphen_of_another_kind("2099\u{2010}01\u{2010}01 migration")]
#[case::no_separator("20990101 migration")]
fn a_tag_with_an_odd_date_exempts_nothing_and_it_is_said(#[case] value: &str) {
    let mut tagged = group([ssh_from("0.0.0.0/0")]);
    tagged.tags.insert("PortcullisExempt".into(), value.into());
    let policy = Policy { exemption_tag_key: Some("PortcullisExempt".to_owned()), ..policy("22") };
    let assessment = judge(&tagged, &policy);
    assert_eq!(assessment.verdict(), Verdict::NonCompliant);
    assert_eq!(assessment.malformed_tag.as_deref(), Some("PortcullisExempt"));
}

/// The whitelist of Dow Jones Hammer is accepted unchanged, as a section or as a whole file.
#[rstest]
#[case(r#"{"111122223333":["sg-0aaaaaaaaaaaaaaaa"]}"#, Verdict::Exempt)]
#[case(r#"{"__comment__":"Detects …","111122223333":["sg-0bbbbbbbbbbbbbbbb","vpc-0a1b2c3d:web"]}"#, Verdict::Exempt)]
#[case(r#"{"999922223333":["sg-0aaaaaaaaaaaaaaaa"]}"#, Verdict::NonCompliant)]
#[case(
    r#"{"s3_bucket_acl":{"111122223333":["b"]},"secgrp_unrestricted_access":{"111122223333":["sg-0aaaaaaaaaaaaaaaa"]}}"#,
    Verdict::Exempt
)]
fn the_whitelist_of_hammer_is_accepted(#[case] document: &str, #[case] expected: Verdict) {
    assert_eq!(exempt(document, "22"), expected);
}

/// A mistake in a document invalidates all of it, and the error names its place.
#[rstest]
#[case("not json", "line 1 column 2")]
#[case(
    r#"{"111122223333":["sg-0aaaaaaaaaaaaaaaa"],"111122223333":["sg-0bbbbbbbbbbbbbbbb"]}"#,
    "account `111122223333` is there twice"
)]
#[case(
    r#"{"secgrp_unrestricted_access":{"111122223333":[],"111122223333":["sg-0bbbbbbbbbbbbbbbb"]}}"#,
    "account `111122223333` is there twice"
)]
#[case("{}", "missing field `version`")]
#[case(r#"{"version":2,"exemptions":[]}"#, "`version` is 2")]
#[case(
    r#"{"version":1,"exemptions":[{"securityGroupId":"sg-0aaaaaaaaaaaaaaaa","reason":"x"}]}"#,
    "missing field `expires`"
)]
#[case(r#"{"version":1,"exemptions":[],"extra":1}"#, "unknown field `extra`")]
#[case(
    r#"{"version":1,"exemptions":[{"securityGroupId":"web","expires":"2026-12-31","reason":"x"}]}"#,
    "entry 1: `securityGroupId` `web`"
)]
#[case(
    r#"{"version":1,"exemptions":[{"groupName":"web","expires":"2026-12-31","reason":"x"}]}"#,
    "entry 1: name the group"
)]
#[case(
    r#"{"version":1,"exemptions":[{"vpcId":"vpc-main","groupName":"web","expires":"2026-12-31","reason":"x"}]}"#,
    "entry 1: `vpcId` `vpc-main` is not of the form"
)]
#[case(
    r#"{"version":1,"exemptions":[{"vpcId":"vpc-","groupName":"web","expires":"2026-12-31","reason":"x"}]}"#,
    "entry 1: `vpcId` `vpc-` is not of the form"
)]
#[case(
    r#"{"version":1,"exemptions":[{"securityGroupId":"sg-0aaaaaaaaaaaaaaaa","expires":"soon","reason":"x"}]}"#,
    "`expires` `soon`"
)]
#[case(
    r#"{"version":1,"exemptions":[{"securityGroupId":"sg-0aaaaaaaaaaaaaaaa","expires":"2026-12-31T08:00:00","reason":"x"}]}"#,
    "`expires` `2026-12-31T08:00:00`"
)]
#[case(
    r#"{"version":1,"exemptions":[{"securityGroupId":"sg-0aaaaaaaaaaaaaaaa","expires":"2026-12-31","reason":" "}]}"#,
    "`reason` is empty"
)]
#[case(r#"{"version":1,"exemptions":[{"securityGroupId":"sg-0aaaaaaaaaaaaaaaa","ports":"ssh","expires":"2026-12-31","reason":"x"}]}"#, "`ssh` is not a port")]
#[case(r#"{"111122223333":["web"]}"#, "whitelist of account 111122223333: `web`")]
#[case(r#"{"111122223333":"sg-0aaaaaaaaaaaaaaaa"}"#, "whitelist of account 111122223333")]
fn a_malformed_exemptions_document_is_an_error_that_names_the_place(#[case] document: &str, #[case] expected: &str) {
    let error = error_chain(&Exemptions::from_json(document).unwrap_err());
    assert!(error.contains(expected), "{error}");
    assert!(error.starts_with("exemptions document"), "{error}");
}

// --- Order

/// The order of exposures does not depend on the order of the rules.
#[test]
fn output_order_does_not_depend_on_input_order() {
    let rules = [
        ssh_from("8.8.8.0/24"),
        rule("-1", (-1, -1), "::/0"),
        ssh_from("0.0.0.0/0"),
        rule("tcp", (3000, 4000), "0.0.0.0/0"),
        rule("udp", (22, 22), "0.0.0.0/0"),
    ];
    let forward = group(rules.clone());
    let backward = group(rules.into_iter().rev());
    let expected = [
        "tcp/22 from 0.0.0.0/0",
        "tcp/22, tcp/3389, udp/22, udp/3389 from ::/0",
        "tcp/3389 from 0.0.0.0/0",
        "udp/22 from 0.0.0.0/0",
        "tcp/22 from 8.8.8.0/24",
    ];
    assert_eq!(exposures(&judge(&forward, &public("22,3389"))), expected);
    assert_eq!(exposures(&judge(&backward, &public("22,3389"))), expected);
}

/// Host bits are dropped, as EC2 does it.
#[test]
fn cidrs_are_canonical() {
    assert_eq!(Source::from("100.68.0.18/18").to_string(), "100.68.0.0/18");
}

/// A source of which several addresses are possible is judged if all of them lead to the same verdict, and is unjudged
/// otherwise.
#[rstest]
#[case::all_private(PossibleSource::OneOf(vec![networks(["10.0.0.0/8"]), networks(["172.16.0.0/12"])]), Verdict::Compliant, Verdict::Compliant)]
#[case::all_open(PossibleSource::OneOf(vec![networks(["0.0.0.0/0"]), networks(["0.0.0.0/1"])]), Verdict::NonCompliant, Verdict::NonCompliant)]
#[case::some_open(PossibleSource::OneOf(vec![networks(["10.0.0.0/8"]), networks(["0.0.0.0/0"])]), Verdict::Unknown, Verdict::Unknown)]
#[case::some_partial(PossibleSource::OneOf(vec![networks(["10.0.0.0/8"]), networks(["8.8.8.8/32"])]), Verdict::Compliant, Verdict::Unknown)]
#[case::all_partial(PossibleSource::OneOf(vec![networks(["9.9.9.9/32"]), networks(["8.8.8.8/32"])]), Verdict::Compliant, Verdict::NonCompliant)]
#[case::none(PossibleSource::OneOf(vec![]), Verdict::Unknown, Verdict::Unknown)]
#[case::one_address(PossibleSource::Network { family: Family::V4, prefix: 32 }, Verdict::Compliant, Verdict::Unknown)]
#[case::slash_8(PossibleSource::Network { family: Family::V4, prefix: 8 }, Verdict::Compliant, Verdict::Unknown)]
#[case::slash_7(PossibleSource::Network { family: Family::V4, prefix: 7 }, Verdict::Unknown, Verdict::Unknown)]
#[case::slash_1(PossibleSource::Network { family: Family::V4, prefix: 1 }, Verdict::NonCompliant, Verdict::NonCompliant)]
#[case::slash_0(PossibleSource::Network { family: Family::V4, prefix: 0 }, Verdict::NonCompliant, Verdict::NonCompliant)]
#[case::one_address_v6(PossibleSource::Network { family: Family::V6, prefix: 128 }, Verdict::Compliant, Verdict::Unknown)]
#[case::slash_15_v6(PossibleSource::Network { family: Family::V6, prefix: 15 }, Verdict::Unknown, Verdict::Unknown)]
#[case::slash_0_v6(PossibleSource::Network { family: Family::V6, prefix: 0 }, Verdict::NonCompliant, Verdict::NonCompliant)]
fn a_source_of_several_possible_addresses(
    #[case] source: PossibleSource,
    #[case] world_scope: Verdict,
    #[case] public_scope: Verdict,
) {
    let mut lists = PrefixLists::default();
    lists.insert_possible("!Ref Office".to_owned(), source);
    let group = group([ssh_from("!Ref Office")]);
    let verdict = |policy| assess(&group, &policy, &Exemptions::default(), &lists, now()).verdict();
    assert_eq!((verdict(policy("22")), verdict(public("22"))), (world_scope, public_scope));
}

/// Networks whose place is not known may together be half of the internet, and then count as the world.
#[rstest]
#[case(3, Verdict::Compliant)]
#[case(128, Verdict::NonCompliant)]
fn networks_anywhere_are_added_up(#[case] count: usize, #[case] expected: Verdict) {
    let mut lists = PrefixLists::default();
    let texts: Vec<String> = (0..count).map(|number| format!("!Ref Net{number}")).collect();
    for text in &texts {
        lists.insert_possible(text.clone(), PossibleSource::Network { family: Family::V4, prefix: 8 });
    }
    let group = group(texts.iter().map(|text| ssh_from(text)));
    assert_eq!(assess(&group, &policy("22"), &Exemptions::default(), &lists, now()).verdict(), expected);
}

/// If every internet address is authorised, no network anywhere is an exposure.
#[test]
fn networks_anywhere_that_are_authorized_expose_nothing() {
    let mut lists = PrefixLists::default();
    lists.insert_possible("!Ref Ip".to_owned(), PossibleSource::Network { family: Family::V4, prefix: 32 });
    let policy = public("22").authorizing(&networks(["0.0.0.0/0"]));
    let group = group([ssh_from("!Ref Ip")]);
    assert_eq!(assess(&group, &policy, &Exemptions::default(), &lists, now()).verdict(), Verdict::Compliant);
}
