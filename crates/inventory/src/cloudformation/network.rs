//! Networks that a template makes: blocks of VPCs and subnets, `Fn::Cidr`, and prefix lists.

use std::net::{Ipv4Addr, Ipv6Addr};

use exposure::{AddressSet, PrefixList};
use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};
use serde_json::Value;

use super::scope::Scope;
use super::value::{Choice, Resolved, function};

pub(super) const PREFIX_LIST: &str = "AWS::EC2::PrefixList";

/// Maximum number of blocks of `Fn::Cidr`.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-cidr.html>
const MOST_SUBNETS: u32 = 256;

/// Prefix length of the largest IPv6 block of a VPC, and the maximum number of blocks.
///
/// Source: <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html>
const LARGEST_IPV6_BLOCK: &str = "44";
const MOST_IPV6_BLOCKS: usize = 5;

/// The property that an attribute of a resource returns.
pub(super) fn attribute<'r>(resource: &'r Value, attribute: &str) -> Option<&'r Value> {
    let property = match (resource.get("Type")?.as_str()?, attribute) {
        ("AWS::EC2::VPC" | "AWS::EC2::Subnet", "CidrBlock") => "CidrBlock",
        ("AWS::EC2::Subnet", "Ipv6CidrBlock") => "Ipv6CidrBlock",
        _ => return None,
    };
    resource.get("Properties")?.get(property)
}

/// What is known of a block that AWS allocates: its prefix length.
pub(super) fn allocated<'r>(
    resource: &'r Value,
    attribute: &str,
    resolve: impl Fn(&'r Value) -> Option<Resolved>,
) -> Option<Resolved> {
    let ending = |prefix: &str| Resolved::Ending { text: String::new(), ending: format!("/{prefix}") };
    match (resource.get("Type")?.as_str()?, attribute) {
        ("AWS::EC2::VPC" | "AWS::EC2::Subnet", "CidrBlock") => {
            resolve(resource.get("Properties")?.get("Ipv4NetmaskLength")?)?.into_text().map(|prefix| ending(&prefix))
        }
        ("AWS::EC2::VPC", "Ipv6CidrBlocks") => Some(Resolved::List(vec![ending(LARGEST_IPV6_BLOCK); MOST_IPV6_BLOCKS])),
        _ => None,
    }
}

/// `Fn::Cidr`: the first `count` blocks of a network that leave `bits` bits to hosts. If only the length of the network is
/// known, so are the lengths of its blocks.
pub(super) fn subnets(block: &Resolved, count: &str, bits: Option<&str>) -> Option<Resolved> {
    let count: u32 = count.parse().ok().filter(|count| (1..=MOST_SUBNETS).contains(count))?;
    let bits: Option<u8> = bits.map(str::parse).transpose().ok()?;
    let network: IpNetwork = match block {
        Resolved::Text(text) => text.parse().ok()?,
        // Blocks of a network that is not known differ in their beginning only. Few bits leave the family open, for which
        // the larger block of the two counts; with more of them, it would be that of no network.
        Resolved::Ending { .. } | Resolved::Unknown(_) => {
            let ending = match bits? {
                bits @ 0..=16 => format!("/{}", 32 - bits),
                bits @ 33..=128 => format!("/{}", 128 - bits),
                _ => return None,
            };
            let element = Resolved::Ending { text: String::new(), ending };
            return Some(Resolved::List(vec![element; usize::try_from(count).ok()?]));
        }
        Resolved::Absent | Resolved::List(_) => return None,
    };
    let blocks = match network {
        IpNetwork::V4(network) => {
            let prefix = 32_u8.checked_sub(bits.unwrap_or(8)).filter(|prefix| *prefix >= network.prefix())?;
            let size = 1_u64.checked_shl(32 - u32::from(prefix))?;
            let first = u64::from(u32::from(network.network()));
            let last = u64::from(u32::from(network.broadcast()));
            blocks(count, |number| {
                let start = first + u64::from(number) * size;
                let address = u32::try_from(start).ok().filter(|_| start + (size - 1) <= last)?;
                Ipv4Network::new(Ipv4Addr::from(address), prefix).ok().map(IpNetwork::V4)
            })?
        }
        IpNetwork::V6(network) => {
            let prefix = 128_u8.checked_sub(bits?).filter(|prefix| *prefix >= network.prefix())?;
            let size = 1_u128.checked_shl(128 - u32::from(prefix))?;
            let (first, last) = (u128::from(network.network()), u128::from(network.broadcast()));
            blocks(count, |number| {
                let start = first.checked_add(u128::from(number).checked_mul(size)?)?;
                let end = start.checked_add(size - 1)?;
                let network = Ipv6Network::new(Ipv6Addr::from(start), prefix).ok().filter(|_| end <= last)?;
                Some(IpNetwork::V6(network))
            })?
        }
    };
    Some(Resolved::List(blocks.into_iter().map(|block| Resolved::Text(block.to_string())).collect()))
}

