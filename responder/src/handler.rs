//! Answers one batch of messages.
//!
//! Nothing in an event decides whether a group is closed, only the group as EC2 has it now. A message goes back to its queue if one
//! of its groups could not be judged or answered, or is being answered by an execution that may have begun before the event.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_events::sqs::{BatchResponse, SqsMessage};
use aws_traits::events::Event;
use aws_traits::sqs::Messages;
use aws_traits::state::StateTable;
use exposure::{Assessment, Verdict};
use jiff::{SignedDuration, Timestamp};
use judgement::{Cache, CachedPrefixLists, Criteria, JudgedGroup, PolicySource, UnjudgedError};
use lambda_runtime::Diagnostic;
use plain_text::error_message;
use tokio::time::{Instant, timeout_at};
use tracing::{debug, error, info, warn};
use work_queue::{Back, go_back};

use crate::SERVICE;
use crate::announce;
use crate::answer::{Action, Answer};
use crate::asked::{Asked, Batch};
use crate::incoming::Incoming;
use crate::lists;
use crate::live;
use crate::services::ResponderServices;
use crate::settings::Settings;
use crate::starter::{Start, Starter};
use crate::whereabouts::Whereabouts;

/// Time that is left for the answer when the deadline of the function comes.
const MARGIN: Duration = Duration::from_secs(3);
/// For how long it is known what the Portcullis stack has.
const STACK_IS_KNOWN_FOR: SignedDuration = SignedDuration::from_secs(60);
/// For how long the entries of a prefix list are known. Those that were read before an invocation never count.
const LISTS_ARE_KNOWN_FOR: SignedDuration = SignedDuration::from_mins(5);

/// A notification that did not come from a queue was not answered. Lambda tries again.
#[derive(Debug, thiserror::Error)]
#[error("the event was not answered: read the lines with this request id in the log of the function")]
pub struct NotAnswered;

impl From<NotAnswered> for Diagnostic {
    fn from(error: NotAnswered) -> Self {
        Self { error_type: "NotAnswered".to_owned(), error_message: error.to_string() }
    }
}

/// Answers events. Created once per process, and used for every invocation.
#[derive(Debug)]
pub struct Responder<S, T, Q> {
    services: S,
    policy: Box<dyn PolicySource>,
    table: T,
    queue: Q,
    settings: Settings,
    now: fn() -> Timestamp,
    stack: Cache<Whereabouts>,
    prefix_lists: CachedPrefixLists,
}

/// What became of a group.
enum Outcome {
    /// It is answered.
    Done,
    /// It is to be looked at again.
    Later,
    /// It could not be answered, and may be later.
    Failed(String),
}

impl<S: ResponderServices, T: StateTable, Q: Messages> Responder<S, T, Q> {
    /// A responder with these services, the policy of the rule, the table in which it remembers executions, and its queue. `now`
    /// is the clock.
    pub fn new(
        services: S,
        policy: Box<dyn PolicySource>,
        (table, queue): (T, Q),
        settings: Settings,
        now: fn() -> Timestamp,
    ) -> Self {
        let stack = Cache::new(STACK_IS_KNOWN_FOR);
        let prefix_lists = CachedPrefixLists::new(LISTS_ARE_KNOWN_FOR);
        Self { services, policy, table, queue, settings, now, stack, prefix_lists }
    }

    /// Answers what came in, before `deadline`. The answer has the messages that stay in the queue.
    ///
    /// # Errors
    ///
    /// If something that did not come from a queue was not answered.
    pub async fn handle(&self, incoming: Incoming, deadline: Instant) -> Result<BatchResponse, NotAnswered> {
        let end = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        match incoming {
            Incoming::Messages(messages) => {
                let back: Vec<Back<'_>> = self.answer_all(&messages, end).await.into_values().collect();
                Ok(go_back(SERVICE, &self.queue, &back, deadline).await)
            }
            Incoming::Event(event) => {
                let back = self.answer_all(std::slice::from_ref(&event), end).await;
                if back.is_empty() { Ok(BatchResponse::default()) } else { Err(NotAnswered) }
            }
            Incoming::Sweep => self.sweep(end).await.map(|()| BatchResponse::default()),
        }
    }

