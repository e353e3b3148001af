//! Network ACLs: the entries that shut the internet out of some ports, and their removal.
//!
//! An ACL is an ordered list; the lowest rule number that matches decides. So a deny works only ahead of the entry that
//! lets the internet in, and it takes along everybody whom that entry lets in: what is to be kept needs an allow ahead of
//! the deny.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ipnetwork::IpNetwork;

use crate::address::{AddressSet, Family};
use crate::group::Source;
use crate::internet::{v4, v6};
use crate::port::{PortRange, PortSet, Transport};
use crate::traffic::{IcmpVersion, Traffic};

/// The last rule number that anybody can use: 32767 (IPv4) and 32768 (IPv6) are the final denies.
const LAST_NUMBER: u16 = 32766;

/// Entries per direction and family, the final deny included, unless AWS has raised the quota (40 at most).
pub const DEFAULT_ACL_QUOTA: usize = 20;

/// RFC 1918, shared address space (RFC 6598) and unique local addresses (RFC 4193).
const PRIVATE_BLOCKS: [IpNetwork; 5] = [
    IpNetwork::V4(v4([10, 0, 0, 0], 8)),
    IpNetwork::V4(v4([100, 64, 0, 0], 10)),
    IpNetwork::V4(v4([172, 16, 0, 0], 12)),
    IpNetwork::V4(v4([192, 168, 0, 0], 16)),
    IpNetwork::V6(v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7)),
];

/// The private blocks that a quarantine keeps whatever the operator says: RFC 1918, 100.64.0.0/10 and `fc00::/7`. The
/// VPC's own CIDRs and the authorised ones come on top.
#[must_use]
pub fn private_addresses() -> AddressSet {
    AddressSet::from_iter(PRIVATE_BLOCKS)
}

/// What an entry does with what it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AclAction {
    /// Lets it in.
    Allow,
    /// Keeps it out.
    Deny,
    /// Neither of the words that EC2 is known to use: it cannot be judged, so it is never taken for harmless.
    Unrecognized(String),
}

impl AclAction {
    /// Reads `RuleAction`. Never fails: what is not understood becomes [`AclAction::Unrecognized`].
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "allow" => Self::Allow,
            "deny" => Self::Deny,
            _ => Self::Unrecognized(text.to_owned()),
        }
    }
}

impl fmt::Display for AclAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Deny => f.write_str("deny"),
            Self::Unrecognized(text) => write!(f, "`{text}`"),
        }
    }
}

/// An ingress entry of a network ACL. Its text form is `90 deny tcp 22 from 0.0.0.0/0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclEntry {
    /// The rule number: the lowest that matches decides. Unique over both families.
    pub number: u16,
    /// What happens to what it matches.
    pub action: AclAction,
    /// Protocol and ports.
    pub traffic: Traffic,
    /// From where, as [`Source::from_cidr`] reads it: anything but a CIDR is not understood.
    pub source: Source,
}

impl AclEntry {
    /// `Protocol` as network ACLs spell it: always a number, `-1` for all.
    #[must_use]
    pub fn protocol(&self) -> Cow<'_, str> {
        match &self.traffic {
            Traffic::Ports { transport: Transport::Tcp, .. } => "6".into(),
            Traffic::Ports { transport: Transport::Udp, .. } => "17".into(),
            Traffic::Icmp { version: IcmpVersion::V4, .. } => "1".into(),
            Traffic::Icmp { version: IcmpVersion::V6, .. } => "58".into(),
            traffic => traffic.protocol(),
        }
    }

    /// The family that the entry is for, if its source is understood.
    #[must_use]
    pub fn family(&self) -> Option<Family> {
        match &self.source {
            Source::Cidr(network) => Some(Family::of(network)),
            _ => None,
        }
    }

    /// Whether protocol, ports, action and source are all understood.
    #[must_use]
    pub fn is_understood(&self) -> bool {
        !matches!(self.action, AclAction::Unrecognized(_))
            && !matches!(self.traffic, Traffic::Unrecognized { .. })
            && self.family().is_some()
    }
}

