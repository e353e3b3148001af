//! Random groups and policies: a plan closes the exposures that an assessment finds.

use arbitrary::{Arbitrary, Result, Unstructured};
use exposure::{
    ClosingRecord, Exemptions, IngressRule, Policy, PortRange, PortSet, PrefixList, PrefixLists, Replacement,
    SecurityGroup, Source, SourceScope, Strategy, Traffic, Transport, Undo, Verdict, assess, plan,
};
use ipnetwork::IpNetwork;
use jiff::Timestamp;

/// A group, the policy for its assessment, and the strategy for its closing.
#[derive(Debug)]
pub struct Case {
    group: SecurityGroup,
    policy: Policy,
    strategy: Strategy,
}

const WELL_KNOWN: [&str; 12] = [
    "0.0.0.0/0",
    "::/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "10.0.0.0/8",
    "2000::/3",
    "198.41.0.4/32",
    "64.0.0.0/2",
    "sg-0bbbbbbbbbbbbbbbb",
    "pl-0aaa",
    "pl-0bbb",
    "nonsense",
];

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut policy = Policy::new(ports(u)?);
        if u.arbitrary()? {
            policy.scope = SourceScope::Public;
        }
        let authorized: Vec<IpNetwork> = (0..u.int_in_range(0..=2)?).map(|_| network(u)).collect::<Result<_>>()?;
        let policy = policy.authorizing(&authorized.into_iter().collect());
        let strategy = match u.int_in_range(0..=2)? {
            0 => Strategy::Revoke,
            1 => Strategy::Carve,
            _ => Strategy::Replace(Replacement::default()),
        };
        let mut ingress: Vec<IngressRule> = Vec::new();
        while !u.is_empty() && ingress.len() < 64 {
            let id = Some(format!("sgr-{:017x}", ingress.len()));
            let rule = IngressRule { id, ..IngressRule::new(traffic(u)?, source(u)?) };
            // As in EC2, no two rules admit the same.
            if !ingress.iter().any(|other| other.admits_the_same_as(&rule)) {
                ingress.push(rule);
            }
        }
        let group = SecurityGroup { id: "sg-0aaaaaaaaaaaaaaaa".to_owned(), ingress, ..SecurityGroup::default() };
        Ok(Self { group, policy, strategy })
    }
}

/// Ports close to each other, so that ranges overlap and touch; sometimes arbitrary ones.
fn port(u: &mut Unstructured<'_>) -> Result<u16> {
    Ok(match u.int_in_range(0..=9)? {
        0 => 0,
        1 => u16::MAX,
        2 => u.arbitrary()?,
        near => 18 + near,
    })
}

fn ports(u: &mut Unstructured<'_>) -> Result<PortSet> {
    let mut ports = PortSet::default();
    for _ in 0..=u.int_in_range(0..=2)? {
        let transport = if u.arbitrary()? { Transport::Tcp } else { Transport::Udp };
        let (one, other) = (port(u)?, port(u)?);
        ports.insert(transport, PortRange::new(one.min(other), one.max(other)).expect("in order"));
    }
    Ok(ports)
}

fn traffic(u: &mut Unstructured<'_>) -> Result<Traffic> {
    let protocol = *u.choose(&["tcp", "tcp", "udp", "6", "17", "-1", "icmp", "47", "quic"])?;
    let (one, other) = (port(u)?, port(u)?);
    // Sometimes reversed, or without an end, which the assessment must detect.
    Ok(match u.int_in_range(0..=9)? {
        0 => Traffic::parse(protocol, None, None),
        1 => Traffic::parse(protocol, Some(one.into()), Some(other.into())),
        2 => Traffic::parse(protocol, Some(u.arbitrary()?), Some(u.arbitrary()?)),
        _ => Traffic::parse(protocol, Some(one.min(other).into()), Some(one.max(other).into())),
    })
}

fn network(u: &mut Unstructured<'_>) -> Result<IpNetwork> {
    let network = if u.arbitrary()? {
        IpNetwork::new(std::net::Ipv4Addr::from(u.arbitrary::<u32>()?).into(), u.int_in_range(0..=32)?)
    } else {
        IpNetwork::new(std::net::Ipv6Addr::from(u.arbitrary::<u128>()?).into(), u.int_in_range(0..=128)?)
    };
    Ok(network.expect("a prefix that the family has"))
}

fn source(u: &mut Unstructured<'_>) -> Result<Source> {
    Ok(if u.arbitrary()? { Source::from(*u.choose(&WELL_KNOWN)?) } else { Source::from_cidr(&network(u)?.to_string()) })
}

fn lists() -> PrefixLists {
    let mut lists = PrefixLists::default();
    let entries = ["8.0.0.0/7", "2600::/12"].iter().map(|cidr| cidr.parse::<IpNetwork>().expect("a CIDR")).collect();
    lists.insert("pl-0aaa".to_owned(), PrefixList::Entries(entries));
    lists
}

/// After a plan there is no exposure, no other rule is lost, a second plan is empty, and a restoration yields the
/// original rules.
pub fn check(Case { group, policy, strategy }: &Case) {
    let lists = lists();
    let judge = |group| {
        let (exemptions, now) = (Exemptions::default(), Timestamp::UNIX_EPOCH);
        let assessment = assess(group, policy, &exemptions, &lists, now);
        let plan = plan(group, &assessment, strategy, &lists);
        (assessment.verdict(), assessment.exposures.len(), plan)
    };
    let (verdict, exposures, plan) = judge(group);
    assert_eq!(verdict == Verdict::NonCompliant, exposures > 0);
    assert_eq!(plan.is_empty(), exposures == 0, "{plan:?}");
    let closed = plan.apply(group);
    let (verdict, exposures, again) = judge(&closed);
    assert_eq!(exposures, 0, "{closed:?}");
    assert_ne!(verdict, Verdict::NonCompliant);
    assert!(again.is_empty(), "{again:?}");
    let stays = |rule: &&IngressRule| closed.ingress.contains(rule) || plan.revoke.contains(rule);
    assert_eq!(group.ingress.iter().find(|rule| !stays(rule)), None, "a rule is lost");
    let closing = ClosingRecord {
        before: group.ingress.clone(),
        taken: plan.revoke.clone(),
        replacements: plan.authorize.clone(),
        payments: Vec::new(),
    };
    let restored = Undo::from_iter([closing]).restoration(&closed.ingress).apply(&closed.ingress);
    let has = |rules: &[IngressRule], rule: &IngressRule| rules.iter().any(|other| other.admits_the_same_as(rule));
    assert!(group.ingress.iter().all(|rule| has(&restored, rule)), "not restored: {restored:?}");
    assert!(restored.iter().all(|rule| has(&group.ingress, rule)), "a new rule after the restoration: {restored:?}");
}
