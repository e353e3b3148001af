//! Configuration items of security groups, in every shape that AWS Config has used.

use std::collections::{BTreeMap, BTreeSet};

use exposure::{IngressRule, SecurityGroup, Source, Traffic};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::object::{MOST, Object, few};

/// `AWS::EC2::SecurityGroup`.
pub const SECURITY_GROUP_RESOURCE_TYPE: &str = "AWS::EC2::SecurityGroup";

/// A configuration item, from an event or from the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationItem {
    /// `resourceType`.
    pub resource_type: String,
    /// `resourceId`.
    pub resource_id: String,
    /// `configurationItemStatus`.
    pub status: String,
    /// `configurationItemCaptureTime`.
    pub capture_time: Timestamp,
    /// `awsAccountId` in events, `accountId` in the API.
    pub account_id: Option<String>,
    /// `tags`.
    pub tags: BTreeMap<String, String>,
    /// `configuration` as JSON text: an object, or a string that contains an object. `None` for a deleted resource.
    pub configuration: Option<String>,
}

/// A configuration item does not describe a security group. Such an item is never compliant.
#[derive(Debug, thiserror::Error)]
pub enum ItemError {
    /// The resource exists, but the item has no configuration.
    #[error("configuration item of `{resource_id}` ({status}) has no configuration")]
    NoConfiguration {
        /// The resource.
        resource_id: String,
        /// `configurationItemStatus`.
        status: String,
    },
    /// The configuration is not that of a security group.
    #[error("configuration item of `{resource_id}`")]
    Configuration {
        /// The resource.
        resource_id: String,
        /// Position and cause.
        #[source]
        problem: serde_json::Error,
    },
    /// The configuration has no list of ingress rules, which AWS Config always writes, even if it is empty.
    #[error("configuration item of `{resource_id}` has no `ipPermissions`, so its ingress rules are unknown")]
    NoPermissions {
        /// The resource.
        resource_id: String,
    },
    /// The configuration has more rules than any security group: EC2 allows 1,000.
    #[error("configuration item of `{resource_id}` has more than {MOST} rules, which no security group has")]
    TooManyRules {
        /// The resource.
        resource_id: String,
    },
    /// The configuration is that of another group, or of no group.
    #[error("configuration item of `{resource_id}` describes `{described}`")]
    OtherGroup {
        /// The resource.
        resource_id: String,
        /// `groupId` in the configuration.
        described: String,
    },
}

impl ConfigurationItem {
    /// The security group that the item describes.
    ///
    /// # Errors
    ///
    /// If there is no configuration, or if it is not that of the group `resource_id`.
    pub fn security_group(&self) -> Result<SecurityGroup, ItemError> {
        let configuration = self.configuration.as_deref().ok_or_else(|| ItemError::NoConfiguration {
            resource_id: self.resource_id.clone(),
            status: self.status.clone(),
        })?;
        recorded_group(&self.resource_id, self.account_id.as_deref(), &self.tags, configuration)
    }
}

/// The security group `resource_id` as AWS Config recorded it: `configuration` is JSON text, an object or a string that
/// contains an object. Account and tags are those of the surrounding item, if there is one.
///
/// # Errors
///
/// If it is not the configuration of that group.
pub fn recorded_group(
    resource_id: &str,
    account_id: Option<&str>,
    tags: &BTreeMap<String, String>,
    configuration: &str,
) -> Result<SecurityGroup, ItemError> {
    let problem = |problem| ItemError::Configuration { resource_id: resource_id.to_owned(), problem };
    let inner: String;
    let text = if configuration.starts_with('"') {
        inner = serde_json::from_str(configuration).map_err(problem)?;
        inner.as_str()
    } else {
        configuration
    };
    let Object(configuration): Object<Configuration> = serde_json::from_str(text).map_err(problem)?;
    if configuration.group_id.as_deref() != Some(resource_id) {
        let described = configuration.group_id.unwrap_or_else(|| "no security group".to_owned());
        return Err(ItemError::OtherGroup { resource_id: resource_id.to_owned(), described });
    }
    let mut all_tags: BTreeMap<_, _> = configuration
        .tags
        .unwrap_or_default()
        .into_iter()
        .map(|Object(tag)| (tag.key, tag.value.unwrap_or_default()))
        .collect();
    all_tags.extend(tags.iter().map(|(key, value)| (key.clone(), value.clone())));
    let permissions =
        configuration.ip_permissions.ok_or_else(|| ItemError::NoPermissions { resource_id: resource_id.to_owned() })?;
    let ingress: Vec<_> =
        permissions.into_iter().flat_map(|Object(permission)| permission.rules()).take(MOST + 1).collect();
    if ingress.len() > MOST {
        return Err(ItemError::TooManyRules { resource_id: resource_id.to_owned() });
    }
    Ok(SecurityGroup {
        id: resource_id.to_owned(),
        resource: None,
        name: configuration.group_name,
        vpc_id: configuration.vpc_id,
        owner_id: configuration.owner_id.or_else(|| account_id.map(str::to_owned)),
        tags: all_tags,
        ingress,
    })
}

/// The item as it is written in an event. `configuration` is parsed only when the group is needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wire<'a> {
    resource_type: String,
    resource_id: String,
    configuration_item_status: String,
    configuration_item_capture_time: Timestamp,
    aws_account_id: Option<String>,
    account_id: Option<String>,
    tags: Option<BTreeMap<String, Option<String>>>,
    #[serde(borrow)]
    configuration: Option<&'a RawValue>,
}