impl fmt::Display for AclEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.number, self.action)?;
        match &self.traffic {
            Traffic::Ports { transport, range } => write!(f, "{transport} {range}")?,
            traffic => traffic.fmt(f)?,
        }
        write!(f, " from {}", self.source)
    }
}

/// A network ACL and its ingress entries, in any order, with the final denies or without them. Egress is never looked at,
/// so it is not here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkAcl {
    /// `acl-…`.
    pub id: String,
    /// Its ingress entries.
    pub ingress: Vec<AclEntry>,
}

/// The entries that put some ports of an ACL into quarantine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AclPlan {
    /// The entries that come, in the order in which they are to be made: all allows before all denies, so that nobody
    /// who is kept is shut out meanwhile, wherever it stops.
    pub add: Vec<AclEntry>,
}

impl AclPlan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.add.is_empty()
    }

    /// The ACL as it will be once the plan is carried out.
    #[must_use]
    pub fn apply(&self, acl: &NetworkAcl) -> NetworkAcl {
        let mut after = acl.clone();
        after.ingress.extend(self.add.iter().cloned());
        after
    }
}

/// What takes a quarantine away again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AclRelease {
    /// The entries that go, in the order in which they are to be deleted: all denies before all allows.
    pub remove: Vec<AclEntry>,
    /// The entries of the quarantine that are not there to be taken away, in the order in which they were given.
    pub left: Vec<AclLeft>,
}

impl AclRelease {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty()
    }

    /// The ACL as it will be once the release is carried out.
    #[must_use]
    pub fn apply(&self, acl: &NetworkAcl) -> NetworkAcl {
        let mut after = acl.clone();
        after.ingress.retain(|entry| !self.remove.contains(entry));
        after
    }
}

/// An entry of a quarantine that somebody has deleted or changed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclLeft {
    /// The entry as it was made.
    pub entry: AclEntry,
    /// What has its number now, if anything has.
    pub found: Option<AclEntry>,
}

impl fmt::Display for AclLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found {
            None => write!(f, "`{}` is not there any more", self.entry),
            Some(found) => write!(f, "`{}` has become `{found}`", self.entry),
        }
    }
}

/// How far the entries of one family are above the quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AclShortage {
    /// Which family.
    pub family: Family,
    /// How many entries are to be added.
    pub needed: usize,
    /// How many there are, the final deny included.
    pub present: usize,
    /// How many there may be, the final deny included.
    pub limit: usize,
}

impl fmt::Display for AclShortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, needed, present, limit } = self;
        write!(f, "{family} entries needed: {needed}, present: {present} with the final deny, allowed: {limit}")
    }
}

/// Why a quarantine cannot be planned. Nothing has been changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AclError {
    /// An entry that could decide about the ports is not understood.
    #[error("network ACL {acl}: cannot tell whom it lets in, since its entry `{entry}` is not understood")]
    NotUnderstood {
        /// `acl-…`.
        acl: String,
        /// The entry.
        entry: Box<AclEntry>,
    },
    /// There would be more entries than AWS allows.
    #[error("network ACL {acl} is full: {}", shortages.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Quota {
        /// `acl-…`.
        acl: String,
        /// The families that are short, with their numbers.
        shortages: Vec<AclShortage>,
    },
    /// Too few rule numbers are free ahead of an entry that lets the internet in.
    #[error("network ACL {acl} has no room ahead of `{entry}`: rule numbers needed: {needed}, free: {free}")]
    NoRoom {
        /// `acl-…`.
        acl: String,
        /// The entry that has to be beaten.
        entry: Box<AclEntry>,
        /// How many entries have to come before it.
        needed: usize,
        /// How many rule numbers below it are free.
        free: usize,
    },
}

