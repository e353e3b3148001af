//! Security groups in the output of `aws ec2 describe-security-groups`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use aws_events::Object;
use exposure::{IngressRule, Policy, SecurityGroup, Source, Traffic};
use findings::region_of_arn;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::record::Record;

/// Text that is borrowed if possible. In an `Option`, serde would copy a bare `Cow`.
#[derive(Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl Text<'_> {
    pub(super) fn into_owned(self) -> String {
        self.0.into_owned()
    }
}

/// A `SecurityGroup`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
pub(super) struct DescribedGroup<'a> {
    group_id: Option<Text<'a>>,
    group_name: Option<Text<'a>>,
    vpc_id: Option<Text<'a>>,
    owner_id: Option<Text<'a>>,
    security_group_arn: Option<Text<'a>>,
    tags: Option<Vec<Object<Tag<'a>>>>,
    ip_permissions: Option<Vec<Object<Permission<'a>>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
pub(super) struct Tag<'a> {
    pub(super) key: Text<'a>,
    pub(super) value: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
struct Permission<'a> {
    ip_protocol: Option<Text<'a>>,
    from_port: Option<i64>,
    to_port: Option<i64>,
    /// `None` if the key is missing. Tools that store the answers write null for an empty list.
    #[serde(default, deserialize_with = "present")]
    ip_ranges: Option<Present<Vec<RangeOrText<'a>>>>,
    /// Of AWS Tools for PowerShell, whose `IpRanges` are texts.
    #[serde(default, deserialize_with = "present")]
    ipv4_ranges: Option<Present<Vec<Object<IpRange<'a>>>>>,
    ipv6_ranges: Option<Vec<Object<Ipv6Range<'a>>>>,
    prefix_list_ids: Option<Vec<Object<PrefixListId<'a>>>>,
    user_id_group_pairs: Option<Vec<Object<UserIdGroupPair<'a>>>>,
}

/// The value of a key that is there; `None` for null.
#[derive(Debug)]
struct Present<T>(Option<T>);

fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Present<T>>, D::Error> {
    Option::deserialize(deserializer).map(|value| Some(Present(value)))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
struct IpRange<'a> {
    cidr_ip: Text<'a>,
    description: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
struct Ipv6Range<'a> {
    cidr_ipv6: Text<'a>,
    description: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
struct PrefixListId<'a> {
    #[serde(alias = "Id")]
    prefix_list_id: Text<'a>,
    description: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
struct UserIdGroupPair<'a> {
    group_id: Option<Text<'a>>,
    group_name: Option<Text<'a>>,
    user_id: Option<Text<'a>>,
    description: Option<Text<'a>>,
}

