//! Starts executions, each once.

use std::collections::BTreeMap;

use aws_traits::ssm::{Automations, ExecutionState, NewExecution, Progress, Started};
use aws_traits::state::{Partition, StateItem, StateTable};
use exposure::Assessment;
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::warn;
use work_queue::{Gap, in_time};

use crate::SERVICE;
use crate::answer::Action;
use crate::attempts::{Attempt, Next, Purpose, REMEMBERED_FOR, next};
use crate::settings::Settings;

/// Kind of the items in the state table.
const KIND: &str = "executions";
/// Id of the only item of a group and an action.
const LAST: &str = "last";

/// What became of a start.
#[derive(Debug)]
pub(crate) enum Start {
    /// The execution with this id was started.
    Now(String),
    /// Another invocation has started the same one.
    Before,
    /// An execution is under way, or ended just now.
    Wait(Option<String>),
    /// The last execution left the group open on purpose.
    LeftOpen(Option<String>),
}

/// Starts executions for the groups of a rule.
#[derive(Debug)]
pub(crate) struct Starter<'a, A, T> {
    pub(crate) ssm: &'a A,
    pub(crate) table: &'a T,
    pub(crate) settings: &'a Settings,
    pub(crate) now: fn() -> Timestamp,
}

impl<A: Automations, T: StateTable> Starter<'_, A, T> {
    /// Starts an execution of `document` for a group that is open, unless there is one.
    ///
    /// # Errors
    ///
    /// If a call fails. The execution may have been started: the next call finds out.
    pub(crate) async fn start(
        &self,
        (group, action, document): (&str, Action, &str),
        parameters: BTreeMap<String, String>,
        assessment: &Assessment<'_>,
        end: Instant,
    ) -> Result<Start, Gap> {
        let partition = self.partition(group, action);
        let undone = match action.undone_by() {
            None => None,
            Some(undoing) => self.last_attempt(&self.partition(group, undoing), end).await?.map(|last| last.number),
        };
        let purpose = Purpose::new(self.settings, (action, undone), &parameters, assessment);
        let last = self.last_attempt(&partition, end).await?;
        let execution = last.as_ref().and_then(|last| last.execution.clone());
        let state = self.state(last.as_ref(), end).await?;
        let number = match next(last.as_ref(), state.as_ref(), purpose, (self.now)()) {
            Next::Start(number) => number,
            Next::Wait => return Ok(Start::Wait(execution)),
            Next::LeftOpen => return Ok(Start::LeftOpen(execution)),
        };
        let document = document.to_owned();
        let new = NewExecution { document, parameters, client_token: purpose.token(number) };
        let started = match in_time(end, self.ssm.start_execution(&new)).await? {
            Started::Now(execution) => Some(execution),
            Started::Before => None,
        };
        let attempt = Attempt { purpose, number, at: (self.now)(), execution: started.clone() };
        if let Err(gap) = self.remember(&partition, attempt, end).await {
            // The next event computes the same token, and learns that it was used.
            warn!(service = SERVICE, security_group.id = group, error = gap.to_string(), "execution not remembered");
        }
        Ok(started.map_or(Start::Before, Start::Now))
    }

    /// When the last execution of an action for a group was started, and how far it is; `None` if that is not known.
    ///
    /// # Errors
    ///
    /// If a call fails.
    pub(crate) async fn last(
        &self,
        group: &str,
        action: Action,
        end: Instant,
    ) -> Result<Option<(Timestamp, Option<Progress>)>, Gap> {
        let last = self.last_attempt(&self.partition(group, action), end).await?;
        let state = self.state(last.as_ref(), end).await?;
        Ok(last.map(|last| (last.at, state.map(|state| state.progress))))
    }

    async fn state(&self, last: Option<&Attempt>, end: Instant) -> Result<Option<ExecutionState>, Gap> {
        match last.and_then(|last| last.execution.as_deref()) {
            None => Ok(None),
            Some(execution) => in_time(end, self.ssm.execution_state(execution)).await,
        }
    }

    /// A group and an action have a partition of their own, because a batch asks for a few of many.
    fn partition(&self, group: &str, action: Action) -> Partition {
        Partition { kind: KIND, of: format!("{}/{group}/{}", self.settings.rule, action.as_str()) }
    }

    async fn last_attempt(&self, partition: &Partition, end: Instant) -> Result<Option<Attempt>, Gap> {
        let (items, _) = in_time(end, self.table.items::<Attempt>(partition, None)).await?;
        Ok(items.into_iter().map(|item| item.value).next())
    }

    async fn remember(&self, partition: &Partition, attempt: Attempt, end: Instant) -> Result<(), Gap> {
        // Whoever started the execution knows its id, and may have written it down meanwhile.
        if attempt.execution.is_none()
            && self.last_attempt(partition, end).await?.is_some_and(|known| known.number >= attempt.number)
        {
            return Ok(());
        }
        let expires = attempt.at.saturating_add(REMEMBERED_FOR).unwrap_or(Timestamp::MAX);
        let item = StateItem { id: LAST.to_owned(), value: attempt };
        in_time(end, self.table.put_item(partition, &item, expires)).await
    }
}
