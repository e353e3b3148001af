//! What is due to a channel, by what it was told, what the finding has become, and who has muted it.

use findings::finding::{Due, Finding, Manner, Observation, Text, Told};
use jiff::Timestamp;
use rstest::rstest;

use crate::observations::*;

fn now() -> Timestamp {
    time("2 00:00")
}

fn after(observations: &[Observation]) -> Finding {
    let mut finding = new_finding();
    for observation in observations {
        finding.apply(observation);
    }
    finding
}

/// Tells a channel all that is due, as a reporter does.
fn deliver(finding: &mut Finding, channel: &str, manner: Manner) -> Option<Due> {
    let due = finding.due(&channel.into(), manner, now())?;
    finding.delivered(&channel.into(), &due, Some("SEC-1".into())).unwrap();
    Some(due)
}

/// What the channel was told before, then what happened meanwhile.
#[rstest]
// Never told.
#[case::open("", "open", Some(Told::Open), Some(Told::Open))]
#[case::open_and_muted("", "open mute", None, None)]
#[case::exempt("", "open exempt", None, None)]
#[case::exempt_from_the_start("", "exempt", None, None)]
#[case::exempt_and_muted("", "open exempt mute", None, None)]
#[case::over_before_it_was_told("", "open close", None, Some(Told::Ended))]
#[case::over_and_muted("", "open close mute", None, None)]
#[case::never_open("", "compliant", None, None)]
#[case::open_once_more("", "open exempt open", Some(Told::Open), Some(Told::Open))]
// Told that it is open: the ticket is ended, whatever else holds.
#[case::nothing_new("open", "", None, None)]
#[case::muted_meanwhile("open", "more mute", None, None)]
#[case::news("open", "more", Some(Told::Open), Some(Told::Open))]
#[case::closed("open", "close", Some(Told::Ended), Some(Told::Ended))]
#[case::closed_though_muted("open", "mute close", Some(Told::Ended), Some(Told::Ended))]
#[case::closed_and_muted_then("open", "close mute", Some(Told::Ended), Some(Told::Ended))]
#[case::deleted_though_muted("open", "mute delete", Some(Told::Ended), Some(Told::Ended))]
#[case::exempt_now("open", "exempt", Some(Told::Ended), Some(Told::Ended))]
#[case::exempt_though_muted("open", "mute exempt", Some(Told::Ended), Some(Told::Ended))]
#[case::closed_and_reopened("open", "close open", Some(Told::Open), Some(Told::Open))]
#[case::closed_and_reopened_though_muted("open", "mute close open", None, None)]
#[case::unmuted("open", "mute more unmute", Some(Told::Open), Some(Told::Open))]
#[case::unmuted_without_news("open", "mute unmute", None, None)]
// Told that it is over.
#[case::ended("open close", "", None, None)]
#[case::ended_and_opened_again("open close", "open", Some(Told::Open), Some(Told::Open))]
#[case::ended_and_opened_again_though_muted("open close", "mute open", None, None)]
#[case::ended_and_exempt("open close", "exempt", None, None)]
#[case::ended_by_exemption_then_closed("open exempt", "close", None, Some(Told::Ended))]
#[case::ended_by_exemption_then_open("open exempt", "open", Some(Told::Open), Some(Told::Open))]
#[case::opened_and_closed_again("open close", "open close", None, Some(Told::Ended))]
#[case::opened_and_closed_again_though_muted("open close", "mute open close", None, None)]
fn due(#[case] told: &str, #[case] then: &str, #[case] ticket: Option<Told>, #[case] messages: Option<Told>) {
    let mut finding = new_finding();
    let mut hour = 0;
    let mut step = |finding: &mut Finding, word: &str| {
        hour += 1;
        let at = format!("1 {hour:02}:00");
        finding.apply(&match word {
            "open" => open(&at, &[22]),
            "more" => open(&at, &[22, 3389]),
            "close" => closed(&at, &format!("e-{hour}")),
            "compliant" => compliant(&at),
            "delete" => deleted(&at),
            "exempt" => exempt(&at, "2026-12-20"),
            "mute" => muted(&at, None),
            "unmute" => unmuted(&at),
            _ => panic!("{word}"),
        });
    };
    for word in told.split_whitespace() {
        step(&mut finding, word);
        deliver(&mut finding, "jira", Manner::Ticket);
        deliver(&mut finding, "slack", Manner::Messages);
    }
    for word in then.split_whitespace() {
        step(&mut finding, word);
    }
    for (channel, manner, expected) in [("jira", Manner::Ticket, ticket), ("slack", Manner::Messages, messages)] {
        let due = deliver(&mut finding, channel, manner);
        assert_eq!(due.map(|due| due.tells), expected, "{channel}");
        assert_eq!(deliver(&mut finding, channel, manner), None, "{channel} is told once");
    }
}

#[test]
fn a_mute_ends_at_its_time() {
    let finding = after(&[open("1 09:00", &[22]), muted("1 10:00", Some("3 00:00"))]);
    let due = |at| finding.due(&"jira".into(), Manner::Ticket, time(at));
    assert_eq!(due("2 23:59"), None);
    assert!(due("3 00:00").is_some());
}

