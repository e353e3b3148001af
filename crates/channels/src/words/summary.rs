//! The words of a summary.

use super::{clamped, line, time};
use crate::summary::{Counts, Occasion, Summary, SummaryEntry};

/// The summary on one line: `News of 23 findings within 10 minutes: 3 critical, 20 high`. One about a single finding, for which
/// there was no room any more among the messages of the window, says what that one is.
#[must_use]
pub fn summary_title(summary: &Summary<'_>) -> String {
    if let (Occasion::Burst { .. }, [only]) = (summary.occasion, summary.entries()) {
        return line(&only.title);
    }
    let number = clamped(summary.entries().len());
    let what = match summary.occasion {
        Occasion::Burst { minutes } => {
            let findings = plain_text::counted(number, "finding");
            format!("News of {findings} within {}", plain_text::counted(minutes, "minute"))
        }
        Occasion::Digest => format!("Daily summary of {}", plain_text::counted(number, "finding")),
    };
    let owner = summary.owner.map(|owner| format!(" of {}", line(owner))).unwrap_or_default();
    format!("{what}{owner}: {}", counts(summary.counts()))
}

fn counts(counts: Counts) -> String {
    let [critical, high, medium, low] = counts.open;
    let all = [
        (critical, "critical"),
        (high, "high"),
        (medium, "medium"),
        (low, "low"),
        (counts.exempt, "exempt"),
        (counts.closed, "closed"),
    ];
    let there = all.into_iter().filter(|(number, _)| *number > 0);
    let words: Vec<String> = there.map(|(number, word)| format!("{number} {word}")).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// A line for each of the first `max` findings, and one that counts the others.
#[must_use]
pub fn summary_lines(summary: &Summary<'_>, max: usize) -> Vec<String> {
    let shown = summary.entries().iter().take(max).map(entry);
    let more = summary.entries().len().saturating_sub(max);
    let count = (more > 0).then(|| more_findings(more));
    shown.chain(count).collect()
}

/// The line that counts what is left out.
#[must_use]
pub fn more_findings(number: usize) -> String {
    format!("and {}", plain_text::counted(clamped(number), "more finding"))
}

fn entry(entry: &SummaryEntry) -> String {
    let since = entry.first_seen.map(|at| format!(", first seen {}", time(at))).unwrap_or_default();
    format!("{} (account {}, {}{since})", entry.title, entry.key.account(), entry.key.region())
}
