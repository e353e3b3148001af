//! Invocations of the functions of rules: asynchronous, at least once, and with limited concurrency.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::State;
use super::evaluation::Token;
use super::event;
use super::item::{Item, ItemStatus};
use crate::clock;
use crate::cloud::{Cloud, Location};
use crate::settings::Settings;

/// Number of result tokens above which expired tokens are dropped.
const MOST_TOKENS: usize = 10_000;

/// A notification for a rule.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    /// A configuration item of a resource.
    Change {
        /// The configuration item.
        item: Arc<Item>,
        /// `configurationItemDiff`: null unless the item is new.
        diff: Value,
        /// True if the resource is no longer in the scope of the rule.
        left_scope: bool,
    },
    /// A scheduled notification.
    Scheduled,
}

/// A notification and its rule.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// Name of the rule.
    pub(crate) rule: String,
    /// The notification.
    pub(crate) message: Message,
}

/// An unfinished invocation.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// Name of the rule.
    pub(crate) rule: String,
    /// Resource of the notification; `None` if it is a scheduled one.
    pub(crate) resource: Option<String>,
    /// The event; `None` once the function is invoked.
    event: Option<Value>,
    function: String,
    rule_arn: String,
}

/// Returns the notifications of all rules about new items, in the order of the items.
pub(crate) fn of_items(state: &mut State, items: &[Arc<Item>]) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for item in items {
        for rule in state.rules.values_mut().filter(|rule| rule.on_change()) {
            let was = rule.in_scope.contains(&item.resource_id);
            let is = rule.covers(item) && item.status != ItemStatus::Deleted;
            if is {
                rule.in_scope.insert(item.resource_id.clone());
            } else {
                rule.in_scope.remove(&item.resource_id);
            }
            // A deleted resource has a deleted item. Only an existing resource that no longer matches has left the
            // scope.
            let left_scope = was && !is && item.status != ItemStatus::Deleted;
            if is || was {
                let message = Message::Change { item: Arc::clone(item), diff: item.diff.clone(), left_scope };
                deliveries.push(Delivery { rule: rule.name.clone(), message });
            }
        }
    }
    deliveries
}

/// Returns a notification about each resource in the scope of a rule, for a rule that is new, changed or evaluated on
/// demand.
pub(crate) fn of_rule(state: &mut State, name: &str) -> Vec<Delivery> {
    let items: Vec<Arc<Item>> =
        state.history.newest().filter(|item| item.status != ItemStatus::Deleted).map(Arc::clone).collect();
    let Some(rule) = state.rules.get_mut(name) else { return Vec::new() };
    let mut deliveries = Vec::new();
    if rule.on_change() {
        for item in items {
            let was = rule.in_scope.contains(&item.resource_id);
            let is = rule.covers(&item);
            if is {
                rule.in_scope.insert(item.resource_id.clone());
            } else {
                rule.in_scope.remove(&item.resource_id);
            }
            if is || was {
                let message = Message::Change { item, diff: Value::Null, left_scope: !is };
                deliveries.push(Delivery { rule: name.to_owned(), message });
            }
        }
    }
    if rule.hours().is_some() {
        deliveries.push(Delivery { rule: name.to_owned(), message: Message::Scheduled });
    }
    deliveries
}

impl State {
    /// Adds a delivery to the queue. Returns the number of its invocation, or `None` if the rule does not accept it.
    pub(crate) fn enqueue(&mut self, delivery: &Delivery, location: &Location, settings: &Settings) -> Option<u64> {
        let now = clock::now();
        let bucket = self
            .channel
            .as_ref()
            .and_then(|channel| super::text(channel, "s3BucketName"))
            .unwrap_or_default()
            .to_owned();
        let rule = self.rules.get(&delivery.rule)?;
        let (invoking_event, resource, left_scope) = match &delivery.message {
            Message::Scheduled => (event::scheduled(location, now), None, false),
            Message::Change { item, diff, left_scope } => {
                let threshold = settings.oversized_threshold_bytes;
                let text = event::change(location, item, diff, now, threshold, &bucket);
                (text, Some(item.resource_id.clone()), *left_scope)
            }
        };
        let token = event::token(resource.is_none());
        let invocation = Invocation {
            rule: rule.name.clone(),
            resource,
            event: Some(event::envelope(location, rule, &invoking_event, &token, left_scope)),
            function: rule.definition.source.identifier.clone(),
            rule_arn: rule.arn.clone(),
        };
        let lifetime = settings.result_token_lifetime_seconds;
        if self.tokens.len() > MOST_TOKENS {
            self.tokens.retain(|_, token| clock::after(token.issued, lifetime) >= now);
        }
        self.tokens.insert(token, Token { rule: rule.id.clone(), issued: now });
        self.last_invocation = self.last_invocation.wrapping_add(1);
        let number = self.last_invocation;
        self.invocations.insert(number, invocation);
        self.queue.push_back(number);
        Some(number)
    }

    /// Returns the next invocations to start, as many as the concurrency permits.
    fn start_some(&mut self, limit: usize) -> Vec<u64> {
        let running = self.invocations.len().saturating_sub(self.queue.len());
        let free = limit.max(1).saturating_sub(running).min(self.queue.len());
        self.queue.drain(..free).collect()
    }

    /// Returns true if the newest item of a resource is not yet evaluated by this rule.
    pub(crate) fn evaluation_pending(&self, rule: &str, resource: &str) -> bool {
        self.scan.all
            || self.scan.groups.contains(resource)
            || self.invocations.values().any(|invocation| {
                invocation.rule == rule && invocation.resource.as_deref().is_none_or(|id| id == resource)
            })
    }