#[test]
fn a_failure_is_tried_again_later_and_holds_up_no_other_channel() {
    let mut finding = after(&[open("1 09:00", &[22])]);
    let (jira, slack) = ("jira".into(), "slack".into());
    finding.failed(&jira, "503 from example.atlassian.net", time("2 01:00")).unwrap();
    finding.failed(&jira, "503 from example.atlassian.net", time("2 02:00")).unwrap();
    assert_eq!(finding.due(&jira, Manner::Ticket, time("2 01:59")), None);
    assert!(finding.pending(&jira, Manner::Ticket, time("2 01:59")).is_some());
    assert!(finding.due(&slack, Manner::Messages, time("2 01:59")).is_some());
    let known = finding.delivery(&jira).unwrap();
    assert_eq!((known.attempts, known.told, known.revision), (2, Told::Nothing, 0));

    let due = finding.due(&jira, Manner::Ticket, time("2 02:00")).unwrap();
    finding.delivered(&jira, &due, Some("SEC-1".into())).unwrap();
    let known = finding.delivery(&jira).unwrap();
    assert_eq!((known.attempts, known.told, known.revision), (0, Told::Open, 1));
    assert_eq!((known.last_error.as_ref(), known.next_attempt), (None, None));
}

#[test]
fn an_attempt_whose_outcome_is_not_known_is_remembered_until_it_is() {
    let mut finding = after(&[open("1 09:00", &[22])]);
    let channel = "jira".into();
    let unknown_since = |finding: &Finding| finding.pending(&channel, Manner::Ticket, now()).unwrap().unknown_since;
    finding.begin(&channel, time("2 00:00")).unwrap();
    finding.failed(&channel, "400", time("2 00:00")).unwrap();
    assert_eq!(unknown_since(&finding), None);
    // Stored before the call: a reporter that is killed leaves it behind.
    finding.begin(&channel, time("2 00:01")).unwrap();
    assert_eq!(unknown_since(&finding), Some(time("2 00:01")));
    assert!(finding.due(&channel, Manner::Ticket, now()).is_some());
    // A refusal of the next attempt says nothing of the first one.
    finding.begin(&channel, time("2 00:02")).unwrap();
    finding.failed(&channel, "400", time("2 00:03")).unwrap();
    assert_eq!(unknown_since(&finding), Some(time("2 00:01")));
    assert_eq!(finding.delivery(&channel).unwrap().attempts, 2);

    finding.begin(&channel, time("2 00:04")).unwrap();
    let due = finding.due(&channel, Manner::Ticket, time("2 00:04")).unwrap();
    finding.delivered(&channel, &due, Some("SEC-1".into())).unwrap();
    let known = finding.delivery(&channel).unwrap();
    assert_eq!((known.began, known.unknown_since), (None, None));
}

#[rstest]
#[case::closed(closed("1 10:00", "e-1"))]
#[case::exempt(exempt("1 10:00", "2026-12-20"))]
fn a_ticket_that_may_have_been_made_is_ended(#[case] end: Observation) {
    for observations in [vec![end.clone()], vec![muted("1 09:30", None), end]] {
        let mut finding = after(&[open("1 09:00", &[22])]);
        finding.begin(&"jira".into(), time("1 09:10")).unwrap();
        for observation in &observations {
            finding.apply(observation);
        }
        let due = deliver(&mut finding, "jira", Manner::Ticket).unwrap();
        assert_eq!((due.told, due.tells), (Told::Nothing, Told::Ended));
        assert_eq!(due.unknown_since, Some(time("1 09:10")));
        assert_eq!(deliver(&mut finding, "jira", Manner::Ticket), None);
    }
}

#[test]
fn an_attempt_that_is_not_answered_may_have_been_taken() {
    let mut finding = after(&[open("1 09:00", &[22])]);
    let channel = "jira".into();
    for minute in ["2 00:01", "2 00:02"] {
        finding.begin(&channel, time(minute)).unwrap();
        finding.unanswered(&channel, "timed out after 5 s", time(minute)).unwrap();
    }
    let due = finding.due(&channel, Manner::Ticket, time("2 00:03")).unwrap();
    assert_eq!((due.unknown_since, due.last_unknown), (Some(time("2 00:01")), Some(time("2 00:02"))));
}

