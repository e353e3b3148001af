//! Configuration items in snapshots, events, and answers of AWS Config. They may have fewer keys than the items in the
//! events of a rule: a query returns only the selected ones.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use aws_events::Object;
use aws_events::config::{ItemError, SECURITY_GROUP_RESOURCE_TYPE, recorded_group};
use exposure::SecurityGroup;
use jiff::Timestamp;
use plain_text::error_chain;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::Record;
use super::described_group::Text;

/// A configuration item.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct Item<'a> {
    resource_type: Option<Text<'a>>,
    resource_id: Option<Text<'a>>,
    configuration_item_status: Option<Text<'a>>,
    #[serde(borrow)]
    configuration_item_capture_time: Option<&'a RawValue>,
    #[serde(borrow)]
    configuration_state_id: Option<&'a RawValue>,
    /// In snapshots, histories and events; in results of queries it is `arn`.
    #[serde(rename = "ARN")]
    upper_case_arn: Option<Text<'a>>,
    arn: Option<Text<'a>>,
    aws_account_id: Option<Text<'a>>,
    account_id: Option<Text<'a>>,
    aws_region: Option<Text<'a>>,
    #[serde(borrow)]
    tags: Option<&'a RawValue>,
    #[serde(borrow)]
    configuration: Option<&'a RawValue>,
}

/// Content of an item.
#[derive(Debug)]
pub(super) enum ItemContent {
    /// A group that exists.
    Group(Box<Record>),
    /// A group that is deleted or no longer recorded.
    Deleted,
    /// The item is not understood.
    Problem(String),
}

/// The resource of an item.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Resource<'a> {
    id: &'a str,
    account: Option<&'a str>,
    region: Option<&'a str>,
}

/// What orders the items of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) captured: Timestamp,
    /// Number of the state of the resource; greater is newer.
    state: Option<u64>,
}

impl Version {
    /// Whether this is newer than the other one, older, or possibly either of both.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let by_state = || self.state.zip(other.state).map_or(Ordering::Equal, |(one, other)| one.cmp(&other));
        self.captured.cmp(&other.captured).then_with(by_state)
    }
}

/// The parts of an item that say what its group is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    /// Id, account, region, and as JSON the tags and the configuration.
    pub(super) texts: [Option<&'a str>; 5],
    /// Whether the group is deleted or no longer recorded.
    pub(super) is_gone: bool,
}

/// The tags of an item: a map in snapshots and events, a list in the results of queries.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tags {
    Map(BTreeMap<String, Option<String>>),
    List(Vec<Object<ListedTag>>),
}

#[derive(Deserialize)]
struct ListedTag {
    key: String,
    value: Option<String>,
}

fn text<'t>(text: Option<&'t Text<'_>>) -> Option<&'t str> {
    text.map(|text| text.0.as_ref())
}

impl Item<'_> {
    /// Whether this is enough of an item to be treated as one.
    pub(super) fn is_item(&self) -> bool {
        self.resource_type.is_some() || self.configuration.is_some() && self.resource_id.is_some()
    }

    /// Whether this is all of an item, and not a reference to another resource in one.
    pub(super) fn is_whole(&self) -> bool {
        self.resource_type.is_some() && self.configuration.is_some()
    }

    /// Whether the item is of another type than a security group.
    pub(super) fn is_of_other_type(&self) -> bool {
        self.resource_type.as_ref().is_some_and(|of| of.0 != SECURITY_GROUP_RESOURCE_TYPE)
    }

    pub(super) fn resource(&self) -> Option<Resource<'_>> {
        Some(Resource { id: text(self.resource_id.as_ref())?, account: self.account(), region: self.region() })
    }

    fn account(&self) -> Option<&str> {
        let of_arn = || self.arn_part(4);
        text(self.aws_account_id.as_ref().or(self.account_id.as_ref())).or_else(of_arn)
    }

    fn region(&self) -> Option<&str> {
        text(self.aws_region.as_ref()).or_else(|| self.arn_part(3))
    }

    fn arn_part(&self, at: usize) -> Option<&str> {
        let arn = self.upper_case_arn.as_ref().or(self.arn.as_ref())?;
        arn.0.split(':').nth(at).filter(|part| !part.is_empty())
    }

    /// When the item was captured; `None` if it does not say so.
    pub(super) fn version(&self) -> Option<Version> {
        let state = self.configuration_state_id.map(|id| id.get().trim_matches('"')).and_then(|id| id.parse().ok());
        Some(Version { captured: self.captured_at()?, state })
    }

    /// Time of capture: seconds in answers of the API, text in events and snapshots.
    fn captured_at(&self) -> Option<Timestamp> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Time {
            Text(Timestamp),
            Seconds(f64),
        }
        match serde_json::from_str(self.configuration_item_capture_time?.get()).ok()? {
            Time::Text(at) => Some(at),
            Time::Seconds(seconds) => {
                Timestamp::from_duration(jiff::SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
            }
        }
    }

    /// The parts that say what the group is.
    pub(super) fn parts(&self) -> Parts<'_> {
        let status = text(self.configuration_item_status.as_ref());
        let texts = [
            text(self.resource_id.as_ref()),
            self.account(),
            self.region(),
            self.tags.map(RawValue::get),
            self.configuration.map(RawValue::get),
        ];
        let gone = ["ResourceDeleted", "ResourceDeletedNotRecorded", "ResourceNotRecorded"];
        Parts { texts, is_gone: status.is_some_and(|status| gone.contains(&status)) }
    }
}