fn blocks(count: u32, block: impl Fn(u32) -> Option<IpNetwork>) -> Option<Vec<IpNetwork>> {
    (0..count).map(block).collect()
}

/// Whether the resource at `id` makes a prefix list.
pub(super) fn is_prefix_list(scope: &Scope<'_>, id: &str) -> bool {
    scope.declared(id).and_then(|resource| resource.get("Type")?.as_str()) == Some(PREFIX_LIST)
}

/// The prefix list that the resource at `id` makes; `None` if the resource is none.
pub(super) fn prefix_list(scope: &Scope<'_>, id: &str) -> Option<PrefixList> {
    if !is_prefix_list(scope, id) {
        return None;
    }
    let mut set = AddressSet::default();
    let is_known = scope.resource(id).is_some_and(|resource| {
        let entries = resource.get("Properties").and_then(|properties| properties.get("Entries"));
        entries.is_none_or(|entries| add_entries(scope, entries, &mut set))
    });
    if is_known {
        return Some(PrefixList::Entries(set));
    }
    let reason = format!("its entries in the resource `{id}` are not known before deployment");
    Some(PrefixList::Unreadable { reason })
}

fn branch(scope: &Scope<'_>, condition: &Value) -> Option<bool> {
    scope.branch(condition.as_str()?, &Choice::default())
}

/// Adds the entries of a list, those of both branches of `Fn::If` included. Returns false if one of them is not known.
fn add_entries(scope: &Scope<'_>, node: &Value, set: &mut AddressSet) -> bool {
    match (node, function(node)) {
        (Value::Null, _) => true,
        (Value::Array(list), _) => list.iter().all(|entry| add_entries(scope, entry, set)),
        (_, Some(("Fn::If", Value::Array(arguments)))) => match arguments.as_slice() {
            [condition, yes, no] => match branch(scope, condition) {
                Some(true) => add_entries(scope, yes, set),
                Some(false) => add_entries(scope, no, set),
                None => add_entries(scope, yes, set) && add_entries(scope, no, set),
            },
            _ => false,
        },
        (_, Some(("Ref", Value::String(name)))) if name == "AWS::NoValue" => true,
        (Value::Object(entry), None) if !entry.keys().any(|key| key.starts_with("Fn::")) => {
            let cidr = entry.get("Cidr").unwrap_or(&Value::Null);
            let branches = match function(cidr) {
                Some(("Fn::If", Value::Array(arguments))) => match arguments.as_slice() {
                    [condition, yes, no] => match branch(scope, condition) {
                        Some(true) => vec![yes],
                        Some(false) => vec![no],
                        None => vec![yes, no],
                    },
                    _ => vec![cidr],
                },
                _ => vec![cidr],
            };
            branches.into_iter().all(|cidr| {
                let network = scope.resolve(cidr, &Choice::default()).into_text().and_then(|text| text.parse().ok());
                network.map(|network: IpNetwork| set.insert(network)).is_some()
            })
        }
        _ => false,
    }
}
