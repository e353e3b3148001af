//! Jira: one open ticket for each finding.
//!
//! Each delivery reads what Jira has, and makes the difference: the ticket by its name in the outbox or by its label, its
//! status, its newest comments. So it can be repeated after any of its calls. Only the creation of a ticket cannot be seen
//! at once, since the index that is searched lags: after an attempt of which the outcome is unknown, nothing is done until
//! the index has caught up.

mod adf;
mod client;
mod create;
mod dialect;
mod end;
mod fields;
mod link;
mod mark;
mod open;
mod page;
mod pages;
mod search;
mod ticket;
mod transition;
mod users;
mod wiki;

use std::fmt;

use findings::finding::Told;
use jiff::{SignedDuration, Timestamp};
use routing::Jira as Settings;

use self::client::Client;
use self::dialect::Dialect;
use self::mark::Mark;
use self::search::Found;
use crate::channel::{Channel, Delivered, Failure, Retry};
use crate::http::Http;
use crate::notice::Notice;
use crate::secret::Secret;

/// Time from the beginning of an attempt until a search finds what it made: the calls of the attempt, and the lag of the
/// index, which Atlassian gives as some seconds, and minutes in rare cases.
///
/// Source: <https://developer.atlassian.com/cloud/jira/platform/search-and-reconcile/>
pub const JIRA_LAG: SignedDuration = SignedDuration::from_mins(5);

/// A project of Jira, of either product.
pub struct Jira<H> {
    http: H,
    secret: Secret,
    settings: Settings,
}

impl<H> fmt::Debug for Jira<H> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Jira").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<H: Http> Jira<H> {
    /// The channel with these settings. `secret` is `e-mail:token` for Cloud, a personal access token for Data Center.
    #[must_use]
    pub fn new(http: H, secret: Secret, settings: Settings) -> Self {
        Self { http, secret, settings }
    }

    fn client(&self, now: Timestamp) -> Result<Client<'_, H>, Failure> {
        let dialect = Dialect::from(self.settings.flavour);
        let authorization = dialect
            .authorization(&self.secret)
            .map_err(|error| Failure::Refused { error: error.to_owned(), retry: Retry::AfterNewCredentials })?;
        let base = self.settings.url.trim_end_matches('/');
        Ok(Client { http: &self.http, base, dialect, authorization, now })
    }
}

impl<H: Http> Channel for Jira<H> {
    async fn deliver(&self, notice: &Notice<'_>) -> Result<Delivered, Failure> {
        let client = self.client(notice.now)?;
        let settled = notice.due.last_unknown.map(|last| last.saturating_add(JIRA_LAG).unwrap_or(last));
        if let Some(settled) = settled.filter(|settled| notice.now < *settled) {
            return Err(Failure::NotBefore(settled));
        }
        let label = notice.finding.key().label();
        let mark = Mark::new(notice);
        let task = Task { client, settings: &self.settings, notice, label, mark };
        match notice.due.tells {
            Told::Open => task.open().await,
            Told::Ended => task.end().await,
            Told::Nothing => Ok(Delivered::default()),
        }
    }
}

/// A delivery.
struct Task<'a, H> {
    client: Client<'a, H>,
    settings: &'a Settings,
    notice: &'a Notice<'a>,
    label: String,
    mark: Mark,
}

impl<H: Http> Task<'_, H> {
    /// The tickets of the finding. While the one that the outbox names is open, there is nothing to search for: another one
    /// is made only if that one is closed or gone.
    async fn find(&self) -> Result<Found, Failure> {
        let due = self.notice.due;
        let known = match &due.external_id {
            Some(key) => self.client.ticket(key.as_str()).await?,
            None => None,
        };
        match known {
            Some(ticket) if !ticket.is_closed() => Ok(Found { open: Some(ticket), closed: None }),
            known => self.client.find(&self.label, known).await,
        }
    }

    fn took(key: &str) -> Delivered {
        Delivered { external_id: Some(key.into()) }
    }
}