/// The entries to add to `acl` so that nobody outside of `keep` is admitted to any of `ports`.
///
/// Whoever is in `keep` is admitted to `ports` exactly if they were before, and all other traffic is decided as before.
/// Ports that are closed to everybody outside of `keep` get no entry, so the plan of a plan's result is empty. `limit` is
/// the quota of entries per family, the final deny included.
///
/// # Errors
///
/// When an entry that could decide about the ports is not understood, when the quota does not suffice, or when there are
/// too few free rule numbers ahead of an entry that lets the internet in.
pub fn quarantine(acl: &NetworkAcl, ports: &PortSet, keep: &AddressSet, limit: usize) -> Result<AclPlan, AclError> {
    let mut entries: Vec<&AclEntry> = acl.ingress.iter().filter(|entry| entry.number <= LAST_NUMBER).collect();
    entries.sort_by_key(|entry| entry.number);
    let [v4, v6] = Family::ALL.map(|family| Lane::new(&entries, ports, keep, family));

    let unjudged = [v4.not_understood, v6.not_understood].into_iter().flatten().min_by_key(|entry| entry.number);
    if let Some(entry) = unjudged {
        return Err(AclError::NotUnderstood { acl: acl.id.clone(), entry: Box::new(entry.clone()) });
    }

    let used = entries.iter().map(|entry| entry.number).collect();
    Search { acl, used, limit, v4: Candidates::new(&v4), v6: Candidates::new(&v6) }.run()
}

/// What to take away from `acl` so that the entries that a quarantine `added` are gone. Entries that were deleted or
/// changed since are left and told, and entries of others are never touched.
#[must_use]
pub fn release(acl: &NetworkAcl, added: &[AclEntry]) -> AclRelease {
    let mut release = AclRelease::default();
    for entry in added {
        if !acl.ingress.contains(entry) {
            let found = acl.ingress.iter().find(|found| found.number == entry.number).cloned();
            release.left.push(AclLeft { entry: entry.clone(), found });
        } else if !release.remove.contains(entry) {
            release.remove.push(entry.clone());
        }
    }
    release.remove.reverse();
    release.remove.sort_by_key(|entry| entry.action == AclAction::Allow);
    release
}

/// An entry to be added, before it has a number.
#[derive(Debug, Clone)]
struct Draft {
    action: AclAction,
    traffic: Traffic,
    network: IpNetwork,
}

impl Draft {
    fn numbered(self, number: u16) -> AclEntry {
        AclEntry { number, action: self.action, traffic: self.traffic, source: Source::Cidr(self.network) }
    }
}

/// A range of ports that no entry and no end of a wanted range divides: each of its ports is decided alike.
#[derive(Debug)]
struct Slice {
    transport: Transport,
    range: PortRange,
}

impl Slice {
    /// All ports of one transport in slices, ascending.
    fn cut(entries: &[&AclEntry], ports: &PortSet, transport: Transport) -> Vec<Self> {
        let ranges = entries.iter().filter_map(|entry| match &entry.traffic {
            Traffic::Ports { transport: its, range } if *its == transport => Some(*range),
            _ => None,
        });
        let mut starts = BTreeSet::from([0]);
        for range in ranges.chain(ports.ranges_of(transport)) {
            starts.insert(range.from());
            starts.extend(range.to().checked_add(1));
        }
        let ends = starts.iter().skip(1).map(|start| start - 1).chain([u16::MAX]);
        let range = |(&from, to)| PortRange::new(from, to).map(|range| Self { transport, range });
        starts.iter().zip(ends).filter_map(range).collect()
    }

    /// Whether this traffic has the slice in it, as far as one can tell.
    fn may_be_in(&self, traffic: &Traffic) -> bool {
        match traffic {
            Traffic::All | Traffic::Unrecognized { .. } => true,
            Traffic::Ports { transport, range } => {
                *transport == self.transport && range.from() <= self.range.from() && self.range.to() <= range.to()
            }
            Traffic::Icmp { .. } | Traffic::Other(_) => false,
        }
    }
}

/// An entry of a lane, with the addresses that it is for.
#[derive(Debug)]
struct LaneEntry<'a> {
    entry: &'a AclEntry,
    addresses: AddressSet,
}

/// A slice to which somebody outside of `keep` is admitted.
#[derive(Debug)]
struct Exposed {
    /// Its place among the slices.
    slice: usize,
    /// Who, outside of `keep`, is admitted.
    to_deny: AddressSet,
}

