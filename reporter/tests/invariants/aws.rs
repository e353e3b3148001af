//! What of AWS channels call: secrets, SNS and Security Hub; and executions of Systems Manager, of which there are none.

use std::rc::Rc;
use std::time::Duration;

use channels::{AwsCallError, ImportFindings, Publication, Publish, RefusedFinding, Secret, Secrets, check};
use findings::asff::AsffFinding;
use findings::intake::{Execution, Executions, LookupError};
use routing::SecretRef;
use serde_json::Value;
use tokio::time::sleep;

use crate::clock::now;
use crate::fault::{Fault, Place};
use crate::world::{Process, World};

/// Secrets, by the references of the routing document. No log line and no error has one of them.
pub(crate) const SECRETS: [(&str, &str); 7] = [
    ("ssm:/chat", "xoxb-fake"),
    ("ssm:/hook", "https://hooks.slack.com/services/T0/B0/fake"),
    ("ssm:/teams", "https://prod.logic.azure.com/workflows/fake/triggers/manual/paths/invoke?sig=fake"),
    ("ssm:/cloud", "bot@example.com:t0ken"),
    ("ssm:/server", "NjU0"),
    ("ssm:/pager", "0123456789abcdef0123456789ABCDEF"),
    ("ssm:/receiver", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
];

/// AWS, as a process has it.
#[derive(Debug)]
pub(crate) struct Aws(pub(crate) Rc<Process>);

/// What becomes of a call of AWS.
async fn answer<T>(world: &World, place: Place, carry_out: impl Fn() -> T) -> Result<T, AwsCallError> {
    let Some(fault) = world.faults.of(place) else { return Ok(carry_out()) };
    let is_carried_out = match fault {
        Fault::Error { carried_out } | Fault::Hang { carried_out } | Fault::Cut { carried_out } => carried_out,
        Fault::NoConnection | Fault::Throttled(_) | Fault::ThrottledUntil(_) | Fault::Unavailable(_) => {
            return Err(AwsCallError::Passing("throttled".to_owned()));
        }
        Fault::Unauthorized => return Err(AwsCallError::Refused("denied".to_owned())),
        Fault::Late(_) => false,
    };
    if is_carried_out {
        carry_out();
    }
    if matches!(fault, Fault::Hang { .. } | Fault::Late(_)) {
        sleep(Duration::from_secs(20)).await;
    }
    Err(AwsCallError::Unanswered("no answer".to_owned()))
}

impl Secrets for Aws {
    async fn secret(&self, reference: &SecretRef) -> Result<Secret, AwsCallError> {
        let reference = reference.to_string();
        let known = SECRETS.iter().find(|(known, _)| *known == reference).map(|(_, secret)| Secret::from(*secret));
        let known = known.ok_or_else(|| AwsCallError::Refused(format!("{reference} does not exist")))?;
        self.0.call(answer(&self.0.world, Place::Secrets, || known.clone())).await
    }
}

impl Publish for Aws {
    async fn publish(&self, publication: &Publication) -> Result<(), AwsCallError> {
        let world = &self.0.world;
        let publish = || {
            let faults = check::publication(publication);
            world.violations.borrow_mut().extend(faults);
            world.topic.borrow_mut().push((now(), publication.clone()));
        };
        self.0.call(answer(world, Place::Topic, publish)).await
    }
}

impl ImportFindings for Aws {
    async fn import(
        &self,
        account: &str,
        region: &str,
        findings: &[AsffFinding<'_>],
    ) -> Result<Vec<RefusedFinding>, AwsCallError> {
        let world = &self.0.world;
        let import = || {
            let findings: Vec<Value> = findings.iter().map(|finding| serde_json::to_value(finding).unwrap()).collect();
            world.violations.borrow_mut().extend(check::asff_findings(&findings));
            let mut hub = world.hub.borrow_mut();
            for finding in findings {
                if finding["AwsAccountId"] != account || finding["Resources"][0]["Region"] != region {
                    world.violations.borrow_mut().push(format!("imported elsewhere: {finding}"));
                }
                let id = finding["Id"].as_str().unwrap().to_owned();
                // An import that is not newer is ignored.
                let updated = |finding: &Value| finding["UpdatedAt"].as_str().unwrap().to_owned();
                if hub.get(&id).is_none_or(|known| updated(known) < updated(&finding)) {
                    hub.insert(id, finding);
                }
            }
            Vec::new()
        };
        self.0.call(answer(world, Place::Hub, import)).await
    }
}

impl Executions for Aws {
    async fn execution(&self, _: &str) -> Result<Option<Execution>, LookupError> {
        Ok(None)
    }
}
