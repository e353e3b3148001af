//! `aws:approve`, which waits for the decisions of the approvers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::action::{StepContext, StepFailure, StepOutcome};
use super::document::Step;
use super::execution::{Execution, ExecutionStatus};
use super::runner;
use super::variable::plain;
use crate::cloud::Cloud;
use crate::wire::{AwsError, Caller, Reply, text};

const MOST_APPROVERS: usize = 10;
const LONGEST_MESSAGE: usize = 4096;

/// A pending approval.
#[derive(Debug)]
pub(crate) struct Approval {
    /// Position of the step.
    step: usize,
    approvers: Vec<String>,
    needed: usize,
    /// Decisions, by the position of the approver in the list.
    decisions: BTreeMap<usize, Decision>,
    verdict: watch::Sender<Option<ApprovalDecision>>,
}

#[derive(Debug)]
struct Decision {
    principal: String,
    approved: bool,
    comment: Option<String>,
}

#[derive(Debug, Clone)]
enum ApprovalDecision {
    Approved,
    Rejected(String),
}

/// The inputs of the step.
struct Request {
    topic: Option<String>,
    message: String,
    needed: usize,
    approvers: Vec<String>,
}

/// Checks the inputs of a step in a document, as far as they do not depend on parameters.
///
/// # Errors
///
/// A message that names the mistake.
pub(crate) fn check(inputs: &Map<String, Value>) -> Result<(), String> {
    let open = |value: &Value| value.to_string().contains("{{");
    let known: Map<String, Value> =
        inputs.iter().filter(|(_, value)| !open(value)).map(|(name, value)| (name.clone(), value.clone())).collect();
    request(&known, known.contains_key("Approvers")).map(|_| ())
}

/// Reads and checks the inputs. `complete` is true if the approvers are known.
fn request(inputs: &Map<String, Value>, complete: bool) -> Result<Request, String> {
    let topic = inputs.get("NotificationArn").map(plain).filter(|topic| !topic.is_empty());
    if let Some(topic) = &topic {
        let parts: Vec<&str> = topic.split(':').collect();
        let named = parts.get(2) == Some(&"sns") && parts.get(5).is_some_and(|name| name.starts_with("Automation"));
        if !named {
            return Err(format!(
                "NotificationArn {topic} is not that of an SNS topic whose name begins with Automation"
            ));
        }
    }
    let message = inputs.get("Message").map(plain).unwrap_or_default();
    if message.chars().count() > LONGEST_MESSAGE {
        return Err(format!("Message is longer than {LONGEST_MESSAGE} characters"));
    }
    let approvers: Vec<String> = match inputs.get("Approvers") {
        Some(Value::Array(approvers)) => approvers.iter().map(plain).filter(|one| !one.is_empty()).collect(),
        Some(other) => return Err(format!("Approvers is {other}, and not a list")),
        None => Vec::new(),
    };
    if complete && !(1..=MOST_APPROVERS).contains(&approvers.len()) {
        return Err(format!("Approvers has {} members, and may have 1 to {MOST_APPROVERS}", approvers.len()));
    }
    let needed = match inputs.get("MinRequiredApprovals") {
        None => 1,
        Some(value) => {
            let number = plain(value).parse().ok().filter(|number| *number > 0);
            number.ok_or_else(|| format!("MinRequiredApprovals is {value}, and not a positive number"))?
        }
    };
    if complete && needed > approvers.len() {
        return Err(format!("MinRequiredApprovals is {needed}, and there are {} Approvers", approvers.len()));
    }
    Ok(Request { topic, message, needed, approvers })
}

