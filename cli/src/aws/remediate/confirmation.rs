//! The confirmation of each change.

use anyhow::Result;

use super::tally::{Ending, Tally};
use crate::aws::question::{self, Answer};

/// What an answer means for the group that was asked for.
pub(super) enum Step {
    /// Change it.
    Go,
    /// Go on with the next one.
    Skip,
    /// Change no further group.
    End(Ending),
}

/// Asks whether to change a group, the first of `left` groups. Counts those that are not changed.
pub(super) fn confirm(question: &str, left: usize, asks: &mut bool, tally: &mut Tally) -> Result<Step> {
    let answer = question::ask(&format!("{question}? [y]es, [n]o, [a]ll, [q]uit: "))?;
    match answer {
        Answer::All => *asks = false,
        Answer::No | Answer::Quit => tally.declined(),
        Answer::Yes | Answer::None | Answer::Interrupted => {}
    }
    let ending = match answer {
        Answer::Yes | Answer::All => return Ok(Step::Go),
        Answer::No => return Ok(Step::Skip),
        Answer::Quit => {
            tally.not_asked(left.saturating_sub(1));
            return Ok(Step::End(Ending::Done));
        }
        Answer::None => Ending::NoAnswer,
        Answer::Interrupted => Ending::Interrupted,
    };
    tally.not_asked(left);
    Ok(Step::End(ending))
}
