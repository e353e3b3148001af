//! The changes of `close` and `restore`, one group after the other.

use anyhow::{Context, Result};
use remediation::{RemediationError, Response, Status};

use super::account::{Account, Group};
use super::confirmation::{Step, confirm};
use super::printer::Printer;
use super::tally::{Ending, Tally, Verb};
use crate::aws::stop;

/// What the user asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) verb: Verb,
    pub(super) dry_run: bool,
    /// Whether to ask no further questions.
    pub(super) yes: bool,
    pub(super) json: bool,
}

/// Changes each group, and counts what became of it. A change is shown as a dry run first, unless no question is asked.
pub(super) async fn change_each(
    asked: Asked,
    accounts: &[Account],
    groups: &[Group],
    tally: &mut Tally,
    change: impl AsyncFn(&Account, &Group, bool) -> Result<Response, RemediationError>,
) -> Result<Ending> {
    let printer = Printer::new(asked.json);
    let mut asks = !asked.yes;
    for (at, group) in groups.iter().enumerate() {
        let left = groups.len() - at;
        if stop::is_requested() {
            tally.not_asked(left);
            return Ok(Ending::Interrupted);
        }
        let account = account(accounts, group)?;
        if asked.dry_run || asks {
            let planned = change(account, group, true).await;
            let is_planned = matches!(&planned, Ok(response) if response.status == Status::Planned);
            if asked.dry_run || !is_planned {
                tally.take(printer, account, group, planned)?;
                continue;
            }
            Tally::default().take(Printer::Aside, account, group, planned)?;
            match confirm(&format!("{} {}", asked.verb, account.title(group)), left, &mut asks, tally)? {
                Step::Go => {}
                Step::Skip => continue,
                Step::End(ending) => return Ok(ending),
            }
        }
        tally.take(printer, account, group, change(account, group, false).await)?;
    }
    Ok(Ending::Done)
}

/// The account and region of a group.
pub(super) fn account<'a>(accounts: &'a [Account], group: &Group) -> Result<&'a Account> {
    accounts.get(group.at).with_context(|| format!("{} has no account", group.id))
}