/// Requests approval, and waits for the decisions.
pub(crate) async fn wait(
    context: &StepContext,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<StepOutcome, StepFailure> {
    let request = request(inputs, true).map_err(StepFailure::new)?;
    if let Some(topic) = &request.topic {
        notify(context, step, topic, &request).await?;
    }
    let (verdict, mut decided) = watch::channel(None);
    let pieces = {
        let mut state = context.cloud.ssm();
        let gone = || StepFailure::new("the execution is gone");
        let execution = state.executions.get_mut(&context.execution).ok_or_else(gone)?;
        let position = execution.document.main_steps.iter().position(|one| one.name == step.name).ok_or_else(gone)?;
        let Request { needed, approvers, .. } = request;
        let approval = Approval { step: position, approvers, needed, decisions: BTreeMap::new(), verdict };
        execution.status = ExecutionStatus::Waiting;
        if let Some(record) = execution.steps.get_mut(position) {
            record.status = ExecutionStatus::Waiting;
            record.outputs = approval.outputs("Waiting");
        }
        execution.approval = Some(approval);
        // Excludes the execution itself, and the remediation that waits for its end.
        if execution.remediates { 2 } else { 1 }
    };
    runner::announce(&context.cloud, &context.execution).await;
    let resting = context.cloud.rest(pieces);
    // An error means that a reset dropped the execution, which cancels it anyway.
    let verdict = decided.wait_for(Option::is_some).await.map(|verdict| verdict.clone()).unwrap_or_default();
    drop(resting);
    let approval = {
        let mut state = context.cloud.ssm();
        state.executions.get_mut(&context.execution).and_then(|execution| execution.approval.take())
    };
    let outputs = |status| approval.as_ref().map(|approval| approval.outputs(status)).unwrap_or_default();
    match verdict {
        Some(ApprovalDecision::Approved) => {
            runner::announce(&context.cloud, &context.execution).await;
            Ok(StepOutcome { outputs: outputs("Approved"), next: None })
        }
        Some(ApprovalDecision::Rejected(by)) => Err(StepFailure {
            stage: "Poll action status for completion",
            message: format!("The approval request was rejected by {by}."),
            outputs: outputs("Rejected"),
        }),
        None => Err(StepFailure::new("the execution is gone")),
    }
}

/// Notifies the subscribers of the topic, with the role of the automation.
async fn notify(context: &StepContext, step: &Step, topic: &str, request: &Request) -> Result<(), StepFailure> {
    let id = &context.execution;
    let document = context.cloud.ssm().executions.get(id).map(|execution| execution.document_name.clone());
    let text = format!(
        "Approval is requested for the step {} of the automation {id} of {}.\n\n{}\n\nApprovers: {}\nApprovals needed: {}\n",
        step.name,
        document.unwrap_or_default(),
        request.message,
        request.approvers.join(", "),
        request.needed
    );
    let parameters = json!({"TopicArn": topic, "Subject": "Automation approval request", "Message": text});
    context.cloud.bridge.call("sns", "Publish", parameters, Some(&context.credentials)).await?;
    Ok(())
}

impl Approval {
    fn outputs(&self, status: &str) -> BTreeMap<String, Value> {
        let decisions: Vec<Value> = self
            .decisions
            .values()
            .map(|decision| {
                let verb = if decision.approved { "Approve" } else { "Reject" };
                json!({"Approver": decision.principal, "Decision": verb, "Comment": decision.comment})
            })
            .collect();
        BTreeMap::from([
            ("ApprovalStatus".to_owned(), json!(status)),
            ("ApproverDecisions".to_owned(), Value::Array(decisions)),
        ])
    }

    /// Records a decision. Returns the final one, if this decision completes the approval.
    fn decide(
        &mut self,
        caller: &str,
        approved: bool,
        comment: Option<String>,
    ) -> Result<Option<ApprovalDecision>, String> {
        let position = self.approvers.iter().position(|approver| is(approver, caller));
        let position = position.ok_or_else(|| format!("{caller} is not one of the approvers."))?;
        if self.decisions.contains_key(&position) {
            return Err(format!("{caller} has decided already."));
        }
        self.decisions.insert(position, Decision { principal: caller.to_owned(), approved, comment });
        if !approved {
            return Ok(Some(ApprovalDecision::Rejected(caller.to_owned())));
        }
        Ok((self.decisions.len() >= self.needed).then_some(ApprovalDecision::Approved))
    }
}

/// Returns true if an entry of the list matches a principal: by the name or the ARN of a user, or the ARN of a role or
/// of a session.
fn is(approver: &str, caller: &str) -> bool {
    let last = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
    let account = |arn: &str| arn.split(':').nth(4).unwrap_or_default().to_owned();
    if approver == caller {
        return true;
    }
    if !approver.starts_with("arn:") {
        return caller.contains(":user/") && last(caller) == approver;
    }
    let session = caller.split_once(":assumed-role/").and_then(|(_, session)| session.split('/').next());
    approver.contains(":role/") && account(approver) == account(caller) && session == Some(&last(approver))
}

fn refused(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidAutomationSignalException", message)
}

/// `SendAutomationSignal`, for approvals.
pub(crate) fn signal(cloud: &Cloud, data: &Value, caller: &Caller) -> Reply {
    let id = text(data, "AutomationExecutionId").unwrap_or_default();
    let approved = match text(data, "SignalType") {
        Some("Approve") => true,
        Some("Reject") => false,
        other => {
            let other = other.unwrap_or_default();
            return Err(refused(format!("The local cloud takes the signals Approve and Reject, and not {other}.")));
        }
    };
    let comment = data.pointer("/Payload/Comment/0").and_then(Value::as_str).map(str::to_owned);
    let mut state = cloud.ssm();
    let execution = state.executions.get_mut(id).ok_or_else(|| {
        AwsError::new("AutomationExecutionNotFoundException", format!("Automation execution not found: {id}"))
    })?;
    let status = execution.status.name();
    let Execution { approval, steps, .. } = execution;
    let Some(approval) = approval.as_mut().filter(|_| status == "Waiting") else {
        return Err(refused(format!("The execution {id} is {status}, and does not wait for an approval.")));
    };
    let verdict = approval.decide(&caller.principal, approved, comment).map_err(refused)?;
    if let Some(record) = steps.get_mut(approval.step) {
        record.outputs = approval.outputs("Waiting");
    }
    if let Some(verdict) = verdict {
        // Set at once, so that "idle" is false from now on.
        execution.status = ExecutionStatus::InProgress;
        approval.verdict.send_replace(Some(verdict));
    }
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn approvers_are_users_roles_and_sessions() {
        let session = "arn:aws:sts::111111111111:assumed-role/Approver/alice";
        for (approver, caller, expected) in [
            ("alice", "arn:aws:iam::111111111111:user/staff/alice", true),
            ("alice", session, false),
            ("arn:aws:iam::111111111111:user/staff/alice", "arn:aws:iam::111111111111:user/staff/alice", true),
            ("arn:aws:iam::111111111111:user/bob", "arn:aws:iam::111111111111:user/alice", false),
            ("arn:aws:iam::111111111111:role/path/Approver", session, true),
            ("arn:aws:iam::222222222222:role/Approver", session, false),
            ("arn:aws:iam::111111111111:role/Approve", session, false),
            (session, session, true),
            ("arn:aws:sts::111111111111:assumed-role/Approver/bob", session, false),
        ] {
            assert_eq!(is(approver, caller), expected, "{approver} {caller}");
        }
    }

    #[test]
    fn known_inputs_are_checked() {
        let topic = "arn:aws:sns:us-east-1:111111111111:AutomationApproval";
        for good in [
            json!({"Approvers": ["a"]}),
            json!({"Approvers": "{{ Approvers }}", "MinRequiredApprovals": 3}),
            json!({"Approvers": ["{{ One }}", "b"], "NotificationArn": "{{ Topic }}"}),
            json!({"Approvers": ["a", "b"], "MinRequiredApprovals": "2", "NotificationArn": topic, "Message": "m"}),
        ] {
            assert_eq!(check(&inputs(&good)), Ok(()), "{good}");
        }
        for (bad, word) in [
            (json!({"Approvers": []}), "Approvers"),
            (json!({"Approvers": "a"}), "not a list"),
            (json!({"Approvers": (0..11).map(|n| format!("u{n}")).collect::<Vec<_>>()}), "1 to 10"),
            (json!({"Approvers": ["a"], "MinRequiredApprovals": 2}), "MinRequiredApprovals"),
            (json!({"Approvers": ["a"], "MinRequiredApprovals": 0}), "positive"),
            (json!({"Approvers": ["a"], "NotificationArn": "arn:aws:sns:us-east-1:111111111111:Topic"}), "Automation"),
            (json!({"Approvers": ["a"], "Message": "m".repeat(4097)}), "4096"),
        ] {
            let error = check(&inputs(&bad)).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn decisions_are_counted_once_each_and_one_rejection_is_enough() {
        let (verdict, _decided) = watch::channel(None);
        let approvers = ["a", "b", "c"].map(str::to_owned).to_vec();
        let mut approval = Approval { step: 0, approvers, needed: 2, decisions: BTreeMap::new(), verdict };
        let user = |name: &str| format!("arn:aws:iam::111111111111:user/{name}");
        assert!(approval.decide(&user("z"), true, None).is_err());
        assert!(matches!(approval.decide(&user("a"), true, None), Ok(None)));
        assert!(approval.decide(&user("a"), true, None).is_err());
        assert!(matches!(approval.decide(&user("b"), false, None), Ok(Some(ApprovalDecision::Rejected(_)))));
        assert!(matches!(approval.decide(&user("c"), true, None), Ok(Some(ApprovalDecision::Approved))));
    }
}