    /// Answers the messages. Returns those that are to be delivered again, by id.
    async fn answer_all<'m>(&self, messages: &'m [SqsMessage], end: Instant) -> BTreeMap<&'m str, Back<'m>> {
        let mut back = BTreeMap::new();
        let stack = match self.stack(end).await {
            Ok(stack) => stack,
            Err(error) => {
                error!(service = SERVICE, error, "stack not known");
                return messages.iter().map(later_on).collect();
            }
        };
        let mut batch = Batch::read(messages, &self.settings, &stack.roles);
        for (message, refused) in &batch.refused {
            let (id, reason) = (message.message_id.as_str(), refused.to_string());
            if refused.is_noise() {
                debug!(service = SERVICE, message.id = id, reason, "event ignored");
            } else {
                warn!(service = SERVICE, message.id = id, reason, "event refused");
            }
        }
        match lists::ask(self.services.ec2(), &mut batch, &self.settings, end).await {
            Ok(later) => {
                back.extend(later.into_iter().map(later_on));
            }
            Err(gap) => {
                error!(service = SERVICE, error = gap.to_string(), "security groups not judged");
                return messages.iter().map(later_on).collect();
            }
        }
        if batch.groups.is_empty() {
            return back;
        }
        let ids: Vec<&str> = batch.groups.keys().map(String::as_str).collect();
        let judged = match self.judge(&ids, end).await {
            Ok(judged) => judged,
            Err(error) => {
                error!(service = SERVICE, error, "security groups not judged");
                let of_groups = batch.groups.values().flat_map(|asked| &asked.messages);
                back.extend(of_groups.map(|message| later_on(message)));
                return back;
            }
        };
        let mut events = Vec::new();
        for (id, asked) in &batch.groups {
            let (outcome, announced) = self.answer(id, asked, judged.get(id), &stack, end).await;
            events.extend(announced);
            if let Outcome::Failed(error) = &outcome {
                error!(service = SERVICE, security_group.id = id, error, "security group not answered");
            }
            if !matches!(outcome, Outcome::Done) {
                back.extend(asked.messages.iter().map(|message| later_on(message)));
            }
        }
        announce::put(self.services.events(), &events, end).await;
        back
    }

    pub(crate) async fn stack(&self, end: Instant) -> Result<Whereabouts, String> {
        let (rule, now) = (self.settings.rule.as_str(), (self.now)());
        if let Some(stack) = self.stack.get(rule, Some(Timestamp::MIN), now) {
            return Ok(stack);
        }
        let read = timeout_at(end, Whereabouts::read(self.services.ssm(), rule)).await;
        let stack = read.map_err(|_| "no time is left".to_owned())?.map_err(|error| error_message(&error))?;
        self.stack.put(rule, stack.clone(), now);
        Ok(stack)
    }

    pub(crate) async fn judge(&self, ids: &[&str], end: Instant) -> Result<BTreeMap<String, JudgedGroup>, String> {
        let now = (self.now)();
        let criteria = timeout_at(end, Criteria::read(&*self.policy, &self.settings.rule, now)).await;
        let criteria = criteria.map_err(|_| "no time is left".to_owned())?.map_err(|error| error_message(&error))?;
        let criteria = Criteria { since: Some(now), ..criteria };
        let judged = live::judge(self.services.ec2(), &criteria, &self.prefix_lists, ids, end).await;
        judged.map_err(|gap| gap.to_string())
    }

    /// Answers one group. Returns the events about it, too.
    async fn answer(
        &self,
        id: &str,
        asked: &Asked<'_>,
        judged: Option<&JudgedGroup>,
        stack: &Whereabouts,
        end: Instant,
    ) -> (Outcome, Vec<Event>) {
        let done = |decision: &str| {
            self.log(id, asked, decision, None);
            (Outcome::Done, Vec::new())
        };
        if !asked.closed.is_empty()
            && let Err(gap) = self.findings_closed(id, asked, judged, stack, end).await
        {
            return (Outcome::Failed(gap.to_string()), Vec::new());
        }
        if asked.is_about_the_past() {
            return (Outcome::Done, Vec::new());
        }
        let Some(judged) = judged else { return done("there is no such group") };
        if judged.group.owner_id.as_ref().is_some_and(|owner| *owner != self.settings.account) {
            return done("the group belongs to another account");
        }
        let assessment = judged.assess();
        match assessment.verdict() {
            Verdict::Compliant => return done("it exposes no blocked port"),
            Verdict::Exempt => return done("it is exempt"),
            Verdict::Unknown => {
                return (Outcome::Failed(error_message(&UnjudgedError::new(id, &assessment))), Vec::new());
            }
            Verdict::NonCompliant => {}
        }
        let Some(answer) = Answer::to(asked, &assessment, &self.settings) else {
            return done("it exposes none of the ports of the finding");
        };
        let outcome = self.carry_out(id, asked, &answer, &assessment, stack, end).await;
        let events = match outcome {
            Outcome::Later => Vec::new(),
            Outcome::Done | Outcome::Failed(_) => announce::events(&self.settings, judged, asked, (self.now)()),
        };
        (outcome, events)
    }

    pub(crate) fn starter(&self) -> Starter<'_, S::Ssm, T> {
        Starter { ssm: self.services.ssm(), table: &self.table, settings: &self.settings, now: self.now }
    }

    /// Starts the execution that the answer asks for.
    async fn carry_out(
        &self,
        id: &str,
        asked: &Asked<'_>,
        answer: &Answer,
        assessment: &Assessment<'_>,
        stack: &Whereabouts,
        end: Instant,
    ) -> Outcome {
        let action = answer.action(id, &self.settings.rule);
        let Some((action, parameters)) = action else {
            self.log(id, asked, "open, and announced only", None);
            return Outcome::Done;
        };
        if stack.approval && action == Action::Close {
            error!(service = SERVICE, security_group.id = id, "closing refused, because closings wait for an approval");
            return Outcome::Done;
        }
        let starter = self.starter();
        // Before the start: a quarantine that nobody remembers would never be released.
        if let Answer::Quarantine { ports, .. } = answer
            && let Err(gap) = starter.remember_quarantine(id, &asked.reachable, ports, end).await
        {
            return Outcome::Failed(gap.to_string());
        }
        let start = starter.start((id, action, action.document(stack)), parameters, assessment, end).await;
        let (outcome, decision, execution) = match start {
            Err(gap) => return Outcome::Failed(gap.to_string()),
            Ok(Start::Now(execution)) => (Outcome::Done, "execution started", Some(execution)),
            Ok(Start::Before) => (Outcome::Done, "execution was started before", None),
            Ok(Start::Wait(execution)) => (Outcome::Later, "an execution is under way", execution),
            Ok(Start::LeftOpen(execution)) => (Outcome::Done, "the last execution left it open", execution),
        };
        self.log(id, asked, decision, execution.as_deref());
        outcome
    }

    fn log(&self, id: &str, asked: &Asked<'_>, decision: &str, execution: Option<&str>) {
        let triggers = asked.triggers.iter().copied().collect::<Vec<_>>().join(",");
        let (rule, messages) = (self.settings.rule.as_str(), asked.messages.len());
        info!(
            service = SERVICE,
            security_group.id = id,
            config_rule.name = rule,
            triggers,
            messages,
            automation_execution.id = execution,
            "{decision}"
        );
    }
}

/// A message that is delivered again, by its id.
fn later_on(message: &SqsMessage) -> (&str, Back<'_>) {
    (message.message_id.as_str(), Back::later(message))
}
