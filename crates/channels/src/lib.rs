#![doc = include_str!("../README.md")]

mod answer;
mod channel;
#[cfg(any(test, feature = "fakes"))]
pub mod check;
#[cfg(any(test, feature = "fakes"))]
mod fake;
mod http;
mod notice;
mod parts;
mod secret;
mod slack;
mod teams;
mod text;
pub mod words;

pub use self::channel::{Channel, Delivered, Failure, Retry};
#[cfg(any(test, feature = "fakes"))]
pub use self::fake::{FakeHttp, Reply};
pub use self::http::{Http, HttpError, Method, Request, Response};
pub use self::notice::Notice;
pub use self::secret::Secret;
pub use self::slack::{Slack, SlackWebhook};
pub use self::teams::Teams;
