//! Which reports are due, and the period of each.

use jiff::{SignedDuration, Timestamp};
use reports::Period;
use serde::{Deserialize, Serialize};

use crate::time::minus;

/// What is younger is part of the next report, since it may not be known yet: an event is delivered again for two hours, and
/// the sweep of the account makes good within an hour what was lost.
const LAG: SignedDuration = SignedDuration::from_hours(2);
/// The period of the first report.
const FIRST: SignedDuration = SignedDuration::from_hours(24);

/// What is noted of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Noted {
    /// When it was due. It has its name from this time.
    pub(super) at: Timestamp,
    pub(super) period: Period,
    /// Whether all of it is written.
    pub(super) is_written: bool,
}

/// The reports that are to be written if one is due at `at` and the last one is `known`, the oldest first.
pub(super) fn due(known: Option<Noted>, at: Timestamp) -> Vec<Noted> {
    let until = minus(at, LAG);
    let next = |since: Timestamp| Noted { at, period: Period { since, until: until.max(since) }, is_written: false };
    match known {
        None => vec![next(minus(until, FIRST))],
        Some(known) if at < known.at => Vec::new(),
        Some(known) if at == known.at => vec![known],
        Some(known) if known.is_written => vec![next(known.period.until)],
        Some(known) => vec![known, next(known.period.until)],
    }
}

/// The period of a preview at `at`: all that the next report will have, and what it leaves to the one after, as far as it is
/// known by now.
pub(super) fn so_far(known: Option<Noted>, at: Timestamp) -> Period {
    let since = match known {
        None => minus(minus(at, LAG), FIRST),
        Some(Noted { period, is_written: true, .. }) => period.until,
        Some(Noted { period, .. }) => period.since,
    };
    Period { since, until: at.max(since) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn day(day: i64) -> Timestamp {
        let first: Timestamp = "2026-12-01T06:00:00Z".parse().unwrap();
        first.checked_add(SignedDuration::from_hours(24 * day)).unwrap()
    }

    fn report(at: i64, since: i64, is_written: bool) -> Noted {
        Noted { at: day(at), period: Period { since: minus(day(since), LAG), until: minus(day(at), LAG) }, is_written }
    }

    #[test]
    fn a_period_begins_where_the_one_before_ends() {
        assert_eq!(due(None, day(1)), [report(1, 0, false)]);
        assert_eq!(due(Some(report(1, 0, true)), day(2)), [report(2, 1, false)]);
        // Two days later, since a run did not take place.
        assert_eq!(due(Some(report(1, 0, true)), day(3)), [report(3, 1, false)]);
    }

    #[test]
    fn a_report_that_was_not_written_comes_first() {
        let begun = report(1, 0, false);
        assert_eq!(due(Some(begun), day(1)), [begun]);
        assert_eq!(due(Some(begun), day(2)), [begun, report(2, 1, false)]);
    }

    #[test]
    fn a_run_that_is_repeated_has_the_same_period_and_a_late_one_has_none() {
        let written = report(2, 1, true);
        assert_eq!(due(Some(written), day(2)), [written]);
        assert_eq!(due(Some(written), day(1)), []);
    }

    #[test]
    fn a_preview_is_about_all_that_no_report_has() {
        let period = |since: i64, until: i64| Period { since: minus(day(since), LAG), until: day(until) };
        assert_eq!(so_far(None, day(1)), period(0, 1));
        assert_eq!(so_far(Some(report(1, 0, true)), day(2)), period(1, 2));
        assert_eq!(so_far(Some(report(1, 0, false)), day(2)), period(0, 2));
    }

    #[test]
    fn no_period_ends_before_it_begins() {
        let known = report(1, 0, true);
        let soon = day(1).checked_add(SignedDuration::from_mins(1)).unwrap();
        let late = Noted { period: Period { until: day(1), ..known.period }, ..known };
        assert_eq!(due(Some(late), soon)[0].period, Period { since: day(1), until: day(1) });
    }
}