    fn end(&mut self, number: u64, failure: Option<(&str, &str)>, now: Timestamp) {
        let Some(invocation) = self.invocations.remove(&number) else { return };
        if let Some(rule) = self.rules.get_mut(&invocation.rule) {
            rule.evaluating.remove(&number);
            if let Some((code, message)) = failure {
                rule.status.failed = Some(now);
                rule.status.error = Some((code.to_owned(), message.to_owned()));
            } else {
                rule.status.invoked = Some(now);
            }
        }
    }
}

/// Starts as many invocations as the concurrency permits.
pub(crate) fn pump(cloud: &Arc<Cloud>) {
    let limit = cloud.settings().evaluation_concurrency;
    let numbers = cloud.config().start_some(limit);
    for number in numbers {
        let cloud = Arc::clone(cloud);
        tokio::spawn(async move { invoke(&cloud, number).await });
    }
}

async fn invoke(cloud: &Arc<Cloud>, number: u64) {
    let Some((event, function, rule_arn)) = cloud.config().invocations.get_mut(&number).and_then(|invocation| {
        Some((invocation.event.take()?, invocation.function.clone(), invocation.rule_arn.clone()))
    }) else {
        return;
    };
    let (code, message) = match cloud.bridge.invoke(number, &function, &event, &rule_arn).await {
        Ok(None) => return, // the Python part reports the end
        Ok(Some(refused)) => ("AccessDeniedException", refused),
        Err(error) => ("InternalFailure", error.to_string()),
    };
    tracing::warn!("AWS Config could not invoke {function}: {message}");
    cloud.config().end(number, Some((code, &message)), clock::now());
    cloud.progress.notify_waiters();
    pump(cloud);
}

/// Records the end of an invocation, including its retries.
pub(crate) fn invocation_ended(cloud: &Arc<Cloud>, number: u64) -> Value {
    cloud.config().end(number, None, clock::now());
    cloud.progress.notify_waiters();
    pump(cloud);
    json!({})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::recorder_api::default_recorder;
    use crate::config::rule::Rule;

    fn location() -> Location {
        Location { account: "123456789012".to_owned(), region: "us-east-1".to_owned() }
    }

    fn state(scope: &Value) -> State {
        let definition = serde_json::from_value(json!({"Scope": scope, "Source": {"Owner": "CUSTOM_LAMBDA",
            "SourceIdentifier": "arn:aws:lambda:us-east-1:123456789012:function:f",
            "SourceDetails": [{"EventSource": "aws.config", "MessageType": "ConfigurationItemChangeNotification"}]}}))
        .unwrap();
        let mut state = State::with_recorder(default_recorder(&location()));
        state.rules.insert("r".to_owned(), Rule::new("r", definition, &location(), clock::now()));
        state
    }

    fn group(tags: &Value) -> Value {
        json!({"GroupId": "sg-0aaaaaaaaaaaaaaaa", "GroupName": "web", "Tags": tags})
    }

    #[test]
    fn a_resource_that_stops_matching_leaves_the_scope_once() {
        let mut state = state(&json!({"TagKey": "watched"}));
        let watched = json!([{"Key": "watched", "Value": "yes"}]);
        let items = state.history.record(&[group(&watched)], &[], clock::now());
        assert_eq!(of_items(&mut state, &items).len(), 1);

        let items = state.history.record(&[group(&json!([]))], &[], clock::now());
        let deliveries = of_items(&mut state, &items);
        assert!(matches!(deliveries[0].message, Message::Change { left_scope: true, .. }));

        let items = state.history.record(&[group(&json!([{"Key": "a", "Value": "b"}]))], &[], clock::now());
        assert!(of_items(&mut state, &items).is_empty());
    }

    #[test]
    fn the_queue_respects_the_concurrency_and_lists_pending_resources() {
        let mut state = state(&json!({"ComplianceResourceTypes": ["AWS::EC2::SecurityGroup"]}));
        let items = state.history.record(&[group(&json!([]))], &[], clock::now());
        let settings = Settings::default();
        for delivery in of_items(&mut state, &items).into_iter().cycle().take(3) {
            state.enqueue(&delivery, &location(), &settings);
        }
        assert_eq!(state.start_some(2), [1, 2]);
        assert!(state.start_some(2).is_empty());
        state.end(1, None, clock::now());
        assert_eq!(state.start_some(2), [3]);
        state.scan = super::super::PendingScan::default();
        assert!(state.evaluation_pending("r", "sg-0aaaaaaaaaaaaaaaa"));
        assert!(!state.evaluation_pending("r", "sg-0bbbbbbbbbbbbbbbb"));
        state.end(2, None, clock::now());
        state.end(3, None, clock::now());
        assert!(!state.evaluation_pending("r", "sg-0aaaaaaaaaaaaaaaa"));
    }

    #[test]
    fn an_event_has_the_members_of_the_sample_of_aws() {
        let mut state = state(&Value::Null);
        let items = state.history.record(&[group(&json!([]))], &[], clock::now());
        let delivery = of_items(&mut state, &items).remove(0);
        let number = state.enqueue(&delivery, &location(), &Settings::default()).unwrap();
        let event = state.invocations[&number].event.clone().unwrap();
        let mut names: Vec<&str> = event.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "accountId",
                "configRuleArn",
                "configRuleId",
                "configRuleName",
                "evaluationMode",
                "eventLeftScope",
                "executionRoleArn",
                "invokingEvent",
                "resultToken",
                "version"
            ]
        );
    }
}