/// One family of an ACL: the other family's entries decide nothing here.
#[derive(Debug)]
struct Lane<'a> {
    family: Family,
    everybody: AddressSet,
    keep: AddressSet,
    entries: Vec<LaneEntry<'a>>,
    /// TCP before UDP, ascending.
    slices: Vec<Slice>,
    exposed: Vec<Exposed>,
    /// The place of the first entry that admits somebody outside of `keep`: everything must be inserted ahead of it.
    first_admitting: usize,
    /// The first entry that may decide about the ports and is not understood.
    not_understood: Option<&'a AclEntry>,
}

impl<'a> Lane<'a> {
    fn new(entries: &[&'a AclEntry], ports: &PortSet, keep: &AddressSet, family: Family) -> Self {
        let everybody = AddressSet::every(family);
        let entries: Vec<_> =
            entries.iter().copied().filter(|entry| entry.family().is_none_or(|its| its == family)).collect();
        let slices = Transport::ALL.into_iter().flat_map(|transport| Slice::cut(&entries, ports, transport)).collect();
        let with_addresses = |entry: &'a AclEntry| {
            let addresses = match &entry.source {
                Source::Cidr(network) => AddressSet::from_iter([*network]),
                _ => everybody.clone(),
            };
            LaneEntry { entry, addresses }
        };
        let mut lane = Self {
            family,
            keep: keep.of(family),
            entries: entries.into_iter().map(with_addresses).collect(),
            slices,
            exposed: Vec::new(),
            first_admitting: usize::MAX,
            not_understood: None,
            everybody,
        };
        lane.judge(ports);
        lane
    }

    /// Finds out who is admitted to `ports`.
    fn judge(&mut self, ports: &PortSet) {
        for (index, slice) in self.slices.iter().enumerate() {
            if !ports.contains(slice.transport, slice.range.from()) {
                continue;
            }
            let mut undecided = self.everybody.clone();
            let mut to_deny = AddressSet::default();
            for (place, LaneEntry { entry, addresses }) in self.entries.iter().enumerate() {
                if !slice.may_be_in(&entry.traffic) || undecided.is_disjoint(addresses) {
                    continue;
                }
                if !entry.is_understood() {
                    self.not_understood =
                        self.not_understood.into_iter().chain([*entry]).min_by_key(|entry| entry.number);
                } else if entry.action == AclAction::Allow {
                    let admitted = undecided.intersection(addresses).difference(&self.keep);
                    if !admitted.is_empty() {
                        self.first_admitting = self.first_admitting.min(place);
                        to_deny = to_deny.union(&admitted);
                    }
                }
                undecided = undecided.difference(addresses);
            }
            if !to_deny.is_empty() {
                self.exposed.push(Exposed { slice: index, to_deny });
            }
        }
    }

    /// The entry that has to be beaten, if there is one.
    fn to_beat(&self) -> Option<&'a AclEntry> {
        self.entries.get(self.first_admitting).map(|entry| entry.entry)
    }

    /// A deny for each of these ports is needed wherever it is inserted.
    fn fewest_denies(&self) -> usize {
        let mut ports = PortSet::default();
        for exposed in &self.exposed {
            if let Some(slice) = self.slices.get(exposed.slice) {
                ports.insert(slice.transport, slice.range);
            }
        }
        ports.ranges().count()
    }
}

/// A lane seen from one place: some entries are ahead of it, the others behind it.
#[derive(Debug)]
struct Point<'l, 'a> {
    lane: &'l Lane<'a>,
    place: usize,
    /// Whom the entries behind admit, by slice.
    admitted: Vec<OnceCell<AddressSet>>,
    /// Who is kept, and admitted with all traffic by the entries behind.
    admitted_with_everything: OnceCell<AddressSet>,
}

impl<'l, 'a> Point<'l, 'a> {
    fn new(lane: &'l Lane<'a>, place: usize) -> Self {
        let admitted = lane.slices.iter().map(|_| OnceCell::new()).collect();
        Self { lane, place, admitted, admitted_with_everything: OnceCell::new() }
    }

