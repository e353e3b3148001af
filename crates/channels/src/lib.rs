#![doc = include_str!("../README.md")]

mod answer;
mod aws;
mod channel;
#[cfg(any(test, feature = "fakes"))]
pub mod check;
mod document;
#[cfg(any(test, feature = "fakes"))]
mod fake;
#[cfg(any(test, feature = "fakes"))]
pub mod fakes;
mod http;
mod jira;
mod notice;
mod pagerduty;
mod parts;
mod secret;
mod security_hub;
mod slack;
mod sns;
mod summary;
mod teams;
mod text;
mod webhook;
pub mod words;

pub use self::aws::AwsCallError;
pub use self::channel::{Channel, Delivered, Failure, Retry};
pub use self::document::NOTICE_FORMAT;
#[cfg(any(test, feature = "fakes"))]
pub use self::fake::{FakeHttp, Reply};
pub use self::http::{Http, HttpError, Method, Request, Response};
pub use self::jira::{JIRA_LAG, Jira};
pub use self::notice::Notice;
pub use self::pagerduty::PagerDuty;
pub use self::secret::{Secret, Secrets};
pub use self::security_hub::{BATCH_MAX, ImportFindings, RefusedFinding, SecurityHub, asff_finding};
pub use self::slack::{Slack, SlackWebhook, slack_channel};
pub use self::sns::{Fifo, Publication, Publish, Sns};
pub use self::summary::{Counts, Occasion, Summarise, Summary, SummaryEntry};
pub use self::teams::Teams;
pub use self::webhook::{Webhook, WebhookKeyError};