impl Parts<'_> {
    pub(super) fn id(&self) -> Option<&str> {
        let [id, ..] = self.texts;
        id
    }

    /// Whether both describe the same group, in whatever form.
    pub(super) fn is_same_as(self, other: Parts<'_>) -> bool {
        match (self.content(), other.content()) {
            (ItemContent::Group(one), ItemContent::Group(other)) => one == other,
            (ItemContent::Deleted, ItemContent::Deleted) => true,
            (ItemContent::Problem(one), ItemContent::Problem(other)) => one == other,
            _ => false,
        }
    }

    /// The group that the item describes.
    pub(super) fn content(self) -> ItemContent {
        if self.is_gone {
            return ItemContent::Deleted;
        }
        self.record().map_or_else(ItemContent::Problem, |record| ItemContent::Group(Box::new(record)))
    }

    fn record(self) -> Result<Record, String> {
        let [id, account, region, tags, configuration] = self.texts;
        let id = id.ok_or("configuration item without `resourceId`: select `resourceId` as well")?;
        let configuration =
            configuration.ok_or("configuration item without `configuration`: select `configuration` as well")?;
        // A tag without a value is left out: it may be an exemption that is over.
        let tags = match tags.map(serde_json::from_str) {
            None | Some(Ok(None)) => BTreeMap::new(),
            Some(Ok(Some(Tags::Map(tags)))) => {
                tags.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
            }
            Some(Ok(Some(Tags::List(tags)))) => {
                tags.into_iter().filter_map(|Object(tag)| Some((tag.key, tag.value?))).collect()
            }
            Some(Err(problem)) => return Err(format!("the tags are neither a map nor a list of tags: {problem}")),
        };
        let group = group(id, account, &tags, configuration)?;
        Ok(Record { region: region.map(str::to_owned), ..Record::new(group) })
    }
}

/// The error with its causes, and the remedy if the query selected too little.
fn message(error: &ItemError, configuration: &str) -> String {
    let text = error_chain(error);
    let is_partial = match error {
        ItemError::NoPermissions { .. } => true,
        ItemError::OtherGroup { .. } => !configuration.contains("groupId"),
        _ => false,
    };
    if is_partial { format!("{text}: select the whole `configuration`") } else { text }
}

/// A bare `configuration`: a group in AWS Config's spelling.
pub(super) fn configuration(id: &str, json: &str) -> Result<Record, String> {
    group(id, None, &BTreeMap::new(), json).map(Record::new)
}

/// The group that a configuration describes, or why it is not understood.
fn group(
    id: &str,
    account: Option<&str>,
    tags: &BTreeMap<String, String>,
    configuration: &str,
) -> Result<SecurityGroup, String> {
    let group = recorded_group(id, account, tags, configuration).map_err(|problem| message(&problem, configuration))?;
    let has_sources = if configuration.starts_with('"') {
        serde_json::from_str::<Text<'_>>(configuration).is_ok_and(|text| has_ipv4_sources(&text.0))
    } else {
        has_ipv4_sources(configuration)
    };
    if has_sources {
        return Ok(group);
    }
    Err(format!("the configuration of `{id}` has rules without `ipRanges`: select the whole `configuration`"))
}

/// Whether every permission has its IPv4 sources, or no list of sources at all, which makes a rule of an unknown source. A
/// query may select other lists only.
fn has_ipv4_sources(configuration: &str) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Configuration {
        ip_permissions: Option<Vec<Permission>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Permission {
        #[serde(default, deserialize_with = "is_there")]
        ipv4_ranges: bool,
        #[serde(default, deserialize_with = "is_there")]
        ip_ranges: bool,
        ipv6_ranges: Option<IgnoredAny>,
        prefix_list_ids: Option<IgnoredAny>,
        user_id_group_pairs: Option<IgnoredAny>,
    }
    // An item may have null for an empty list.
    fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| true)
    }
    let has_sources = |permission: &Permission| {
        let others = [&permission.ipv6_ranges, &permission.prefix_list_ids, &permission.user_id_group_pairs];
        permission.ipv4_ranges || permission.ip_ranges || others.into_iter().all(Option::is_none)
    };
    serde_json::from_str::<Configuration>(configuration)
        .is_ok_and(|configuration| configuration.ip_permissions.unwrap_or_default().iter().all(has_sources))
}