    fn behind(&self) -> &'l [LaneEntry<'a>] {
        self.lane.entries.get(self.place..).unwrap_or_default()
    }

    /// Who is kept, and admitted to a slice by the entries behind. Nobody whom an entry that is not understood could match.
    fn kept(&self, slice: usize) -> AddressSet {
        let (Some(cell), Some(slice)) = (self.admitted.get(slice), self.lane.slices.get(slice)) else {
            return AddressSet::default();
        };
        cell.get_or_init(|| {
            let matching = self.behind().iter().rev().filter(|behind| slice.may_be_in(&behind.entry.traffic));
            let admitted = matching.fold(AddressSet::default(), |admitted, LaneEntry { entry, addresses }| {
                if entry.is_understood() && entry.action == AclAction::Allow {
                    admitted.union(addresses)
                } else {
                    admitted.difference(addresses)
                }
            });
            admitted.intersection(&self.lane.keep)
        })
        .clone()
    }

    /// Who is kept, and admitted with all traffic by the entries behind. A few may be missing: what several allows admit
    /// only together does not count.
    fn kept_with_everything(&self) -> &AddressSet {
        self.admitted_with_everything.get_or_init(|| {
            let mut undecided = self.lane.keep.clone();
            let mut admitted = AddressSet::default();
            for LaneEntry { entry, addresses } in self.behind() {
                if !entry.is_understood() || entry.action == AclAction::Deny {
                    undecided = undecided.difference(addresses);
                } else if entry.traffic == Traffic::All {
                    admitted = admitted.union(&undecided.intersection(addresses));
                    undecided = undecided.difference(addresses);
                }
            }
            admitted
        })
    }

    /// About whom the entries ahead have not decided for a slice.
    fn undecided(&self, slice: usize) -> AddressSet {
        let Some(slice) = self.lane.slices.get(slice) else { return AddressSet::default() };
        let ahead = self.lane.entries.iter().take(self.place).filter(|ahead| slice.may_be_in(&ahead.entry.traffic));
        ahead.fold(self.lane.everybody.clone(), |undecided, ahead| undecided.difference(&ahead.addresses))
    }

    /// The entries that, inserted here, put the lane into quarantine: allows, then denies.
    fn drafts(&self) -> Vec<Draft> {
        let lane = self.lane;
        let everybody = lane.everybody.networks();
        let slices: Vec<_> = lane
            .exposed
            .iter()
            .map(|exposed| {
                // Those whom a deny would shut out.
                let kept = self.kept(exposed.slice).intersection(&self.undecided(exposed.slice));
                // Denies that shut nobody out who is kept.
                let exact: Vec<_> = touching(&lane.everybody.difference(&kept), &exposed.to_deny)
                    .into_iter()
                    .filter_map(|network| {
                        AddressSet::from_iter([network]).intersection(&exposed.to_deny).hull(lane.family)
                    })
                    .collect();
                let hull: Vec<_> = exposed.to_deny.hull(lane.family).into_iter().collect();
                (exposed.slice, kept, hull, exact)
            })
            .collect();
        // One deny for the whole family, with allows for whoever is kept, is what a reader expects; denies that are
        // narrower are taken only when they save entries.
        [
            self.with_denies(slices.iter().map(|(slice, kept, ..)| (*slice, kept, &everybody))),
            self.with_denies(slices.iter().map(|(slice, kept, hull, _)| (*slice, kept, hull))),
            self.with_denies(slices.iter().map(|(slice, kept, _, exact)| (*slice, kept, exact))),
        ]
        .into_iter()
        .min_by_key(Vec::len)
        .unwrap_or_default()
    }

    /// The entries when each slice is denied to its networks: allows for whoever is kept and in them, then the denies.
    fn with_denies<'s>(&self, slices: impl Iterator<Item = (usize, &'s AddressSet, &'s Vec<IpNetwork>)>) -> Vec<Draft> {
        let mut to_allow = Vec::new();
        let mut denied: BTreeMap<IpNetwork, PortSet> = BTreeMap::new();
        for (index, kept, networks) in slices {
            let Some(slice) = self.lane.slices.get(index) else { continue };
            to_allow.push((index, kept.intersection(&networks.iter().copied().collect())));
            for network in networks {
                denied.entry(*network).or_default().insert(slice.transport, slice.range);
            }
        }
        let mut drafts = self.allows(to_allow);
        for (network, ports) in denied {
            drafts.extend(ports.ranges().map(|(transport, range)| Draft {
                action: AclAction::Deny,
                traffic: Traffic::Ports { transport, range },
                network,
            }));
        }
        drafts
    }

    /// Few allows that admit these addresses to these slices, and nobody to anything that the entries behind do not admit
    /// them to.
    fn allows(&self, mut to_allow: Vec<(usize, AddressSet)>) -> Vec<Draft> {
        to_allow.retain(|(_, addresses)| !addresses.is_empty());
        let allowable = union(to_allow.iter().map(|(slice, _)| self.kept(*slice)));
        let mut allows = Vec::new();
        // Networks nest or are disjoint: any allow lies within one of these, so they can be looked at one by one.
        for region in allowable.networks() {
            let region = AddressSet::from_iter([region]);
            let within: Vec<_> = to_allow
                .iter()
                .map(|(slice, addresses)| (*slice, addresses.intersection(&region)))
                .filter(|(_, addresses)| !addresses.is_empty())
                .collect();
            let by_ports = self.allows_by_ports(&within, &region);
            let everything = region.intersection(self.kept_with_everything());
            let wanted = union(within.iter().map(|(_, addresses)| addresses.clone()));
            let rest: Vec<_> = within
                .iter()
                .map(|(slice, addresses)| (*slice, addresses.difference(&everything)))
                .filter(|(_, addresses)| !addresses.is_empty())
                .collect();
            let mut of_everything: Vec<_> = touching(&everything, &wanted)
                .into_iter()
                .map(|network| Draft { action: AclAction::Allow, traffic: Traffic::All, network })
                .collect();
            of_everything.extend(self.allows_by_ports(&rest, &region));
            allows.extend(if of_everything.len() <= by_ports.len() { of_everything } else { by_ports });
        }
        allows
    }

    /// The fewest allows by port ranges, where one range may span several slices and what is between them.
    fn allows_by_ports(&self, to_allow: &[(usize, AddressSet)], region: &AddressSet) -> Vec<Draft> {
        let mut allows = Vec::new();
        for transport in Transport::ALL {
            let of_transport: Vec<_> = to_allow
                .iter()
                .filter_map(|(index, addresses)| {
                    let slice = self.lane.slices.get(*index).filter(|slice| slice.transport == transport)?;
                    Some((*index, slice.range, addresses))
                })
                .collect();
            // The fewest allows for the first slice, for the first two, and so on.
            let mut fewest: Vec<Vec<Draft>> = vec![Vec::new()];
            for (done, &(last, last_range, _)) in of_transport.iter().enumerate() {
                let mut best: Option<Vec<Draft>> = None;
                let mut from_slice = last;
                let mut allowable = self.kept(last).intersection(region);
                let mut wanted = AddressSet::default();
                for (&(first, first_range, addresses), before) in of_transport.iter().zip(&fewest).take(done + 1).rev()
                {
                    for between in first..from_slice {
                        allowable = allowable.intersection(&self.kept(between));
                    }
                    from_slice = first;
                    wanted = wanted.union(addresses);
                    if !wanted.is_subset(&allowable) {
                        break;
                    }
                    let Some(range) = PortRange::new(first_range.from(), last_range.to()) else { break };
                    let mut drafts = before.clone();
                    drafts.extend(touching(&allowable, &wanted).into_iter().map(|network| Draft {
                        action: AclAction::Allow,
                        traffic: Traffic::Ports { transport, range },
                        network,
                    }));
                    if best.as_ref().is_none_or(|best| drafts.len() < best.len()) {
                        best = Some(drafts);
                    }
                }
                fewest.push(best.unwrap_or_default());
            }
            allows.extend(fewest.pop().unwrap_or_default());
        }
        allows
    }
}

