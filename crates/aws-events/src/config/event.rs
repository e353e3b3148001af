//! Events that AWS Config sends to the Lambda function of a custom rule.

use aws_lambda_events::event::config::ConfigEvent;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::object::Object;

use super::configuration_item::{ConfigurationItem, Wire};

/// One invocation of the rule.
#[derive(Debug, Clone)]
pub struct RuleInvocation {
    /// `configRuleName`.
    pub rule_name: String,
    /// `accountId`: the account that owns the rule.
    pub account_id: Option<String>,
    /// `ruleParameters`: a JSON object as text; absent when the rule has none.
    pub rule_parameters: Option<String>,
    /// `resultToken`: ties evaluations to this invocation. Never to be logged.
    pub result_token: String,
    /// `notificationCreationTime`, which AWS documents for most notifications. `None` if it is missing or malformed.
    pub notified: Option<Timestamp>,
    /// The event itself.
    pub notification: Notification,
}

/// The part of `invokingEvent` that the rule acts upon.
#[derive(Debug, Clone)]
pub enum Notification {
    /// `ConfigurationItemChangeNotification`.
    Change {
        /// The changed resource.
        item: Box<ConfigurationItem>,
        /// Whether the resource has left the scope of the rule.
        left_scope: bool,
    },
    /// `OversizedConfigurationItemChangeNotification`: the item must be read from the history.
    Oversized {
        /// The changed resource.
        summary: ItemSummary,
        /// Whether the resource has left the scope of the rule.
        left_scope: bool,
    },
    /// `ScheduledNotification`: every security group of the account and region is to be judged.
    Scheduled {
        /// `notificationCreationTime`.
        at: Timestamp,
    },
    /// A message of an unknown type, which is ignored.
    Other {
        /// `messageType`.
        message_type: String,
    },
    /// The rule was invoked in `PROACTIVE` mode, which AWS Config does not offer for security groups.
    Proactive,
}

/// `configurationItemSummary`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemSummary {
    /// `resourceType`.
    pub resource_type: String,
    /// `resourceId`.
    pub resource_id: String,
    /// `configurationItemStatus`.
    pub configuration_item_status: String,
    /// `configurationItemCaptureTime`.
    pub configuration_item_capture_time: Timestamp,
}

/// An event is not one of AWS Config.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The Lambda payload is not an AWS Config event.
    #[error("the payload is not an event of an AWS Config rule")]
    Payload(#[source] serde_json::Error),
    /// A required field is missing.
    #[error("the payload is not an event of an AWS Config rule: `{0}` is missing")]
    Missing(&'static str),
    /// `invokingEvent` does not have the fields of its message type.
    #[error("`invokingEvent` cannot be read")]
    InvokingEvent(#[source] serde_json::Error),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    message_type: String,
    notification_creation_time: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Change<'a> {
    #[serde(borrow)]
    configuration_item: Object<Wire<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Oversized {
    configuration_item_summary: Object<ItemSummary>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Scheduled {
    notification_creation_time: Timestamp,
}

impl RuleInvocation {
    /// Reads the payload of a Lambda invocation.
    ///
    /// # Errors
    ///
    /// If the payload is not an event of an AWS Config rule. An unknown message type is no error.
    pub fn from_payload(mut payload: Map<String, Value>) -> Result<Self, EventError> {
        // Some documented samples have no `eventLeftScope`, which `ConfigEvent` requires.
        if payload.get("eventLeftScope").is_none_or(Value::is_null) {
            payload.insert("eventLeftScope".to_owned(), Value::Bool(false));
        }
        let proactive = payload.get("evaluationMode").and_then(Value::as_str) == Some("PROACTIVE");
        let event: ConfigEvent = serde_json::from_value(Value::Object(payload)).map_err(EventError::Payload)?;
        let invoking_event = event.invoking_event.ok_or(EventError::Missing("invokingEvent"))?;
        let (notified, notification) = if proactive {
            (None, Notification::Proactive)
        } else {
            Notification::read(&invoking_event, event.event_left_scope).map_err(EventError::InvokingEvent)?
        };
        Ok(Self {
            rule_name: event.config_rule_name.ok_or(EventError::Missing("configRuleName"))?,
            account_id: event.account_id,
            rule_parameters: event.rule_parameters,
            result_token: event.result_token.ok_or(EventError::Missing("resultToken"))?,
            notified,
            notification,
        })
    }

    /// Returns true if evaluations are only to be validated, not stored: a convention of the AWS RDK.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.result_token == "TESTMODE"
    }
}

impl Notification {
    /// Reads the creation time, if there is one, and the event.
    fn read(invoking_event: &str, left_scope: bool) -> Result<(Option<Timestamp>, Self), serde_json::Error> {
        let Object(Kind { message_type, notification_creation_time }) = serde_json::from_str(invoking_event)?;
        let notified = notification_creation_time.as_ref().and_then(Value::as_str).and_then(|time| time.parse().ok());
        let notification = match message_type.as_str() {
            "ConfigurationItemChangeNotification" => {
                let Object(Change { configuration_item: Object(item) }) = serde_json::from_str(invoking_event)?;
                Self::Change { item: Box::new(item.into()), left_scope }
            }
            "OversizedConfigurationItemChangeNotification" => {
                let Object(Oversized { configuration_item_summary: Object(summary) }) =
                    serde_json::from_str(invoking_event)?;
                Self::Oversized { summary, left_scope }
            }
            "ScheduledNotification" => {
                let Object(Scheduled { notification_creation_time }) = serde_json::from_str(invoking_event)?;
                Self::Scheduled { at: notification_creation_time }
            }
            _ => Self::Other { message_type },
        };
        Ok((notified, notification))
    }
}