impl From<Wire<'_>> for ConfigurationItem {
    fn from(wire: Wire<'_>) -> Self {
        let tags = wire.tags.unwrap_or_default();
        Self {
            resource_type: wire.resource_type,
            resource_id: wire.resource_id,
            status: wire.configuration_item_status,
            capture_time: wire.configuration_item_capture_time,
            account_id: wire.aws_account_id.or(wire.account_id),
            tags: tags.into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect(),
            configuration: wire.configuration.map(|json| json.get().to_owned()),
        }
    }
}

// Every list within a permission may be absent or null, whatever the age of the item.

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    group_id: Option<String>,
    group_name: Option<String>,
    vpc_id: Option<String>,
    owner_id: Option<String>,
    #[serde(default, deserialize_with = "few")]
    tags: Option<Vec<Object<Tag>>>,
    #[serde(default, deserialize_with = "few")]
    ip_permissions: Option<Vec<Object<Permission>>>,
}

#[derive(Deserialize)]
struct Tag {
    key: String,
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Permission {
    ip_protocol: Option<String>,
    from_port: Option<i64>,
    to_port: Option<i64>,
    #[serde(default, deserialize_with = "few")]
    ipv4_ranges: Option<Vec<Object<Ipv4Range>>>,
    #[serde(default, deserialize_with = "few")]
    ipv6_ranges: Option<Vec<Object<Ipv6Range>>>,
    #[serde(default, deserialize_with = "few")]
    prefix_list_ids: Option<Vec<Object<PrefixListId>>>,
    #[serde(default, deserialize_with = "few")]
    user_id_group_pairs: Option<Vec<Object<UserIdGroupPair>>>,
    /// The only IPv4 sources of items of 2016 and 2017; since then a copy of `ipv4Ranges`.
    #[serde(default, deserialize_with = "few")]
    ip_ranges: Option<Vec<IpRange>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ipv4Range {
    cidr_ip: String,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ipv6Range {
    cidr_ipv6: String,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PrefixListId {
    prefix_list_id: String,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserIdGroupPair {
    user_id: Option<String>,
    group_id: Option<String>,
    group_name: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum IpRange {
    Cidr(String),
    Range(Object<Ipv4Range>),
}

impl IpRange {
    fn cidr(&self) -> &str {
        match self {
            Self::Cidr(cidr) | Self::Range(Object(Ipv4Range { cidr_ip: cidr, .. })) => cidr,
        }
    }
}

impl Permission {
    /// The rules of the permission, one per source. A permission with only empty lists admits no traffic.
    fn rules(self) -> Vec<IngressRule> {
        let traffic = Traffic::parse(self.ip_protocol.as_deref().unwrap_or_default(), self.from_port, self.to_port);
        if self.ipv4_ranges.is_none()
            && self.ipv6_ranges.is_none()
            && self.prefix_list_ids.is_none()
            && self.user_id_group_pairs.is_none()
            && self.ip_ranges.is_none()
        {
            // EC2 has no permission without a source: the sources are in a list of an unknown name.
            return vec![IngressRule::new(traffic, Source::not_told())];
        }
        let ipv4 = self.ipv4_ranges.unwrap_or_default();
        let only_in_ip_ranges = cidrs_missing_from(&ipv4, &self.ip_ranges.unwrap_or_default());
        let sources = ipv4
            .into_iter()
            .map(|Object(range)| (Source::from_cidr(&range.cidr_ip), range.description))
            .chain(only_in_ip_ranges.into_iter().map(|source| (source, None)))
            .chain(
                self.ipv6_ranges
                    .unwrap_or_default()
                    .into_iter()
                    .map(|Object(range)| (Source::from_cidr(&range.cidr_ipv6), range.description)),
            )
            .chain(
                self.prefix_list_ids
                    .unwrap_or_default()
                    .into_iter()
                    .map(|Object(list)| (Source::PrefixList(list.prefix_list_id), list.description)),
            )
            .chain(self.user_id_group_pairs.unwrap_or_default().into_iter().map(|Object(pair)| {
                let id = pair.group_id.filter(|id| !id.is_empty()).or(pair.group_name);
                (Source::of_group(id, pair.user_id), pair.description)
            }));
        sources
            .map(|(source, description)| IngressRule { description, ..IngressRule::new(traffic.clone(), source) })
            .collect()
    }
}

/// Sources in `ipRanges` that are not in `ipv4Ranges`. Usually, one list is a copy of the other, and counting both
/// would report every source twice; ignoring a source that only `ipRanges` has would hide it.
fn cidrs_missing_from(ipv4: &[Object<Ipv4Range>], ip_ranges: &[IpRange]) -> Vec<Source> {
    let is_copy = ipv4.len() == ip_ranges.len()
        && ipv4.iter().zip(ip_ranges).all(|(Object(one), other)| one.cidr_ip == other.cidr());
    if is_copy {
        return Vec::new();
    }
    let mut known: BTreeSet<Source> = ipv4.iter().map(|Object(range)| Source::from_cidr(&range.cidr_ip)).collect();
    ip_ranges
        .iter()
        .map(|range| Source::from_cidr(range.cidr()))
        .filter(|source| known.insert(source.clone()))
        .collect()
}
