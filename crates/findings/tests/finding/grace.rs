//! When automatic mode closes what is open: the day, and the reminders before it.

use findings::finding::{Assessed, Finding, News, Observation, Observed, Source, Swept};
use rstest::rstest;

use crate::observations::*;

/// Open, and to be closed on a day that the evaluator knows.
fn opened(at: &str, closes: &str) -> Observation {
    match assessed(Source::Change, open_with(world(&[22]))) {
        Observed::Assessed(assessed) => {
            live(at, Observed::Assessed(Box::new(Assessed { closes: Some(time(closes)), ..*assessed })))
        }
        other => live(at, other),
    }
}

/// What a sweep says of the open group.
fn swept_with(at: &str, closes: Option<&str>, reminder_days: Option<u8>) -> Observation {
    let observation = swept("1 09:00", findings::finding::ConfigVerdict::NonCompliant, "1 09:00", at);
    let Observed::Swept(swept) = observation.what else { panic!("a sweep") };
    let what = Observed::Swept(Box::new(Swept { closes: closes.map(time), reminder_days, ..*swept }));
    Observation { at: observation.at, what }
}

fn story(observations: &[Observation]) -> (Finding, Vec<Vec<News>>) {
    let mut finding = new_finding();
    let news = observations.iter().map(|observation| finding.apply(observation).news).collect();
    (finding, news)
}

#[test]
fn the_day_comes_with_the_news_and_reminders_before_it() {
    let (finding, news) = story(&[
        opened("1 09:00", "15 09:00"),
        // The sweep is a little later, on the same day.
        swept_with("1 10:00", Some("15 09:10"), None),
        swept_with("8 10:00", Some("15 09:10"), Some(7)),
        swept_with("8 11:00", Some("15 09:10"), Some(7)),
        swept_with("14 10:00", Some("15 09:10"), Some(1)),
    ]);
    let expected: [&[News]; 5] = [&[News::Opened], &[], &[News::ClosingReminder(7)], &[], &[News::ClosingReminder(1)]];
    assert_eq!(news, expected);
    assert_eq!((finding.closes(), finding.revision()), (Some(time("15 09:10")), 3));
}

#[rstest]
#[case::later(swept_with("2 10:00", Some("20 09:00"), None), &[News::ClosingDayChanged])]
#[case::no_grace_any_more(swept_with("2 10:00", None, None), &[News::ClosingDayChanged])]
#[case::soon(swept_with("2 10:00", Some("8 09:00"), Some(7)), &[News::ClosingDayChanged, News::ClosingReminder(7)])]
#[case::by_who_does_not_know_it(open("2 10:00", &[22]), &[])]
#[case::a_sweep_that_comes_late(swept_with("1 08:00", Some("20 09:00"), None), &[])]
fn another_day_is_news(#[case] next: Observation, #[case] expected: &[News]) {
    let (_, news) = story(&[opened("1 09:00", "15 09:00"), next]);
    assert_eq!(news[1], expected);
}

#[test]
fn a_closed_group_is_not_to_be_closed() {
    let (finding, _) = story(&[opened("1 09:00", "15 09:00"), compliant("2 09:00")]);
    assert_eq!(finding.closes(), None);
    let (finding, news) = story(&[opened("1 09:00", "15 09:00"), compliant("2 09:00"), opened("3 09:00", "16 09:00")]);
    assert_eq!((news[2].as_slice(), finding.closes()), ([News::Reopened].as_slice(), Some(time("16 09:00"))));
}

/// What people read in the history.
#[rstest]
#[case(swept_with("2 10:00", Some("20 09:00"), None), "is closed on 2026-12-20 unless it is fixed or exempted.")]
#[case(swept_with("2 10:00", None, None), "is no longer to be closed on a day that is known.")]
#[case(
    swept_with("8 10:00", Some("15 09:00"), Some(7)),
    "is closed within 7 days, on 2026-12-15, unless it is fixed or exempted."
)]
#[case(
    swept_with("14 10:00", Some("15 09:00"), Some(1)),
    "is closed within a day, on 2026-12-15, unless it is fixed or exempted."
)]
fn the_history_says_it_in_a_sentence(#[case] next: Observation, #[case] expected: &str) {
    let (mut finding, _) = story(&[opened("1 09:00", "15 09:00")]);
    let sentence = finding.apply(&next).history[0].sentence.to_string();
    assert!(sentence.ends_with(expected), "{sentence}");
}
