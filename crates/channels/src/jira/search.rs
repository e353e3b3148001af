//! The tickets of a finding, by its label.

use super::client::{Answer, Call, Client};
use super::ticket::Ticket;
use crate::answer::Effect;
use crate::channel::Failure;
use crate::http::{Http, Method};

/// Pages of 50 tickets that are read at most.
const PAGES_MAX: usize = 10;
/// Open tickets with the same label that are looked at: more than one are clones that people made.
const OPEN_MAX: usize = 5;

/// Fields that are searched for. Without descriptions, a page of tickets is far below a megabyte.
const FIELDS: [&str; 5] = ["status", "resolutiondate", "statuscategorychangedate", "updated", "labels"];

/// The tickets of a finding.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The one that is open.
    pub(super) open: Option<Ticket>,
    /// The newest of those that are closed.
    pub(super) closed: Option<Ticket>,
}

impl Found {
    /// Of several open tickets the oldest counts: a clone has the labels of the original.
    fn add(&mut self, ticket: Ticket) {
        if ticket.is_closed() {
            let is_newer = self.closed.as_ref().is_none_or(|known| known.number() < ticket.number());
            self.closed = if is_newer { Some(ticket) } else { self.closed.take() };
        } else {
            let is_older = self.open.as_ref().is_none_or(|known| ticket.number() < known.number());
            self.open = if is_older { Some(ticket) } else { self.open.take() };
        }
    }
}

impl<H: Http> Client<'_, H> {
    /// The tickets with a label, in all projects that the user sees: a ticket that moved is still the one of the finding.
    ///
    /// The index that is searched lags, so each ticket that matters is read again.
    pub(super) async fn find(&self, label: &str, known: Option<Ticket>) -> Result<Found, Failure> {
        let reconcile = known.as_ref().and_then(|ticket| ticket.id.parse().ok());
        let tickets = self.search(label, reconcile).await?;
        let known_id = known.as_ref().map(|ticket| ticket.id.clone());
        let others = || tickets.iter().filter(|ticket| Some(&ticket.id) != known_id.as_ref());
        let newest_closed = others().filter(|ticket| ticket.is_closed()).max_by_key(|ticket| ticket.number());
        let mut open: Vec<&Ticket> = others().filter(|ticket| !ticket.is_closed()).collect();
        open.sort_by_key(|ticket| ticket.number());
        open.truncate(OPEN_MAX);
        let mut found = Found::default();
        if let Some(ticket) = known {
            found.add(ticket);
        }
        for ticket in open.into_iter().chain(newest_closed) {
            if let Some(ticket) = self.ticket(&ticket.id).await? {
                found.add(ticket);
            }
        }
        Ok(found)
    }

    async fn search(&self, label: &str, reconcile: Option<u64>) -> Result<Vec<Ticket>, Failure> {
        let call = Call { what: "search for the ticket", permission: "Browse projects", effect: Effect::Harmless };
        // A label consists of letters, digits and hyphens.
        let jql = format!("labels = \"{label}\" ORDER BY created DESC");
        let mut tickets = Vec::new();
        let mut after = None;
        for _ in 0..PAGES_MAX {
            let body = self.dialect.search(&jql, &FIELDS, after.as_ref(), reconcile);
            let page = match self.call(call, Method::Post, self.dialect.search_path(), &body).await? {
                Answer::Missing => return Err(call.repair("Jira does not know the search: check `url` and `flavour`")),
                answer => call.done(answer)?,
            };
            let issues = page.get("issues").cloned().unwrap_or_default();
            tickets.extend(call.read::<Vec<Ticket>>(issues)?);
            after = self.dialect.next(&page);
            if after.is_none() {
                break;
            }
        }
        tickets.retain(|ticket| ticket.fields.labels.iter().any(|known| known == label));
        Ok(tickets)
    }
}
