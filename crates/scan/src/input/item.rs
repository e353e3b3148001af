//! Configuration items out of snapshots, of the API, of events and of queries. Less is asked of them than of those that
//! the rule gets: a query leaves out what it was not asked for.

use std::collections::BTreeMap;

use aws_events::{ItemError, Object, SECURITY_GROUP_RESOURCE_TYPE, recorded_group};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Record;
use super::group::Text;

/// A configuration item.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
pub(super) struct Item<'a> {
    resource_type: Option<Text<'a>>,
    resource_id: Option<Text<'a>>,
    configuration_item_status: Option<Text<'a>>,
    #[serde(borrow)]
    configuration_item_capture_time: Option<&'a RawValue>,
    aws_account_id: Option<Text<'a>>,
    account_id: Option<Text<'a>>,
    aws_region: Option<Text<'a>>,
    #[serde(borrow)]
    tags: Option<&'a RawValue>,
    #[serde(borrow)]
    configuration: Option<&'a RawValue>,
}

/// What an item says.
#[derive(Debug)]
pub(super) enum Outcome {
    /// A group that there is.
    Group(Box<Record>),
    /// A group that is gone, or no longer recorded.
    Deleted,
    /// A resource of another type.
    OtherResource,
    /// It cannot be understood.
    Problem(String),
}

/// Which resource an item is of, and when it was so.
#[derive(Debug, PartialEq)]
pub(super) struct Resource {
    pub(super) id: String,
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
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

fn text(text: Option<&Text<'_>>) -> Option<String> {
    text.map(|text| text.0.as_ref().to_owned())
}

impl Item<'_> {
    /// Whether this is enough of an item to be treated as one.
    pub(super) fn is_item(&self) -> bool {
        self.resource_type.is_some() || self.configuration.is_some() && self.resource_id.is_some()
    }

    /// What the item is of, when that was so, and what it says.
    pub(super) fn into_parts(self) -> (Option<Resource>, Option<Timestamp>, Outcome) {
        if self.resource_type.as_ref().is_some_and(|of| of.0 != SECURITY_GROUP_RESOURCE_TYPE) {
            return (None, None, Outcome::OtherResource);
        }
        (self.resource(), self.captured_at(), self.outcome())
    }

    fn resource(&self) -> Option<Resource> {
        Some(Resource {
            id: text(self.resource_id.as_ref())?,
            account: text(self.aws_account_id.as_ref().or(self.account_id.as_ref())),
            region: text(self.aws_region.as_ref()),
        })
    }

    /// When the resource was so. The API has seconds, events and snapshots have text.
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

    fn outcome(self) -> Outcome {
        match self.configuration_item_status.as_ref().map(|status| status.0.as_ref()) {
            Some("ResourceDeleted" | "ResourceDeletedNotRecorded" | "ResourceNotRecorded") => Outcome::Deleted,
            _ => self.record().map_or_else(Outcome::Problem, |record| Outcome::Group(Box::new(record))),
        }
    }

    fn record(self) -> Result<Record, String> {
        let id = text(self.resource_id.as_ref())
            .ok_or("it is a configuration item without `resourceId`: select `resourceId` as well")?;
        let configuration = self.configuration.ok_or("it has no `configuration`: select `configuration` as well")?;
        let account = text(self.aws_account_id.as_ref().or(self.account_id.as_ref()));
        let tags = match self.tags.map(|tags| serde_json::from_str(tags.get())) {
            None | Some(Ok(None)) => BTreeMap::new(),
            Some(Ok(Some(Tags::Map(tags)))) => {
                tags.into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect()
            }
            Some(Ok(Some(Tags::List(tags)))) => {
                tags.into_iter().map(|Object(tag)| (tag.key, tag.value.unwrap_or_default())).collect()
            }
            Some(Err(problem)) => return Err(format!("its tags are neither a map nor a list of tags: {problem}")),
        };
        let region = text(self.aws_region.as_ref());
        let group =
            recorded_group(&id, account.as_deref(), &tags, configuration.get()).map_err(|problem| told(&problem))?;
        Ok(Record { group, region, location: None })
    }
}

/// What is wrong, and what to do about it where somebody has selected too little.
fn told(problem: &ItemError) -> String {
    match problem {
        ItemError::NoPermissions { .. } => format!("{problem}: select the whole `configuration`"),
        _ => problem.to_string(),
    }
}

/// A bare `configuration`: a group in AWS Config's spelling.
pub(super) fn configuration(id: &str, json: &str) -> Result<Record, String> {
    let group = recorded_group(id, None, &BTreeMap::new(), json).map_err(|problem| told(&problem))?;
    Ok(Record { group, region: None, location: None })
}