/// The union of sets.
fn union(sets: impl Iterator<Item = AddressSet>) -> AddressSet {
    sets.reduce(|union, set| union.union(&set)).unwrap_or_default()
}

/// The largest networks within `set` that have an address in `wanted`: no fewer networks within `set` can hold all of it.
fn touching(set: &AddressSet, wanted: &AddressSet) -> Vec<IpNetwork> {
    let mut networks = set.networks();
    networks.retain(|network| !AddressSet::from_iter([*network]).is_disjoint(wanted));
    networks
}

/// The entries of one lane for each place where they can be inserted: first right ahead of the entry that has to be
/// beaten, then further and further up. Worked out when asked for.
#[derive(Debug)]
struct Candidates<'l, 'a> {
    lane: &'l Lane<'a>,
    drafts: Vec<OnceCell<Vec<Draft>>>,
}

impl<'l, 'a> Candidates<'l, 'a> {
    fn new(lane: &'l Lane<'a>) -> Self {
        let places = if lane.exposed.is_empty() { 1 } else { lane.first_admitting + 1 };
        Self { lane, drafts: (0..places).map(|_| OnceCell::new()).collect() }
    }

    /// How many places up the top is.
    fn top(&self) -> usize {
        self.drafts.len() - 1
    }

    /// The entries when they are inserted this many places up.
    fn drafts(&self, up: usize) -> &[Draft] {
        let draft = || Point::new(self.lane, self.top().saturating_sub(up)).drafts();
        self.drafts.get(up).map_or(&[], |cell| cell.get_or_init(draft))
    }