/// An IPv4 range: an object in EC2's answer, a text in the output of AWS Tools for PowerShell.
#[derive(Debug)]
enum RangeOrText<'a> {
    Range(IpRange<'a>),
    Text(Text<'a>),
}

impl<'de: 'a, 'a> Deserialize<'de> for RangeOrText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = RangeOrText<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(RangeOrText::Text(Text(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(RangeOrText::Text(Text(Cow::Owned(text.to_owned()))))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                IpRange::deserialize(MapAccessDeserializer::new(map)).map(RangeOrText::Range)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl DescribedGroup<'_> {
    pub(super) fn id(&self) -> Option<&str> {
        self.group_id.as_ref().map(|id| id.0.as_ref()).filter(|id| !id.is_empty())
    }

    /// Whether the id and the rules are there.
    pub(super) fn is_whole(&self) -> bool {
        self.id().is_some() && self.ip_permissions.is_some()
    }

    /// The group, or why it is not understood. With a policy, of its rules and tags only what a judgement by it looks at.
    pub(super) fn record(self, policy: Option<&Policy>) -> Result<Record, &'static str> {
        let id = self
            .group_id
            .filter(|id| !id.0.is_empty())
            .ok_or("security group without `GroupId`: keep `GroupId` in the --query")?;
        let permissions =
            self.ip_permissions.ok_or("security group without `IpPermissions`: keep `IpPermissions` in the --query")?;
        let mut ingress = Vec::new();
        for Object(permission) in permissions {
            permission.rules(policy, &mut ingress);
        }
        let group = SecurityGroup {
            id: id.into_owned(),
            resource: None,
            name: self.group_name.map(Text::into_owned),
            vpc_id: self.vpc_id.filter(|id| !id.0.is_empty()).map(Text::into_owned),
            owner_id: self.owner_id.map(Text::into_owned),
            tags: tags(self.tags.unwrap_or_default().into_iter().filter(|Object(tag)| counts(policy, tag))),
            ingress,
        };
        let region = self.security_group_arn.and_then(|arn| region_of_arn(&arn.0).map(str::to_owned));
        Ok(Record { region, ..Record::new(group) })
    }
}

/// Whether a judgement by the policy looks at the tag.
fn counts(policy: Option<&Policy>, tag: &Tag<'_>) -> bool {
    policy.is_none_or(|policy| policy.exemption_tag_key.as_deref() == Some(&*tag.key.0))
}

pub(super) fn tags<'a>(tags: impl IntoIterator<Item = Object<Tag<'a>>>) -> std::collections::BTreeMap<String, String> {
    tags.into_iter()
        // A tag without a value is left out: it may be an exemption that is over.
        .filter_map(|Object(tag)| Some((tag.key.into_owned(), tag.value.map(Text::into_owned)?)))
        .collect()
}

impl Permission<'_> {
    /// One rule per source, except those that the policy ignores. A permission whose lists are all empty admits nothing.
    fn rules(self, policy: Option<&Policy>, rules: &mut Vec<IngressRule>) {
        let protocol = self.ip_protocol.as_ref().map(|protocol| protocol.0.as_ref()).unwrap_or_default();
        let traffic = Traffic::parse(protocol, self.from_port, self.to_port);
        if policy.is_some_and(|policy| policy.ignores_traffic(&traffic)) {
            return;
        }
        // EC2 always returns all lists, and no permission without a source: a query dropped what is missing.
        let has_ipv4 = self.ip_ranges.is_some() || self.ipv4_ranges.is_some();
        let ip_ranges = self.ip_ranges.and_then(|Present(list)| list);
        let ipv4_ranges = self.ipv4_ranges.and_then(|Present(list)| list);
        let has_all = (ip_ranges.is_some() || ipv4_ranges.is_some())
            && self.ipv6_ranges.is_some()
            && self.prefix_list_ids.is_some()
            && self.user_id_group_pairs.is_some();
        let mut is_empty = true;
        let mut add = |source, description: Option<Text<'_>>| {
            is_empty = false;
            if policy.is_none_or(|policy| !policy.ignores_source(&source)) {
                let description = description.map(Text::into_owned);
                rules.push(IngressRule { description, ..IngressRule::new(traffic.clone(), source) });
            }
        };
        let ipv4_ranges = ipv4_ranges.unwrap_or_default();
        let described: BTreeSet<String> = ipv4_ranges.iter().map(|Object(range)| range.cidr_ip.0.to_string()).collect();
        for Object(range) in ipv4_ranges {
            add(Source::from_cidr(&range.cidr_ip.0), range.description);
        }
        for range in ip_ranges.unwrap_or_default() {
            match range {
                RangeOrText::Range(range) => add(Source::from_cidr(&range.cidr_ip.0), range.description),
                // `Ipv4Ranges` has the same ranges with their descriptions.
                RangeOrText::Text(cidr) if described.contains(&*cidr.0) => {}
                RangeOrText::Text(cidr) => add(Source::from_cidr(&cidr.0), None),
            }
        }
        for Object(range) in self.ipv6_ranges.unwrap_or_default() {
            add(Source::from_cidr(&range.cidr_ipv6.0), range.description);
        }
        for Object(list) in self.prefix_list_ids.unwrap_or_default() {
            add(Source::PrefixList(list.prefix_list_id.into_owned()), list.description);
        }
        for Object(pair) in self.user_id_group_pairs.unwrap_or_default() {
            let id = pair.group_id.filter(|id| !id.0.is_empty()).or(pair.group_name);
            add(Source::of_group(id.map(Text::into_owned), pair.user_id.map(Text::into_owned)), pair.description);
        }
        if !has_ipv4 {
            rules.push(IngressRule::new(traffic, Source::Unrecognized("IpRanges that are left out".to_owned())));
        } else if !has_all && is_empty {
            rules.push(IngressRule::new(traffic, Source::not_told()));
        }
    }
}
