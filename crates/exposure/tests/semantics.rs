//! The semantics of an exposure, sentence by sentence. The doc comment of each test is the sentence that it checks.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr};

use exposure::{
    AddressSet, Assessment, Cause, Exemptions, Expiry, Family, IngressRule, Policy, PortError, PortSet, PrefixList,
    PrefixLists, Reach, SecurityGroup, Source, SourceScope, Traffic, Transport, Verdict, assess,
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

/// `port from source` for each exposure.
fn exposures(assessment: &Assessment<'_>) -> Vec<String> {
    assessment.exposures.iter().map(|exposure| format!("{} from {}", exposure.ports, exposure.rule.source)).collect()
}

fn verdict(rule: IngressRule, policy: &Policy) -> Verdict {
    judge(&group([rule]), policy).verdict()
}

// --- Focus port

/// Focus port: a transport (`tcp` or `udp`) and a port 0–65535. `FocusOnPorts` is a list of `22`, `8000-8100`, `tcp/22`,
/// `udp/53-54`; a bare number means both transports; spaces are allowed.
#[rstest]
#[case("22", "tcp/22, udp/22")]
#[case("8000-8100", "tcp/8000-8100, udp/8000-8100")]
#[case("tcp/22", "tcp/22")]
#[case("udp/53-54", "udp/53-54")]
#[case(" 22 , TCP/3389,udp/ 53 - 54 ", "tcp/22, tcp/3389, udp/22, udp/53-54")]
#[case("0", "tcp/0, udp/0")]
#[case("0-65535", "tcp/0-65535, udp/0-65535")]
#[case("22,23,24-30", "tcp/22-30, udp/22-30")]
fn focus_ports_are_read(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(text.parse::<PortSet>().unwrap().to_string(), expected);
}

/// Empty, reversed, >65535, garbage → an error that names the offending token.
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
fn bad_focus_ports_are_refused_by_name(#[case] text: &str, #[case] expected: PortError) {
    let error = text.parse::<PortSet>().unwrap_err();
    assert_eq!(error, expected);
    if !text.trim().is_empty() {
        assert!(error.to_string().contains('`'), "names the token: {error}");
    }
}

// --- A rule carries a focus port

/// A rule carries a focus port when its protocol is `tcp`/`udp` (also numbers 6/17) and `from ≤ port ≤ to`.
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

/// … or when its protocol is `-1`.
#[test]
fn all_traffic_carries_every_focus_port() {
    let all = group([IngressRule::new(Traffic::parse("-1", None, None), "0.0.0.0/0".into())]);
    let assessment = judge(&all, &policy("tcp/22, udp/53"));
    assert_eq!(exposures(&assessment), ["tcp/22, udp/53 from 0.0.0.0/0"]);
    // Ports that come with `-1` mean nothing.
    assert_eq!(verdict(rule("-1", (80, 80), "0.0.0.0/0"), &policy("22")), Verdict::NonCompliant);
}

/// Port 0 is a port.
#[test]
fn port_zero_is_a_port() {
    assert_eq!(verdict(rule("tcp", (0, 0), "0.0.0.0/0"), &policy("tcp/0")), Verdict::NonCompliant);
    assert_eq!(verdict(rule("tcp", (0, 65535), "0.0.0.0/0"), &policy("22")), Verdict::NonCompliant);
}

/// ICMP types are not ports.
#[rstest]
#[case("icmp")]
#[case("1")]
#[case("icmpv6")]
#[case("58")]
fn icmp_types_are_not_ports(#[case] protocol: &str) {
    assert_eq!(verdict(rule(protocol, (8, 0), "0.0.0.0/0"), &policy("8, 0")), Verdict::Compliant);
    assert_eq!(verdict(rule(protocol, (-1, -1), "0.0.0.0/0"), &policy("0-65535")), Verdict::Compliant);
}

/// ICMP without type and code is ICMP of every type and code.
#[test]
fn icmp_without_a_type_is_every_type() {
    for protocol in ["icmp", "icmpv6"] {
        assert_eq!(Traffic::parse(protocol, None, None), Traffic::parse(protocol, Some(-1), Some(-1)));
    }
}

/// Other protocol numbers (GRE, ESP, SCTP…) carry no TCP/UDP port.
#[rstest]
#[case("47")]
#[case("50")]
#[case("132")]
#[case("0")]
#[case("255")]
fn other_protocols_carry_no_port(#[case] protocol: &str) {
    assert_eq!(verdict(rule(protocol, (22, 22), "0.0.0.0/0"), &policy("22")), Verdict::Compliant);
}

/// TCP/UDP with no range, or `-1/-1`, means every port.
#[test]
fn tcp_without_a_range_means_every_port() {
    let absent = IngressRule::new(Traffic::parse("tcp", None, None), "0.0.0.0/0".into());
    assert_eq!(verdict(absent, &policy("tcp/22")), Verdict::NonCompliant);
    assert_eq!(verdict(rule("udp", (-1, -1), "0.0.0.0/0"), &policy("udp/53")), Verdict::NonCompliant);
}

/// Exhaustive: an unknown protocol or source is an explicit variant, never silently compliant.
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
fn what_is_not_understood_is_never_compliant(
    #[case] protocol: &str,
    #[case] from: Option<i64>,
    #[case] to: Option<i64>,
    #[case] source: &str,
) {
    let odd = IngressRule::new(Traffic::parse(protocol, from, to), source.into());
    assert_eq!(verdict(odd, &policy("22")), Verdict::Unknown);
}

// --- Reach

/// Reach of a source = the internet addresses it contains, less `AuthorizedCidrs`.
#[test]
fn authorized_cidrs_are_left_out_of_reach() {
    let authorized = networks(["8.0.0.0/6", "2001:4860::/32"]);
    let policy = public("22").authorizing(&authorized);
    assert_eq!(verdict(ssh_from("8.8.8.0/24"), &policy), Verdict::Compliant);
    assert_eq!(verdict(ssh_from("2001:4860:4860::/48"), &policy), Verdict::Compliant);
    assert_eq!(verdict(ssh_from("8.0.0.0/5"), &policy), Verdict::NonCompliant, "12.0.0.0/6 is not authorised");
    assert_eq!(verdict(ssh_from("0.0.0.0/0"), &policy), Verdict::NonCompliant);
}

/// Compared as address sets, never as strings: `0.0.0.0/0`, `::/0`, `2000::/3`, `15.0.0.0/0` and
/// `0.0.0.0/1 + 128.0.0.0/1` are all what they are.
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

/// World: reach larger than 2^24 IPv4 addresses (more than a /8) or 2^112 IPv6 addresses (more than a /16).
/// Partial: reach not empty, but not World.
#[rstest]
#[case("12.0.0.0/7", Reach::World)]
#[case("12.0.0.0/8", Reach::Partial)]
#[case("8.8.8.8/32", Reach::Partial)]
#[case("8.8.8.8", Reach::Partial)]
#[case("2a00::/15", Reach::World)]
#[case("2a00::/16", Reach::Partial)]
#[case("2a00::1/128", Reach::Partial)]
// 11.0.0.0/8 is internet, 10.0.0.0/8 is not: together a /8, not more.
#[case("10.0.0.0/7", Reach::Partial)]
#[case("126.0.0.0/7", Reach::Partial)]
fn reach_is_measured_in_internet_addresses(#[case] source: &str, #[case] expected: Reach) {
    let group = group([ssh_from(source)]);
    assert_eq!(judge(&group, &public("tcp/22")).exposures[0].reach, expected);
}

/// None: private, special-purpose, or fully authorised space.
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

/// References to security groups are None.
#[test]
fn a_referenced_group_reaches_nothing() {
    assert_eq!(verdict(ssh_from("sg-0bbbbbbbbbbbbbbbb"), &public("22")), Verdict::Compliant);
}

// --- Jointly

/// The /8s of IPv4 from `first` on, `count` of them: each is Partial by itself.
fn slash_eights(first: u8, count: u8) -> impl Iterator<Item = IngressRule> {
    (first..).take(count.into()).map(|octet| ssh_from(&format!("{octet}.0.0.0/8")))
}

/// Also jointly: when the rules of one group that carry the same focus port together still reach at least half of the
/// internet space of a family, each of them with a non-empty reach is exposing.
#[test]
fn a_world_put_together_from_parts_is_the_world() {
    // 11.0.0.0/8 to 126.0.0.0/8, and a private block that must stay.
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

/// The same addresses twice are not twice as many.
#[test]
fn overlapping_parts_count_once() {
    let halves = |octet: u8| [ssh_from(&format!("{octet}.0.0.0/9")), ssh_from(&format!("{octet}.0.0.0/8"))];
    let overlapping = group((11..=100).flat_map(halves));
    assert_eq!(judge(&overlapping, &policy("22")).verdict(), Verdict::Compliant);
}

/// EC2 has no group of more than 1,000 rules. What claims to be one is not looked at closely: all its parts belong together.
#[rstest]
#[case(1_000, Verdict::Compliant)]
#[case(1_001, Verdict::NonCompliant)]
fn more_rules_than_a_group_can_have_are_taken_for_a_world(#[case] count: u16, #[case] expected: Verdict) {
    // A single /8, over and over.
    let ports = (0..count).map(|number| rule("tcp", (number.into(), 65535), "12.0.0.0/8"));
    assert_eq!(judge(&group(ports), &policy("0-65535")).verdict(), expected);
}

/// And so it is judged in no time.
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

/// What is not understood is kept, but not any amount of it.
#[test]
fn a_long_protocol_is_cut() {
    let Traffic::Unrecognized { protocol, .. } = Traffic::parse(&"é".repeat(1_000_000), None, None) else { panic!() };
    assert_eq!(protocol, format!("{}…", "é".repeat(40)));
}

/// … that carry the same focus port.
#[test]
fn parts_on_different_ports_do_not_join() {
    let telnet =
        slash_eights(70, 57).map(|part| IngressRule { traffic: Traffic::parse("tcp", Some(23), Some(23)), ..part });
    let split = group(slash_eights(11, 59).chain(telnet));
    assert_eq!(judge(&split, &policy("22-23")).verdict(), Verdict::Compliant);

    // On the port that all of them carry, they do.
    let range =
        |part: IngressRule, from, to| IngressRule { traffic: Traffic::parse("tcp", Some(from), Some(to)), ..part };
    let low = slash_eights(11, 59).map(|part| range(part, 20, 22));
    let high = slash_eights(70, 57).map(|part| range(part, 22, 25));
    let meeting = group(low.chain(high));
    let assessment = judge(&meeting, &policy("tcp/0-65535"));
    assert_eq!(assessment.exposures.len(), 116);
    assert!(assessment.exposures.iter().all(|exposure| exposure.ports.to_string() == "tcp/22"));
}

/// A group that is not named is nothing that EC2 lists, and may be anybody.
#[rstest]
#[case(None)]
#[case(Some(""))]
fn a_reference_to_no_group_is_not_understood(#[case] id: Option<&str>) {
    let source = Source::of_group(id.map(str::to_owned), Some("111122223333".to_owned()));
    assert!(matches!(source, Source::Unrecognized(_)), "{source:?}");
}

#[test]
fn a_reference_to_a_group_lets_its_members_in() {
    let source = Source::of_group(Some("sg-1".to_owned()), Some("111122223333".to_owned()));
    assert_eq!(source, Source::SecurityGroup { id: "sg-1".to_owned(), account_id: Some("111122223333".to_owned()) });
}

/// … those that are World by themselves left aside. (An office /32 beside a `0.0.0.0/0` rule is not exposing: nobody
/// else's rule may make an innocent source go.)
#[test]
fn an_innocent_source_beside_the_world_is_not_exposing() {
    let mixed = group([ssh_from("0.0.0.0/0"), ssh_from("198.41.0.4/32"), ssh_from("::/0"), ssh_from("2a00:1450::/32")]);
    assert_eq!(exposures(&judge(&mixed, &policy("tcp/22"))), ["tcp/22 from 0.0.0.0/0", "tcp/22 from ::/0"]);
}

/// Prefix lists join as well, by their entries.
#[test]
fn prefix_lists_join() {
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

/// At least half: exactly half of the internet is the world, and one address less is not.
#[test]
fn half_of_the_internet_is_the_world_to_the_address() {
    let policy = policy("tcp/22");
    let mut missing = policy.internet.whole().of(Family::V4).div_ceil(2);
    let mut half = Vec::new();
    for whole in policy.internet.reached_by(&networks(["0.0.0.0/0"])).networks() {
        let mut first = match whole.network() {
            IpAddr::V4(first) => u64::from(u32::from(first)),
            IpAddr::V6(first) => panic!("{first}"),
        };
        let end = first + (1 << (32 - whole.prefix()));
        // Parts of a /8 at most, each of them as large as what is still missing admits.
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

    // The last part shrinks by an address.
    let last = joined.ingress.pop().unwrap();
    let Source::Cidr(last) = last.source else { panic!("{last:?}") };
    let mut rest = AddressSet::from_iter([last]);
    rest.remove(IpNetwork::from(last.network()));
    joined.ingress.extend(rest.networks().iter().map(|network| ssh_from(&network.to_string())));
    assert_eq!(judge(&joined, &policy).verdict(), Verdict::Compliant);
}

/// A family's half is made by that family's sources only.
#[test]
fn ipv4_parts_do_not_take_an_ipv6_source_with_them() {
    let mut ingress: Vec<_> = slash_eights(11, 116).collect();
    ingress.push(ssh_from("2a00:1450::/32"));
    let joined = group(ingress);
    assert!(!exposures(&judge(&joined, &policy("22"))).iter().any(|exposure| exposure.contains("2a00")));
}

/// IPv6 parts join as well.
#[test]
fn ipv6_parts_join() {
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

/// Prefix list: its entries, resolved.
#[test]
fn a_prefix_list_is_its_entries() {
    let entries = |cidrs: &[&str]| PrefixList::Entries(networks(cidrs.iter().copied()));
    assert_eq!(judge_list(entries(&["10.0.0.0/8", "0.0.0.0/0"]), &policy("22")), Verdict::NonCompliant);
    assert_eq!(judge_list(entries(&["0.0.0.0/1", "128.0.0.0/1"]), &policy("22")), Verdict::NonCompliant);
    assert_eq!(judge_list(entries(&["10.0.0.0/8"]), &public("22")), Verdict::Compliant);
    assert_eq!(judge_list(entries(&["8.8.8.0/24"]), &policy("22")), Verdict::Compliant);
    assert_eq!(judge_list(entries(&["8.8.8.0/24"]), &public("22")), Verdict::NonCompliant);
    assert_eq!(judge_list(entries(&[]), &public("22")), Verdict::Compliant);
}

/// Lists owned by `AWS` count as authorised.
#[test]
fn lists_owned_by_aws_are_authorised() {
    assert_eq!(judge_list(PrefixList::AwsOwned, &public("22")), Verdict::Compliant);
}

/// A list that cannot be read never makes a group silently compliant: if nothing else is wrong with the group, the
/// evaluation fails loudly.
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

/// Only the lists of rules that carry a blocked port are looked up.
#[test]
fn lists_of_harmless_rules_are_not_looked_up() {
    let https = rule("tcp", (443, 443), "pl-0f00ba4");
    let both = group([https.clone(), rule("-1", (-1, -1), "pl-0c0ffee")]);
    assert_eq!(policy("22").prefix_lists_of(&both).into_iter().collect::<Vec<_>>(), ["pl-0c0ffee"]);
    assert_eq!(verdict(https, &policy("22")), Verdict::Compliant);
}

// --- Scope, exposure, verdict

/// `SourceScope` rule parameter: `World` (default) flags World; `Public` flags World and Partial.
#[rstest]
#[case("0.0.0.0/0", true, true)]
#[case("8.8.8.0/24", false, true)]
#[case("10.0.0.0/8", false, false)]
fn scope_chooses_what_is_flagged(#[case] source: &str, #[case] world: bool, #[case] public_too: bool) {
    assert_eq!(SourceScope::default(), SourceScope::World);
    assert_eq!(verdict(ssh_from(source), &policy("22")) == Verdict::NonCompliant, world);
    assert_eq!(verdict(ssh_from(source), &public("22")) == Verdict::NonCompliant, public_too);
}

/// Exposure = (rule, focus ports it carries, source, reach).
#[test]
fn an_exposure_says_rule_ports_source_and_reach() {
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

/// A group is `NON_COMPLIANT` when it has an exposure that no exemption covers, else `COMPLIANT`.
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

/// Exemption: by group id, or VPC id + group name, optionally by port, with an expiry and a reason.
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

/// Exempt on one port, the group is still exposed on the other.
#[test]
fn an_exemption_by_port_leaves_the_other_ports() {
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

/// Expired = not there.
#[rstest]
#[case("2026-11-21", Verdict::Exempt)] // through the end of the day
#[case("2026-11-20", Verdict::NonCompliant)]
#[case("2026-11-21T12:00:01Z", Verdict::Exempt)]
#[case("2026-11-21T12:00:00Z", Verdict::NonCompliant)]
#[case("2026-11-21T14:00:00+02:00", Verdict::NonCompliant)]
#[case("9999-12-31", Verdict::Exempt)] // for ever
fn an_expired_exemption_is_not_there(#[case] expires: &str, #[case] expected: Verdict) {
    let document = entry(&format!(r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa","expires":"{expires}""#));
    assert_eq!(exempt(&document, "22"), expected);
}

/// A date ends with its day in UTC, whatever month, year or summer time ends with it; a leap second counts as the second
/// before, since Unix time has none.
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
fn an_expiry_is_an_instant_on_any_calendar(#[case] written: &str, #[case] expected: &str) {
    let expiry = Expiry::parse(written).unwrap();
    assert_eq!(expiry.at().to_string(), expected);
    assert_eq!(expiry.to_string(), written, "as it was written");
}

#[rstest]
#[case("2026-02-29")]
#[case("2026-04-31")]
#[case("2026-12-31T23:59:61Z")]
#[case("2026-12-31T24:00:00Z")]
fn a_day_or_time_that_no_clock_shows_is_no_expiry(#[case] written: &str) {
    assert_eq!(Expiry::parse(written), None);
}

/// An exempt group needs no readable prefix list; one that is exempt on another port does.
#[test]
fn an_exemption_covers_what_could_not_be_judged() {
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

/// A day ends with its last second, UTC; whoever reads it gets the text that was written.
#[rstest]
#[case("2026-12-31", "2027-01-01T00:00:00Z")]
#[case("2026-12-31T12:00:00+02:00", "2026-12-31T10:00:00Z")]
fn an_expiry_is_an_instant_and_its_text(#[case] text: &str, #[case] expected: Timestamp) {
    let expiry = Expiry::parse(text).unwrap();
    assert_eq!(expiry.at(), expected);
    assert_eq!(expiry.to_string(), text);
}

/// Only exemptions by name or account need more of a group than its id: then it has to be described before it is judged.
#[rstest]
#[case(r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa""#, false)]
#[case(r#""securityGroupId":"sg-0aaaaaaaaaaaaaaaa","accountId":"111122223333""#, true)]
#[case(r#""vpcId":"vpc-0a1b2c3d","groupName":"web""#, true)]
fn exemptions_by_name_or_account_need_the_group(#[case] fields: &str, #[case] expected: bool) {
    let exemptions = Exemptions::from_json(&entry(&format!(r#"{fields},"expires":"2026-12-31""#))).unwrap();
    assert_eq!(exemptions.need_the_group(), expected);
    // Picked out one by one and put together again, they are the same.
    assert_eq!(exemptions.iter().cloned().collect::<Exemptions>(), exemptions);
    assert_eq!(exemptions.iter().count(), 1);
}

/// A tag anyone can set is no exemption unless the operator names that tag.
#[rstest]
#[case(None, "approved", Verdict::NonCompliant)]
#[case(Some("Other"), "approved", Verdict::NonCompliant)]
#[case(Some("PortcullisExempt"), "approved", Verdict::Exempt)]
#[case(Some("PortcullisExempt"), "", Verdict::Exempt)]
#[case(Some("PortcullisExempt"), "2026-12-31 moving to a VPN", Verdict::Exempt)]
#[case(Some("PortcullisExempt"), "2026-11-01 moving to a VPN", Verdict::NonCompliant)]
#[case(Some("PortcullisExempt"), "2026-13-01", Verdict::NonCompliant)]
fn a_tag_exempts_only_when_the_operator_names_it(
    #[case] key: Option<&str>,
    #[case] value: &str,
    #[case] expected: Verdict,
) {
    let mut tagged = group([ssh_from("0.0.0.0/0")]);
    tagged.tags.insert("PortcullisExempt".into(), value.into());
    let policy = Policy { exemption_tag_key: key.map(str::to_owned), ..policy("22") };
    assert_eq!(judge(&tagged, &policy).verdict(), expected);
}

/// Dow Jones Hammer's `whitelist.json` section loads as it is.
#[rstest]
#[case(r#"{"111122223333":["sg-0aaaaaaaaaaaaaaaa"]}"#, Verdict::Exempt)]
#[case(r#"{"__comment__":"Detects …","111122223333":["sg-0bbbbbbbbbbbbbbbb","vpc-0a1b2c3d:web"]}"#, Verdict::Exempt)]
#[case(r#"{"999922223333":["sg-0aaaaaaaaaaaaaaaa"]}"#, Verdict::NonCompliant)]
#[case(
    r#"{"s3_bucket_acl":{"111122223333":["b"]},"secgrp_unrestricted_access":{"111122223333":["sg-0aaaaaaaaaaaaaaaa"]}}"#,
    Verdict::Exempt
)]
fn hammers_whitelist_loads_as_it_is(#[case] document: &str, #[case] expected: Verdict) {
    assert_eq!(exempt(document, "22"), expected);
}

/// A document with a mistake is refused as a whole, and the error says where it is.
#[rstest]
#[case("not json", "line 1 column 2")]
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
fn a_malformed_exemptions_document_is_refused_with_its_place(#[case] document: &str, #[case] expected: &str) {
    let error = error_chain(&Exemptions::from_json(document).unwrap_err());
    assert!(error.contains(expected), "{error}");
    assert!(error.starts_with("exemptions document"), "{error}");
}

// --- Order

/// Output order is deterministic everywhere.
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

/// Host bits are dropped, as EC2 does.
#[test]
fn cidrs_are_canonical() {
    assert_eq!(Source::from("100.68.0.18/18").to_string(), "100.68.0.0/18");
}
