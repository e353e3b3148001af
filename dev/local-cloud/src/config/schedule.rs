//! Scheduled notifications, and notifications that tests trigger.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::delivery::{self, Delivery, Message};
use super::rule_api::no_such_rule;
use crate::clock;
use crate::cloud::Cloud;
use crate::wire::{AwsError, Reply, input};

/// Sends scheduled notifications at their time, until the process ends.
pub(crate) async fn run(cloud: Arc<Cloud>) {
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let settings = cloud.settings();
        let now = clock::now();
        let mut state = cloud.config();
        let mut due = Vec::new();
        for rule in state.rules.values_mut() {
            if let (Some(hours), Some(next)) = (rule.hours(), rule.next_schedule)
                && next <= now
            {
                rule.next_schedule = Some(clock::after(now, hours * settings.schedule_hour_seconds));
                due.push(Delivery { rule: rule.name.clone(), message: Message::Scheduled });
            }
        }
        for one in &due {
            state.enqueue(one, &cloud.location, &settings);
        }
        drop(state);
        delivery::pump(&cloud);
    }
}

/// Sends a scheduled notification to a rule now.
pub(crate) fn schedule_now(cloud: &Arc<Cloud>, rule: &str) -> Reply {
    deliver(cloud, &Delivery { rule: rule.to_owned(), message: Message::Scheduled })
}

fn deliver(cloud: &Arc<Cloud>, one: &Delivery) -> Reply {
    let settings = cloud.settings();
    let name = one.rule.clone();
    let number = cloud.config().enqueue(one, &cloud.location, &settings).ok_or_else(|| no_such_rule(&name))?;
    delivery::pump(cloud);
    Ok(json!({"invocationId": number}))
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Variant {
    /// The newest item, again.
    Duplicate,
    /// The second-newest item, out of order.
    Late,
    /// The newest item, with the flag that it has left the scope of the rule.
    LeftScope,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Redelivery {
    rule_name: String,
    resource_id: String,
    variant: Variant,
}

/// Delivers an item again, out of order, or as one that has left the scope.
pub(crate) fn redeliver(cloud: &Arc<Cloud>, data: Value) -> Reply {
    let request: Redelivery = input(data)?;
    let item = {
        let state = cloud.config();
        let history = &state.history;
        let item = match request.variant {
            Variant::Late => history.before_last(&request.resource_id),
            Variant::Duplicate | Variant::LeftScope => history.last(&request.resource_id),
        };
        item.map(Arc::clone).ok_or_else(|| {
            AwsError::validation(format!(
                "{} has no recorded item for the variant {:?}: change it first",
                request.resource_id, request.variant
            ))
        })?
    };
    let message =
        Message::Change { diff: item.diff.clone(), item, left_scope: matches!(request.variant, Variant::LeftScope) };
    deliver(cloud, &Delivery { rule: request.rule_name, message })
}