    /// The fewest entries, of all places that were looked at.
    fn fewest(&self) -> usize {
        self.drafts.iter().filter_map(OnceCell::get).map(Vec::len).min().unwrap_or(0)
    }

    /// The rule numbers between which the entries have to be then.
    fn window(&self, up: usize) -> Window {
        let ahead = self.top().checked_sub(up + 1).and_then(|ahead| self.lane.entries.get(ahead));
        Window {
            above: ahead.map_or(0, |ahead| ahead.entry.number),
            below: self.lane.to_beat().map_or(1, |entry| entry.number),
            needed: self.drafts(up).len(),
        }
    }
}

/// Rule numbers that are needed between two numbers, both exclusive.
#[derive(Debug, Clone, Copy)]
struct Window {
    above: u16,
    below: u16,
    needed: usize,
}

/// The search for places where the entries of both lanes fit.
#[derive(Debug)]
struct Search<'l, 'a> {
    acl: &'l NetworkAcl,
    used: BTreeSet<u16>,
    limit: usize,
    v4: Candidates<'l, 'a>,
    v6: Candidates<'l, 'a>,
}

impl Search<'_, '_> {
    fn run(&self) -> Result<AclPlan, AclError> {
        // Hopeless wherever it is tried, and the longer the list of ports, the longer it would take to try.
        if !self.shortages([self.v4.lane.fewest_denies(), self.v6.lane.fewest_denies()]).is_empty() {
            return Err(self.quota([self.v4.drafts(0).len(), self.v6.drafts(0).len()]));
        }
        let (top_v4, top_v6) = (self.v4.top(), self.v6.top());
        for up in 0..=top_v4 + top_v6 {
            for up_v4 in up.saturating_sub(top_v6)..=up.min(top_v4) {
                let ups = [up_v4, up - up_v4];
                let windows = self.windows(ups);
                if !self.shortages(windows.map(|window| window.needed)).is_empty() {
                    continue;
                }
                if let Some(numbers) = self.place(windows) {
                    return Ok(self.plan(ups, numbers));
                }
            }
        }
        Err(self.refusal())
    }

    fn windows(&self, [up_v4, up_v6]: [usize; 2]) -> [Window; 2] {
        [self.v4.window(up_v4), self.v6.window(up_v6)]
    }

