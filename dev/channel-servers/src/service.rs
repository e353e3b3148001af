//! The services by their names, and one way to each.

use channels::fakes::jira::Jira;
use channels::fakes::pagerduty::PagerDuty;
use channels::fakes::slack::{Slack, SlackWebhook};
use channels::fakes::teams::Teams;
use channels::fakes::webhook::Webhook;
use channels::fakes::{Call, Service};
use channels::{Response, fakes};
use jiff::Timestamp;
use routing::JiraFlavour;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A service, as the control interface names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Name {
    /// The Web API of Slack.
    Slack,
    /// An incoming webhook of Slack.
    SlackWebhook,
    /// Jira Cloud.
    Jira,
    /// Jira Data Center.
    JiraDataCenter,
    /// The Events API of `PagerDuty`.
    #[serde(rename = "pagerduty")]
    PagerDuty,
    /// A workflow of Teams.
    Teams,
    /// A receiver of webhooks.
    Webhook,
}

impl Name {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Slack,
        Self::SlackWebhook,
        Self::Jira,
        Self::JiraDataCenter,
        Self::PagerDuty,
        Self::Teams,
        Self::Webhook,
    ];

    /// As the control interface writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::SlackWebhook => "slackWebhook",
            Self::Jira => "jira",
            Self::JiraDataCenter => "jiraDataCenter",
            Self::PagerDuty => "pagerduty",
            Self::Teams => "teams",
            Self::Webhook => "webhook",
        }
    }
}

/// All services.
#[derive(Debug)]
pub struct Services {
    /// The Web API of Slack.
    pub slack: Slack,
    /// An incoming webhook of Slack.
    pub slack_webhook: SlackWebhook,
    /// Jira Cloud.
    pub jira: Jira,
    /// Jira Data Center.
    pub jira_data_center: Jira,
    /// The Events API of `PagerDuty`.
    pub pagerduty: PagerDuty,
    /// A workflow of Teams.
    pub teams: Teams,
    /// A receiver of webhooks.
    pub webhook: Webhook,
}

impl Default for Services {
    fn default() -> Self {
        Self {
            slack: Slack::default(),
            slack_webhook: SlackWebhook::default(),
            jira: Jira::new(JiraFlavour::Cloud),
            jira_data_center: Jira::new(JiraFlavour::DataCenter),
            pagerduty: PagerDuty::default(),
            teams: Teams::default(),
            webhook: Webhook::default(),
        }
    }
}

/// A service, whatever its settings are.
pub trait AnyService {
    /// The name of what is called, or an empty one.
    fn operation(&self, call: &Call) -> &'static str;
    /// The names of all that can be called.
    fn operations(&self) -> &'static [&'static str];
    /// Carries a call out.
    fn serve(&mut self, call: &Call, now: Timestamp) -> Response;
    /// The answer if the service limits the rate of calls.
    fn limited(&self) -> Response;
    /// What it has been told.
    fn state(&self) -> Value;
    /// Forgets what it has been told.
    fn clear(&mut self);
    /// What it had to refuse.
    fn violations(&self) -> Value;
    /// Its settings.
    fn settings(&self) -> Value;
    /// Changes some of its settings.
    ///
    /// # Errors
    ///
    /// If it has no such setting, or the setting no such value.
    fn change(&mut self, changes: &Value) -> Result<(), serde_json::Error>;
}

impl<S: Service> AnyService for S {
    fn operation(&self, call: &Call) -> &'static str {
        Service::operation(self, call)
    }

    fn operations(&self) -> &'static [&'static str] {
        Service::operations(self)
    }

    fn serve(&mut self, call: &Call, now: Timestamp) -> Response {
        Service::serve(self, call, now)
    }

    fn limited(&self) -> Response {
        Service::limited(self)
    }

    fn state(&self) -> Value {
        Service::state(self)
    }

    fn clear(&mut self) {
        Service::clear(self);
    }

    fn violations(&self) -> Value {
        let violations: &[fakes::Violation] = Service::violations(self);
        json!(violations)
    }

    fn settings(&self) -> Value {
        json!(Service::settings(self))
    }

    fn change(&mut self, changes: &Value) -> Result<(), serde_json::Error> {
        let changes: serde_json::Map<String, Value> = serde_json::from_value(changes.clone())?;
        let mut settings = AnyService::settings(self);
        if let Some(settings) = settings.as_object_mut() {
            settings.extend(changes);
        }
        Service::set(self, serde_json::from_value(settings)?);
        Ok(())
    }
}

impl Services {
    /// A service by its name.
    pub fn get(&mut self, name: Name) -> &mut dyn AnyService {
        match name {
            Name::Slack => &mut self.slack,
            Name::SlackWebhook => &mut self.slack_webhook,
            Name::Jira => &mut self.jira,
            Name::JiraDataCenter => &mut self.jira_data_center,
            Name::PagerDuty => &mut self.pagerduty,
            Name::Teams => &mut self.teams,
            Name::Webhook => &mut self.webhook,
        }
    }

    /// Something of each, by its name.
    pub fn each(&mut self, of: impl Fn(&mut dyn AnyService) -> Value) -> Value {
        let all = Name::ALL.map(|name| (name.as_str().to_owned(), of(self.get(name))));
        Value::Object(all.into_iter().collect())
    }
}