#[test]
fn the_last_attempt_of_which_the_outcome_is_not_known_is_remembered() {
    let mut finding = after(&[open("1 09:00", &[22])]);
    let channel = "jira".into();
    let last = |finding: &Finding| finding.pending(&channel, Manner::Ticket, now()).unwrap().last_unknown;
    assert_eq!(last(&finding), None);
    finding.begin(&channel, time("2 00:01")).unwrap();
    finding.failed(&channel, "400", time("2 00:01")).unwrap();
    assert_eq!(last(&finding), None);
    finding.begin(&channel, time("2 00:02")).unwrap();
    finding.unanswered(&channel, "timed out after 5 s", time("2 00:02")).unwrap();
    // One that was refused says nothing of it, and one that a killed program leaves behind is later.
    finding.begin(&channel, time("2 00:03")).unwrap();
    finding.failed(&channel, "400", time("2 00:03")).unwrap();
    assert_eq!(last(&finding), Some(time("2 00:02")));
    finding.begin(&channel, time("2 00:04")).unwrap();
    assert_eq!(last(&finding), Some(time("2 00:04")));
    finding.begin(&channel, time("2 00:05")).unwrap();
    finding.failed(&channel, "400", time("2 00:05")).unwrap();
    assert_eq!(last(&finding), Some(time("2 00:04")));

    let due = finding.due(&channel, Manner::Ticket, now() + jiff::SignedDuration::from_hours(1)).unwrap();
    finding.delivered(&channel, &due, None).unwrap();
    assert_eq!(finding.delivery(&channel).unwrap().last_unknown, None);
}

#[test]
fn the_external_id_stays_and_an_old_confirmation_changes_nothing() {
    let mut finding = after(&[open("1 09:00", &[22])]);
    let channel = "jira".into();
    let first = finding.due(&channel, Manner::Ticket, now()).unwrap();
    assert_eq!((first.told, first.external_id.as_ref()), (Told::Nothing, None));
    finding.delivered(&channel, &first, Some("SEC-1".into())).unwrap();
    finding.apply(&open("1 10:00", &[22, 3389]));
    let second = finding.due(&channel, Manner::Ticket, now()).unwrap();
    assert_eq!((second.revision, second.external_id.as_ref().map(Text::as_str)), (2, Some("SEC-1")));
    finding.delivered(&channel, &second, None).unwrap();
    finding.delivered(&channel, &first, Some("SEC-2".into())).unwrap();
    let known = finding.delivery(&channel).unwrap();
    assert_eq!((known.revision, known.external_id.as_ref().map(Text::as_str)), (2, Some("SEC-1")));
}

#[test]
fn news_that_arrives_while_it_is_delivered_is_due_again() {
    let mut finding = after(&[open("1 09:00", &[22])]);
    let due = finding.due(&"jira".into(), Manner::Ticket, now()).unwrap();
    finding.apply(&closed("1 10:00", "e-1"));
    finding.delivered(&"jira".into(), &due, Some("SEC-1".into())).unwrap();
    let end = finding.due(&"jira".into(), Manner::Ticket, now()).unwrap();
    assert_eq!((end.told, end.tells), (Told::Open, Told::Ended));
}

#[test]
fn two_writers_do_not_lose_one_another_s_update() {
    let stored = after(&[open("1 09:00", &[22])]).stored();
    let (mut recorder, mut notifier) = (stored.clone(), stored.clone());
    recorder.apply(&closed("1 10:00", "e-1"));
    deliver(&mut notifier, "jira", Manner::Ticket);
    // Both may write only where the item has the version that they read: the second one has to read again.
    assert_eq!((recorder.version(), notifier.version()), (1, 1));
    assert_eq!(recorder.stored().version(), 2);
}

#[test]
fn channels_are_bounded() {
    let mut finding = after(&[open("1 09:00", &[22])]);
    for number in 0..findings::finding::MAX_CHANNELS {
        assert!(deliver(&mut finding, &format!("channel-{number}"), Manner::Messages).is_some());
    }
    let error = finding.failed(&"one-more".into(), "x", now()).unwrap_err().to_string();
    assert!(error.contains("`one-more`") && error.contains("remove channels"), "{error}");
    assert!(finding.failed(&"channel-0".into(), "x", now()).is_ok());
    assert_eq!(finding.channels().count(), findings::finding::MAX_CHANNELS);
}

#[test]
fn a_channel_that_no_longer_counts_makes_room_for_another_one() {
    let mut finding = after(&[open("1 09:00", &[22])]);
    let full = findings::finding::MAX_CHANNELS;
    for number in 0..full - 1 {
        deliver(&mut finding, &format!("owner-{number}"), Manner::Messages).unwrap();
    }
    finding.failed(&"moved".into(), "no such channel", now()).unwrap();
    // The channel was told nothing.
    deliver(&mut finding, "owner-new", Manner::Messages).unwrap();
    assert!(finding.delivery(&"moved".into()).is_none());
    // All were told that it is open, and have yet to be told of the end.
    assert!(finding.admits(&"one-more".into()).is_err());

    finding.apply(&closed("1 10:00", "e-1"));
    for number in 0..full - 1 {
        deliver(&mut finding, &format!("owner-{number}"), Manner::Messages).unwrap();
    }
    // They are told nothing of what follows, because the group has another owner.
    finding.apply(&open("1 11:00", &[22]));
    deliver(&mut finding, "one-more", Manner::Messages).unwrap();
    assert_eq!(finding.channels().count(), full);
    // But who may have to be told of the end stays.
    assert_eq!(finding.delivery(&"owner-new".into()).unwrap().told, Told::Open);
}