    /// Why no place will do.
    fn refusal(&self) -> AclError {
        let fewest = [self.v4.fewest(), self.v6.fewest()];
        if !self.shortages(fewest).is_empty() {
            return self.quota(fewest);
        }
        // At the very top every free number will do. The lane whose entry comes first has to make do with fewer of them.
        let windows = self.windows([self.v4.top(), self.v6.top()]);
        let [v4, v6] = windows;
        let (v4_entry, v6_entry) = (self.v4.lane.to_beat(), self.v6.lane.to_beat());
        let ((first, first_entry), (second, second_entry)) =
            if v4.below <= v6.below { ((v4, v4_entry), (v6, v6_entry)) } else { ((v6, v6_entry), (v4, v4_entry)) };
        for (below, needed, entry) in
            [(first.below, first.needed, first_entry), (second.below, first.needed + second.needed, second_entry)]
        {
            let free = self.free(0, below);
            if let Some(entry) = entry.filter(|_| needed > free) {
                return AclError::NoRoom { acl: self.acl.id.clone(), entry: Box::new(entry.clone()), needed, free };
            }
        }
        // There is room only where more entries are needed than there may be.
        self.quota(windows.map(|window| window.needed))
    }

    /// The families in which so many more entries are too many.
    fn shortages(&self, needed: [usize; 2]) -> Vec<AclShortage> {
        let lanes = [self.v4.lane, self.v6.lane];
        let shortages = lanes.into_iter().zip(needed).map(|(lane, needed)| AclShortage {
            family: lane.family,
            needed,
            present: lane.entries.len() + 1,
            limit: self.limit,
        });
        shortages.filter(|short| short.needed > 0 && short.present + short.needed > short.limit).collect()
    }

    fn quota(&self, needed: [usize; 2]) -> AclError {
        AclError::Quota { acl: self.acl.id.clone(), shortages: self.shortages(needed) }
    }

    /// How many rule numbers between these, both exclusive, are free.
    fn free(&self, above: u16, below: u16) -> usize {
        let first = above.saturating_add(1);
        let below = below.max(first);
        usize::from(below - first) - self.used.range(first..below).count()
    }

    /// Free rule numbers in both windows, the highest that will do, ascending.
    fn place(&self, windows: [Window; 2]) -> Option<[Vec<u16>; 2]> {
        if windows.iter().any(|window| self.free(window.above, window.below) < window.needed) {
            return None;
        }
        let [v4, v6] = windows;
        let (mut of_v4, mut of_v6) = (Vec::new(), Vec::new());
        for number in (1..v4.below.max(v6.below)).rev() {
            let open = |window: Window, so_far: &Vec<u16>| so_far.len() < window.needed;
            let (open_v4, open_v6) = (open(v4, &of_v4), open(v6, &of_v6));
            if !open_v4 && !open_v6 {
                break;
            }
            if (open_v4 && number <= v4.above) || (open_v6 && number <= v6.above) {
                return None;
            }
            if self.used.contains(&number) {
                continue;
            }
            // The family that runs out of numbers first has the first choice.
            let (can_v4, can_v6) =
                (open_v4 && (..v4.below).contains(&number), open_v6 && (..v6.below).contains(&number));
            if can_v4 && (!can_v6 || v4.above >= v6.above) {
                of_v4.push(number);
            } else if can_v6 {
                of_v6.push(number);
            }
        }
        (of_v4.len() == v4.needed && of_v6.len() == v6.needed).then(|| {
            of_v4.reverse();
            of_v6.reverse();
            [of_v4, of_v6]
        })
    }

    /// The plan with these entries at these numbers.
    fn plan(&self, [up_v4, up_v6]: [usize; 2], [of_v4, of_v6]: [Vec<u16>; 2]) -> AclPlan {
        let v4 = self.v4.drafts(up_v4).iter().zip(of_v4);
        let v6 = self.v6.drafts(up_v6).iter().zip(of_v6);
        let mut add: Vec<_> = v4.chain(v6).map(|(draft, number)| draft.clone().numbered(number)).collect();
        add.sort_by_key(|entry| entry.action == AclAction::Deny);
        AclPlan { add }
    }
}
