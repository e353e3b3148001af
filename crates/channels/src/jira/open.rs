//! The finding is open: its ticket is made, updated or reopened.

use findings::finding::{News, Told};
use jiff::{SignedDuration, Timestamp};
use routing::{OwnerSource, Ticket as Wanted};
use serde_json::{Map, Value, json};

use super::Task;
use super::client::{Answer, Call};
use super::fields::Tried;
use super::mark::Mark;
use super::ticket::Ticket;
use super::transition::Plan;
use super::users::Assignees;
use crate::answer::Effect;
use crate::channel::{Delivered, Failure};
use crate::http::{Http, Method};

const CLOSED_TOO_EARLY: &str =
    "This ticket was closed while the group is open. To keep the group open, add an exemption or mute the finding.";

impl<H: Http> Task<'_, H> {
    pub(super) async fn open(&self) -> Result<Delivered, Failure> {
        let found = self.find().await?;
        match (found.open, found.closed) {
            (Some(ticket), previous) => {
                let told = self.client.told(&ticket, &self.label).await?;
                let notes = self.link_again(&ticket, previous.as_ref()).await?;
                self.update(&ticket, told, None, notes).await
            }
            (None, Some(ticket)) => self.come_back(&ticket).await,
            (None, None) => self.create(None).await,
        }
    }

    /// The newest ticket is closed, and the finding is open.
    async fn come_back(&self, ticket: &Ticket) -> Result<Delivered, Failure> {
        let told = self.client.told(ticket, &self.label).await?;
        if self.is_of_earlier_episode(ticket, told.as_ref()) {
            if self.may_reopen(ticket) && self.reopen(ticket).await?.is_ok() {
                // The ticket is open now. A finding that ends before the next delivery has to end it.
                let notes = self.link_again(ticket, None).await.map_err(Failure::in_doubt)?;
                return self.update(ticket, told, None, notes).await.map_err(Failure::in_doubt);
            }
            return self.create(Some(ticket)).await;
        }
        // A person has closed it too early. Another ticket would be the second one for the same episode.
        if self.mark.is_told_by(told.as_ref()) {
            return Ok(Self::took(&ticket.key));
        }
        let reopened = match self.settings.reopen_within_days {
            0 => Err(None),
            _ => self.reopen(ticket).await?.map_err(Some),
        };
        let is_open_again = reopened.is_ok();
        let note = reopened.err().flatten().map(|reason| format!("It stays closed: {reason}."));
        let updated = self.update(ticket, told, Some(CLOSED_TOO_EARLY), note.into_iter().collect()).await;
        if is_open_again { updated.map_err(Failure::in_doubt) } else { updated }
    }

    /// Whether the ticket was closed at the end of an earlier episode, or for an exemption that has ended: by this channel,
    /// or by a person before the group was opened again.
    fn is_of_earlier_episode(&self, ticket: &Ticket, told: Option<&Mark>) -> bool {
        let was_ended = told.map_or(self.notice.due.told == Told::Ended, |mark| mark.ended);
        let began = self.notice.finding.episodes().newest().map(|episode| episode.first_seen);
        was_ended || ticket.closed_at().zip(began).is_some_and(|(closed, began)| closed < began)
    }

    fn may_reopen(&self, ticket: &Ticket) -> bool {
        let within = SignedDuration::from_hours(i64::from(self.settings.reopen_within_days).saturating_mul(24));
        let is_recent = |closed: Timestamp| self.notice.now.duration_since(closed) <= within;
        self.settings.reopen_within_days > 0 && ticket.closed_at().is_none_or(is_recent)
    }

    /// Reopens a ticket; the reason if the workflow does not permit it.
    async fn reopen(&self, ticket: &Ticket) -> Result<Result<(), String>, Failure> {
        let Some(name) = &self.settings.reopen_transition else {
            return Ok(Err("the channel has no `reopenTransition`".to_owned()));
        };
        match self.client.plan(ticket, name).await? {
            Plan::Ready { id, fields } => self.client.go(ticket, &id, fields).await,
            Plan::Not(reason) => Ok(Err(reason)),
        }
    }

    /// Makes the links of a ticket, if it may lack them: an attempt may have been interrupted after it was made. A link that
    /// a person has removed since is not made again at each news.
    async fn link_again(&self, ticket: &Ticket, previous: Option<&Ticket>) -> Result<Vec<String>, Failure> {
        let due = self.notice.due;
        if due.told == Told::Open && due.unknown_since.is_none() {
            return Ok(Vec::new());
        }
        let wanted = self.notice.delivery.ticket.clone().unwrap_or_default();
        self.link_all(ticket, &wanted, previous).await
    }

    /// Tells an existing ticket the news, unless it was told.
    async fn update(
        &self,
        ticket: &Ticket,
        told: Option<Mark>,
        before: Option<&str>,
        mut notes: Vec<String>,
    ) -> Result<Delivered, Failure> {
        if !self.mark.is_told_by(told.as_ref()) {
            notes.extend(self.rewrite(ticket).await?);
            self.say(ticket, before, &notes).await?;
        }
        Ok(Self::took(&ticket.key))
    }

    /// Writes the fields anew. Returns what there is to say of those that could not be written: the news matters more.
    pub(super) async fn rewrite(&self, ticket: &Ticket) -> Result<Vec<String>, Failure> {
        let what = format!("update `{}`", ticket.key);
        let call = Call { what: &what, permission: "Edit issues", effect: Effect::Repeated };
        let wanted = self.notice.delivery.ticket.clone().unwrap_or_default();
        let mut fields = Map::new();
        fields.insert("description".to_owned(), self.description(self.client.began(ticket, &self.label).as_ref(), &[]));
        fields.extend(self.priority(ticket, &wanted).map(|value| ("priority".to_owned(), value)));
        let mut assignees = self.new_assignees(ticket, &wanted).await?;
        let mut notes = std::mem::take(&mut assignees.notes);
        let path = format!("/issue/{}", ticket.id);
        loop {
            let refused = match self.client.try_fields(call, (Method::Put, &path), &mut fields, &mut assignees).await? {
                Tried::Less(more) => {
                    notes.extend(more);
                    continue;
                }
                Tried::Answered(Answer::Denied) => call.denied(),
                Tried::Answered(Answer::Invalid(problems)) => problems.to_string(),
                Tried::Answered(answer) => {
                    call.done(answer)?;
                    return Ok(notes);
                }
            };
            notes.push(format!("The description is of an earlier time: {refused}."));
            return Ok(notes);
        }
    }

    /// A priority that a person has chosen stays until the severity changes.
    fn priority(&self, ticket: &Ticket, wanted: &Wanted) -> Option<Value> {
        let has_changed = |news: &News| matches!(news, News::SeverityChanged { .. } | News::Reopened);
        let is_due =
            self.notice.due.tells == Told::Open && self.notice.news.iter().any(|entry| has_changed(&entry.news));
        let wanted = wanted.priority.as_deref().filter(|_| is_due)?;
        let known = ticket.fields.priority.as_ref().map(|priority| priority.name.as_str());
        (known != Some(wanted)).then(|| json!({"name": wanted}))
    }

    /// An assignee whom a person has chosen stays until another owner is known.
    async fn new_assignees(&self, ticket: &Ticket, wanted: &Wanted) -> Result<Assignees, Failure> {
        let by_opener = self.notice.ownership.owners.iter().any(|owner| owner.from == OwnerSource::Opener);
        let has_changed = |news: &News| match news {
            News::OwnerChanged => true,
            News::OpenerChanged => by_opener,
            _ => false,
        };
        let is_due =
            self.notice.due.tells == Told::Open && self.notice.news.iter().any(|entry| has_changed(&entry.news));
        if !is_due {
            return Ok(Assignees::default());
        }
        let mut assignees = self.client.assignees(wanted).await?;
        let known = ticket.fields.assignee.as_ref().and_then(|user| user.get(self.client.dialect.user_id())?.as_str());
        if assignees.ids.first().map(String::as_str) == known {
            assignees.ids.clear();
        }
        Ok(assignees)
    }

    /// Comments on a ticket.
    pub(super) async fn say(&self, ticket: &Ticket, before: Option<&str>, notes: &[String]) -> Result<(), Failure> {
        let what = format!("comment on `{}`", ticket.key);
        let call = Call { what: &what, permission: "Add comments", effect: Effect::Repeated };
        let path = format!("/issue/{}/comment", ticket.id);
        let body = json!({"body": self.comment(before, notes)});
        call.done(self.client.call(call, Method::Post, &path, &body).await?).map(drop)
    }
}
