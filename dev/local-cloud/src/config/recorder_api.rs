//! Operations on the recorder, the delivery channel and the recorded resources.

use serde::Deserialize;
use serde_json::{Value, json};

use super::item::{ItemStatus, SECURITY_GROUP};
use super::recorder::Recorder;
use super::{State, text};
use crate::clock;
use crate::cloud::{Cloud, Location};
use crate::paging::page;
use crate::wire::{AwsError, Reply, input};

/// Returns a running recorder as most accounts have it.
pub(crate) fn default_recorder(location: &Location) -> Recorder {
    Recorder {
        name: "default".to_owned(),
        definition: json!({
            "name": "default",
            "roleARN": format!(
                "arn:aws:iam::{}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig", location.account),
            "recordingGroup": {"allSupported": true, "includeGlobalResourceTypes": true, "resourceTypes": []},
        }),
        recording: true,
        last_start: Some(clock::now()),
        last_stop: None,
    }
}

fn no_recorder() -> AwsError {
    AwsError::new("NoAvailableConfigurationRecorderException", "Configuration recorder is not available.")
}

fn no_such_recorder(name: &str) -> AwsError {
    AwsError::new(
        "NoSuchConfigurationRecorderException",
        format!("Cannot find configuration recorder with the specified name '{name}'."),
    )
}

/// Returns the recorder, or the error of AWS if there is none.
pub(crate) fn available(state: &State) -> Result<&Recorder, AwsError> {
    state.recorder.as_ref().ok_or_else(no_recorder)
}

/// `PutConfigurationRecorder`.
pub(crate) fn put_recorder(cloud: &Cloud, data: &Value) -> Reply {
    let definition = data.get("ConfigurationRecorder").cloned().unwrap_or_default();
    let name = text(&definition, "name").unwrap_or("default").to_owned();
    let mut state = cloud.config();
    match &mut state.recorder {
        Some(recorder) if recorder.name != name => {
            return Err(AwsError::new(
                "MaxNumberOfConfigurationRecordersExceededException",
                format!(
                    "Failed to put configuration recorder '{name}' because the maximum number of configuration \
                         recorders: 1 is reached."
                ),
            ));
        }
        Some(recorder) => recorder.definition = definition,
        None => {
            state.recorder = Some(Recorder { name, definition, recording: false, last_start: None, last_stop: None });
        }
    }
    drop(state);
    cloud.changed.notify_one();
    Ok(json!({}))
}

fn asked_for(state: &State, data: &Value) -> Result<Option<Recorder>, AwsError> {
    let names = data.get("ConfigurationRecorderNames").and_then(Value::as_array).cloned().unwrap_or_default();
    for name in names.iter().filter_map(Value::as_str) {
        if state.recorder.as_ref().is_none_or(|recorder| recorder.name != name) {
            return Err(no_such_recorder(name));
        }
    }
    Ok(state.recorder.clone())
}

/// `DescribeConfigurationRecorders`.
pub(crate) fn describe_recorders(cloud: &Cloud, data: &Value) -> Reply {
    let recorder = asked_for(&cloud.config(), data)?;
    Ok(json!({"ConfigurationRecorders": recorder.into_iter().map(|r| r.definition).collect::<Vec<_>>()}))
}

/// `DescribeConfigurationRecorderStatus`.
pub(crate) fn describe_status(cloud: &Cloud, data: &Value) -> Reply {
    let recorder = asked_for(&cloud.config(), data)?;
    let status = recorder.map(|r| {
        json!({
            "name": r.name,
            "recording": r.recording,
            "lastStatus": if r.last_start.is_some() { "SUCCESS" } else { "PENDING" },
            "lastStartTime": clock::epoch_or_null(r.last_start),
            "lastStopTime": clock::epoch_or_null(r.last_stop),
            "lastStatusChangeTime": clock::epoch_or_null(r.last_stop.max(r.last_start)),
        })
    });
    Ok(json!({"ConfigurationRecordersStatus": status.into_iter().collect::<Vec<_>>()}))
}

/// `StartConfigurationRecorder` and `StopConfigurationRecorder`.
pub(crate) fn set_recording(cloud: &Cloud, data: &Value, recording: bool) -> Reply {
    let name = text(data, "ConfigurationRecorderName").unwrap_or_default().to_owned();
    let mut state = cloud.config();
    if recording && state.channel.is_none() && !state.default_recorder {
        return Err(AwsError::new(
            "NoAvailableDeliveryChannelException",
            "Delivery channel is not available to start configuration recorder.",
        ));
    }
    let recorder =
        state.recorder.as_mut().filter(|recorder| recorder.name == name).ok_or_else(|| no_such_recorder(&name))?;
    recorder.recording = recording;
    *(if recording { &mut recorder.last_start } else { &mut recorder.last_stop }) = Some(clock::now());
    state.scan_everything();
    drop(state);
    cloud.changed.notify_one();
    Ok(json!({}))
}

/// `DeleteConfigurationRecorder`.
pub(crate) fn delete_recorder(cloud: &Cloud, data: &Value) -> Reply {
    let name = text(data, "ConfigurationRecorderName").unwrap_or_default();
    let mut state = cloud.config();
    if state.recorder.as_ref().is_none_or(|recorder| recorder.name != name) {
        return Err(no_such_recorder(name));
    }
    state.recorder = None;
    state.default_recorder = false;
    Ok(json!({}))
}

