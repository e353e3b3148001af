//! The event history of AWS CloudTrail.

use aws_events::cloudtrail::RuleChange;
use aws_traits::AwsError;
use serde::Deserialize;
use serde_json::json;

use super::{ATTEMPT_TIMEOUT, ATTEMPTS, answered};
use crate::aws_service::json::AWS_JSON_1_1;
use crate::aws_service::{AwsService, Service, retries};

const OPERATION: &str = "cloudtrail:LookupEvents";
/// Events of a page, the most that CloudTrail returns.
const PAGE: usize = 50;
/// Pages that are read: CloudTrail answers two requests a second in an account and region, and others ask it, too.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>
const MOST_PAGES: usize = 3;

pub(super) static SERVICE: Service = Service {
    id: "CloudTrail",
    signing_name: "cloudtrail",
    host: "cloudtrail",
    protocol: &AWS_JSON_1_1,
    attempts: ATTEMPTS,
    attempt_timeout: ATTEMPT_TIMEOUT,
    retries: retries::of_what_passes,
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    events: Vec<Event>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    cloud_trail_event: Option<String>,
}

pub(super) async fn rule_changes(service: &AwsService, group_id: &str) -> Result<Vec<RuleChange>, AwsError> {
    let (mut changes, mut from) = (Vec::new(), None::<String>);
    for _ in 0..MOST_PAGES {
        let attribute = json!({"AttributeKey": "ResourceName", "AttributeValue": group_id});
        let mut request = json!({"LookupAttributes": [attribute], "MaxResults": PAGE});
        if let (Some(token), Some(request)) = (from.take(), request.as_object_mut()) {
            request.insert("NextToken".to_owned(), token.into());
        }
        let answer = service
            .json("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents", request.to_string())
            .await;
        let answer = answered(OPERATION, group_id, answer)?;
        let answer: Answer = serde_json::from_str(&answer)
            .map_err(|problem| AwsError::malformed(OPERATION, group_id, &problem.to_string()))?;
        let events = answer.events.iter().filter_map(|event| event.cloud_trail_event.as_deref());
        changes.extend(events.filter_map(RuleChange::from_json));
        from = answer.next_token.filter(|token| !token.is_empty());
        if from.is_none() {
            break;
        }
    }
    Ok(changes)
}
