//! All servers, and where they listen.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use channels::fakes::Call;
use serde::Serialize;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::control;
use crate::gate::Gate;
use crate::http::serve;
use crate::service::Name;
use crate::tls;
use crate::world::{Outcome, World};

/// The listeners of the services, and the clock that they started with.
#[derive(Debug, Clone)]
pub(crate) struct Gates {
    of: BTreeMap<Name, Gate>,
    clock: Clock,
}

impl Gates {
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    pub(crate) async fn set_open(&self, name: Name, is_open: bool) -> io::Result<()> {
        match self.of.get(&name) {
            Some(gate) => gate.set_open(is_open).await,
            None => Ok(()),
        }
    }
}

/// Running servers. They end when they are dropped.
#[derive(Debug)]
pub struct Servers {
    world: World,
    addresses: BTreeMap<&'static str, SocketAddr>,
    /// A gate ends when nobody can tell it anything any more. The control interface has those of the services.
    _gates: [Gate; 2],
}

/// What a program needs to call the services: printed when they are ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    /// Base URL of the Web API of Slack.
    pub slack: String,
    /// URL of the incoming webhook of Slack.
    pub slack_webhook: String,
    /// Base URL of Jira Cloud.
    pub jira: String,
    /// Base URL of Jira Data Center.
    pub jira_data_center: String,
    /// Base URL of the Events API of `PagerDuty`.
    #[serde(rename = "pagerduty")]
    pub pagerduty: String,
    /// URL of the workflow of Teams.
    pub teams: String,
    /// URL of the receiver of webhooks.
    pub webhook: String,
    /// A server with a certificate that nobody trusts.
    pub broken_tls: String,
    /// The control interface.
    pub control: String,
    /// What the channels have to be given as their secrets, by the service.
    pub secrets: Value,
}

impl Servers {
    /// Starts all servers, each on a free port.
    ///
    /// # Errors
    ///
    /// If one cannot be started.
    pub fn start(clock: Clock) -> io::Result<Self> {
        let world = World::default();
        world.lock().clock = clock;
        let (mut gates, mut addresses) = (Gates { of: BTreeMap::new(), clock }, BTreeMap::new());
        for name in Name::ALL {
            let of_server = world.clone();
            let gate = Gate::open(move |stream| {
                let world = of_server.clone();
                async move {
                    serve(stream, |call: Call| std::future::ready(world.receive(name, &call))).await;
                }
            })?;
            addresses.insert(name.as_str(), gate.address());
            gates.of.insert(name, gate);
        }
        let acceptor = tls::untrusted()?;
        let broken = Gate::open(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, |_| std::future::ready(Outcome::Close)).await;
                }
            }
        })?;
        addresses.insert("brokenTls", broken.address());
        let of_control = world.clone();
        let control = Gate::open(move |stream| {
            let (world, gates) = (of_control.clone(), gates.clone());
            async move {
                let answer = |call: Call| {
                    let (world, gates) = (world.clone(), gates.clone());
                    async move { Outcome::Answer(control::answer(&world, &gates, &call).await) }
                };
                serve(stream, answer).await;
            }
        })?;
        addresses.insert("control", control.address());
        Ok(Self { world, addresses, _gates: [broken, control] })
    }

    /// What the servers share.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// URLs and secrets, as they are now.
    #[must_use]
    pub fn ready(&self) -> Ready {
        let at = |name: &str| self.addresses.get(name).map(|address| format!("http://{address}")).unwrap_or_default();
        let mut inner = self.world.lock();
        let services = &mut inner.services;
        let mut setting = |name: Name, key: &str| {
            let settings = services.get(name).settings();
            settings.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let slack_webhook = format!("{}{}", at("slackWebhook"), setting(Name::SlackWebhook, "path"));
        let signature = setting(Name::Teams, "signature");
        let teams = format!("{}{}?api-version=1&sig={signature}", at("teams"), setting(Name::Teams, "path"));
        let webhook = format!("{}/hook", at("webhook"));
        Ready {
            slack: format!("{}/api", at("slack")),
            jira: at("jira"),
            jira_data_center: at("jiraDataCenter"),
            pagerduty: at("pagerduty"),
            broken_tls: at("brokenTls").replace("http://", "https://"),
            control: at("control"),
            secrets: json!({
                "slack": setting(Name::Slack, "token"),
                "slackWebhook": slack_webhook,
                "jira": setting(Name::Jira, "secret"),
                "jiraDataCenter": setting(Name::JiraDataCenter, "secret"),
                "pagerduty": setting(Name::PagerDuty, "routingKey"),
                "teams": teams,
                "webhook": setting(Name::Webhook, "secret"),
            }),
            slack_webhook,
            teams,
            webhook,
        }
    }
}