/// `PutDeliveryChannel`.
pub(crate) fn put_channel(cloud: &Cloud, data: &Value) -> Reply {
    let mut state = cloud.config();
    available(&state)?;
    state.channel = data.get("DeliveryChannel").cloned();
    Ok(json!({}))
}

/// `DescribeDeliveryChannels`.
pub(crate) fn describe_channels(cloud: &Cloud) -> Value {
    json!({"DeliveryChannels": cloud.config().channel.iter().collect::<Vec<_>>()})
}

/// `DeleteDeliveryChannel`.
pub(crate) fn delete_channel(cloud: &Cloud) -> Reply {
    let mut state = cloud.config();
    if state.recorder.as_ref().is_some_and(|recorder| recorder.recording) {
        return Err(AwsError::new(
            "LastDeliveryChannelDeleteFailedException",
            "Failed to delete last specified delivery channel, because there is a running configuration recorder.",
        ));
    }
    state.channel.take().ok_or_else(|| {
        AwsError::new("NoSuchDeliveryChannelException", "Cannot find delivery channel with the specified name.")
    })?;
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HistoryRequest {
    resource_type: String,
    resource_id: String,
    later_time: Option<Value>,
    earlier_time: Option<Value>,
    chronological_order: Option<String>,
    limit: Option<usize>,
    next_token: Option<String>,
}

/// `GetResourceConfigHistory`, newest first.
pub(crate) fn history(cloud: &Cloud, data: Value) -> Reply {
    let request: HistoryRequest = input(data)?;
    let state = cloud.config();
    available(&state)?;
    let items = state.history.of(&request.resource_id);
    if request.resource_type != SECURITY_GROUP || items.is_empty() {
        return Err(AwsError::new(
            "ResourceNotDiscoveredException",
            format!(
                "Resource {} of resourceType:{} is unknown or has not been discovered",
                request.resource_id, request.resource_type
            ),
        ));
    }
    let later = request.later_time.as_ref().and_then(clock::parse);
    let earlier = request.earlier_time.as_ref().and_then(clock::parse);
    if let (Some(earlier), Some(later)) = (earlier, later)
        && earlier > later
    {
        return Err(AwsError::new("InvalidTimeRangeException", "The earlier time must not be after the later time."));
    }
    let within = items
        .iter()
        .filter(|item| later.is_none_or(|later| item.captured <= later))
        .filter(|item| earlier.is_none_or(|earlier| item.captured >= earlier))
        .map(|item| item.history(&cloud.location));
    let items: Vec<Value> = if request.chronological_order.as_deref() == Some("Forward") {
        within.collect()
    } else {
        within.rev().collect()
    };
    let limit = request.limit.filter(|limit| *limit > 0).unwrap_or(10);
    let (items, token) = page(items, request.next_token.as_deref(), limit)?;
    Ok(json!({"configurationItems": items, "nextToken": token}))
}

/// `BatchGetResourceConfig`, which returns neither deleted resources nor tags.
pub(crate) fn batch(cloud: &Cloud, data: &Value) -> Reply {
    let state = cloud.config();
    available(&state)?;
    let (mut items, mut unprocessed) = (Vec::new(), Vec::new());
    for key in data.get("resourceKeys").and_then(Value::as_array).into_iter().flatten() {
        let of_type = text(key, "resourceType") == Some(SECURITY_GROUP);
        let found = state.history.last(text(key, "resourceId").unwrap_or_default()).filter(|_| of_type);
        match found {
            Some(item) if item.status != ItemStatus::Deleted => items.push(Value::Object(item.base(&cloud.location))),
            _ => unprocessed.push(key.clone()),
        }
    }
    Ok(json!({"baseConfigurationItems": items, "unprocessedResourceKeys": unprocessed}))
}

/// `ListDiscoveredResources`.
pub(crate) fn discovered(cloud: &Cloud, data: &Value) -> Reply {
    let state = cloud.config();
    available(&state)?;
    let deleted = data.get("includeDeletedResources").and_then(Value::as_bool).unwrap_or(false);
    let ids: Vec<&str> =
        data.get("resourceIds").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let items: Vec<Value> = state
        .history
        .newest()
        .filter(|_| text(data, "resourceType") == Some(SECURITY_GROUP))
        .filter(|item| deleted || item.status != ItemStatus::Deleted)
        .filter(|item| ids.is_empty() || ids.contains(&item.resource_id.as_str()))
        .map(|item| {
            let gone = (item.status == ItemStatus::Deleted).then_some(item.captured);
            json!({"resourceType": SECURITY_GROUP, "resourceId": item.resource_id, "resourceName": item.resource_name,
                   "resourceDeletionTime": clock::epoch_or_null(gone)})
        })
        .collect();
    let limit = data.get("limit").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    let (items, token) = page(items, text(data, "nextToken"), limit.unwrap_or(100))?;
    Ok(json!({"resourceIdentifiers": items, "nextToken": token}))
}
