//! Releases quarantines: when a finding is closed, and by a schedule.

use aws_traits::sqs::Messages;
use aws_traits::state::StateTable;
use judgement::JudgedGroup;
use tokio::time::Instant;
use tracing::{error, info};
use work_queue::Gap;

use crate::SERVICE;
use crate::asked::Asked;
use crate::handler::{NotAnswered, Responder};
use crate::quarantines::{Quarantine, Release};
use crate::services::ResponderServices;
use crate::starter::Starter;
use crate::whereabouts::Whereabouts;

impl<S: ResponderServices, T: StateTable, Q: Messages> Responder<S, T, Q> {
    /// Releases a quarantine whose findings are closed, if the group does not open its ports any more.
    pub(crate) async fn findings_closed(
        &self,
        id: &str,
        asked: &Asked<'_>,
        judged: Option<&JudgedGroup>,
        stack: &Whereabouts,
        end: Instant,
    ) -> Result<(), Gap> {
        let starter = self.starter();
        let quarantine = starter.findings_closed(id, &asked.closed, end).await?;
        self.release(&starter, (id, quarantine), judged, stack, end).await
    }

    async fn release(
        &self,
        starter: &Starter<'_, S::Ssm, T>,
        (id, quarantine): (&str, Quarantine),
        judged: Option<&JudgedGroup>,
        stack: &Whereabouts,
        end: Instant,
    ) -> Result<(), Gap> {
        let assessment = judged.map(JudgedGroup::assess);
        let (decision, execution) =
            match starter.release((id, quarantine), assessment.as_ref(), &stack.quarantine_document, end).await? {
                Release::None => return Ok(()),
                Release::FindingOpen => ("quarantine kept: another finding is open", None),
                Release::PortOpen => ("quarantine kept: the group still opens the port", None),
                Release::Started(execution) => ("release started", execution),
                Release::UnderWay => ("a release is under way", None),
                Release::Done => ("quarantine released", None),
            };
        info!(service = SERVICE, security_group.id = id, automation_execution.id = execution, "{decision}");
        Ok(())
    }

    /// Releases the quarantines whose findings were closed while their groups still opened the ports.
    ///
    /// # Errors
    ///
    /// If one of them could not be looked at. The next sweep does it.
    pub(crate) async fn sweep(&self, end: Instant) -> Result<(), NotAnswered> {
        let swept = self.sweep_quarantines(end).await;
        swept.map_err(|error| {
            error!(service = SERVICE, error, "sweep failed");
            NotAnswered
        })
    }

    async fn sweep_quarantines(&self, end: Instant) -> Result<(), String> {
        let starter = self.starter();
        let quarantines = starter.to_release(end).await.map_err(|gap| gap.to_string())?;
        if quarantines.is_empty() {
            return Ok(());
        }
        let stack = self.stack(end).await?;
        let ids: Vec<&str> = quarantines.keys().map(String::as_str).collect();
        let judged = self.judge(&ids, end).await?;
        for (id, quarantine) in quarantines {
            let released = self.release(&starter, (&id, quarantine), judged.get(&id), &stack, end).await;
            released.map_err(|gap| gap.to_string())?;
        }
        Ok(())
    }
}
