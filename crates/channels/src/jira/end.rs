//! The finding has ended: its ticket is closed.

use super::Task;
use super::ticket::Ticket;
use super::transition::Plan;
use crate::channel::{Delivered, Failure, Retry};
use crate::http::Http;

impl<H: Http> Task<'_, H> {
    pub(super) async fn end(&self) -> Result<Delivered, Failure> {
        let found = self.find().await?;
        match (found.open, found.closed) {
            (Some(ticket), _) => self.close(&ticket).await,
            (None, Some(ticket)) => {
                // A person has closed it, or an earlier attempt did: then it has been told.
                let told = self.client.told(&ticket, &self.label).await?;
                if !told.is_some_and(|mark| mark.ended) {
                    self.say(&ticket, None, &[]).await?;
                }
                Ok(Self::took(&ticket.key))
            }
            // Nothing was made, or it was deleted.
            (None, None) => Ok(Delivered::default()),
        }
    }

    async fn close(&self, ticket: &Ticket) -> Result<Delivered, Failure> {
        let plan = match &self.settings.close_transition {
            Some(name) => Some(self.client.plan(ticket, name).await?),
            None => None,
        };
        // The comment comes first: by it, a later delivery knows that this channel closed the ticket.
        let told = self.client.told(ticket, &self.label).await?;
        if !self.mark.is_told_by(told.as_ref()) {
            let mut notes = self.rewrite(ticket).await?;
            notes.extend(match &plan {
                None => Some("Close this ticket by hand: the channel has no `closeTransition`.".to_owned()),
                Some(Plan::Not(reason)) => Some(format!("Close this ticket by hand: {reason}.")),
                Some(Plan::Ready { .. }) => None,
            });
            self.say(ticket, None, &notes).await?;
        }
        let refused = match plan {
            None => return Ok(Self::took(&ticket.key)),
            Some(Plan::Ready { id, fields }) => match self.client.go(ticket, &id, fields).await? {
                Ok(()) => return Ok(Self::took(&ticket.key)),
                Err(reason) => reason,
            },
            Some(Plan::Not(reason)) => reason,
        };
        // The finding has ended, and its ticket looks as if it had not: that is a failure, and not a delivery.
        let error = format!("cannot close `{}`: {refused}", ticket.key);
        Err(Failure::Refused { error, retry: Retry::AfterRepair })
    }
}
