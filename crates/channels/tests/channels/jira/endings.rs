//! A ticket is closed, and comes back: one thing after the other.

use channels::Retry;
use channels::fakes::jira::text_of;
use channels::fakes::names;
use rstest::rstest;

use super::notifier::{Notifier, begun, external_id, failure, issues};

#[rstest]
#[case::plain(None, false, None)]
#[case::on_the_screen(Some("resolution"), false, Some("Done"))]
#[case::by_a_validator(Some("resolution"), true, Some("Done"))]
fn a_finding_that_ends_closes_its_ticket(
    #[case] demanded: Option<&'static str>,
    #[case] validated: bool,
    #[case] resolution: Option<&str>,
) {
    for mut notifier in begun(|_| {}) {
        notifier.model.state().settings.demanded = demanded.map(str::to_owned);
        notifier.model.state().settings.validated = validated;
        notifier.close();
        notifier.attempt(false);
        let issue = issues(&notifier)[0].clone();
        assert!(issue.is_closed() && issue.comments.len() == 1);
        assert!(issue.comment(0).contains("(revision 2, ended, "));
        assert_eq!(issue.resolution.as_deref(), resolution);
    }
}

#[rstest]
#[case::no_transition(|notifier: &Notifier| notifier.model.state().settings.transitions.clear(), "no transition `done`")]
#[case::a_field(|notifier: &Notifier| notifier.model.state().settings.demanded = Some("Root cause".to_owned()), "demands Root cause")]
fn a_ticket_that_cannot_be_closed_is_a_failure_until_it_can(#[case] break_it: fn(&Notifier), #[case] reason: &str) {
    for mut notifier in begun(|_| {}) {
        break_it(&notifier);
        notifier.close();
        notifier.attempt(false);
        let (error, retry) = failure(&notifier);
        assert!(error.contains(reason) && retry == Some(Retry::AfterRepair), "{error}");
        let comment = issues(&notifier)[0].comment(0).replace("&#96;", "`");
        assert!(comment.contains("Close this ticket by hand") && comment.contains(reason), "{comment}");

        notifier.model.state().settings.transitions = names(["Done", "To Do"]);
        notifier.model.state().settings.demanded = None;
        notifier.pass(61);
        notifier.attempt(false);
        assert!(issues(&notifier)[0].is_closed() && issues(&notifier)[0].comments.len() == 1);
        assert!(!notifier.is_pending());
    }
}

#[test]
fn without_a_transition_a_ticket_is_told_and_left_open() {
    for mut notifier in begun(|notifier| notifier.settings.close_transition = None) {
        notifier.close();
        notifier.settle();
        let issue = issues(&notifier)[0].clone();
        assert!(!issue.is_closed() && issue.comment(0).contains("Close this ticket by hand"));
        // The same ticket goes on when the group is opened again.
        notifier.open(&[22]);
        notifier.settle();
        assert_eq!((issues(&notifier).len(), issues(&notifier)[0].comments.len()), (1, 2));
    }
}

#[rstest]
#[case::in_time(13, 1)]
#[case::too_late(15, 2)]
fn a_finding_that_comes_back_reopens_its_ticket_for_some_days(#[case] days: i64, #[case] tickets: usize) {
    for mut notifier in begun(|_| {}) {
        notifier.close();
        notifier.settle();
        notifier.pass(days * 24 * 60);
        notifier.open(&[22]);
        notifier.settle();
        let issues = issues(&notifier);
        assert_eq!(issues.len(), tickets);
        assert!(!issues.last().unwrap().is_closed());
        if tickets == 2 {
            assert!(issues[0].is_closed() && issues[1].links.contains("SEC-1") && external_id(&notifier) == "SEC-2");
            assert!(text_of(&issues[1].description).contains("Earlier ticket: SEC-1"));
        } else {
            assert!(issues[0].comment(1).contains("open again"));
        }
    }
}

#[rstest]
#[case::not_configured(|notifier: &mut Notifier| notifier.settings.reopen_transition = None)]
#[case::not_within_days(|notifier: &mut Notifier| notifier.settings.reopen_within_days = 0)]
#[case::not_in_the_workflow(|notifier: &mut Notifier| notifier.model.state().settings.transitions = names(["Done"]))]
fn a_ticket_that_cannot_be_reopened_is_followed_by_a_new_one(#[case] set_up: fn(&mut Notifier)) {
    for mut notifier in begun(set_up) {
        notifier.close();
        notifier.settle();
        notifier.open(&[22]);
        notifier.settle();
        assert_eq!((issues(&notifier).len(), external_id(&notifier)), (2, "SEC-2".to_owned()));
    }
}

#[rstest]
#[case::reopened(true)]
#[case::told(false)]
fn a_ticket_that_a_person_closed_too_early_has_no_second_one(#[case] reopens: bool) {
    for mut notifier in begun(|_| {}) {
        if !reopens {
            notifier.settings.reopen_transition = None;
        }
        notifier.pass(10);
        let now = notifier.now();
        notifier.model.state().issues[0].set("Done", now);
        notifier.open(&[22, 3389]);
        notifier.settle();
        let issue = issues(&notifier)[0].clone();
        assert_eq!((issues(&notifier).len(), issue.is_closed()), (1, !reopens));
        assert!(issue.comment(0).contains("add an exemption"), "{}", issue.comment(0));
        // In the next episode it counts as an earlier ticket.
        notifier.close();
        notifier.settle();
        notifier.open(&[22]);
        notifier.settle();
        assert_eq!(notifier.model.open_tickets(), 1);
        assert_eq!(issues(&notifier).len(), if reopens { 1 } else { 2 });
    }
}

#[test]
fn a_ticket_that_was_closed_by_hand_is_told_the_end_and_nothing_else() {
    for mut notifier in begun(|_| {}) {
        notifier.pass(10);
        let now = notifier.now();
        notifier.model.state().issues[0].set("Done", now);
        notifier.close();
        notifier.settle();
        assert_eq!(issues(&notifier)[0].comments.len(), 1);
        assert!(notifier.failures.is_empty());
    }
}

#[test]
fn a_deleted_ticket_is_replaced_and_a_moved_one_is_followed() {
    for mut notifier in begun(|_| {}) {
        notifier.model.state().issues[0].key = "OPS-7".to_owned();
        notifier.pass(10);
        notifier.open(&[22, 3389]);
        notifier.attempt(false);
        // The model forgets the former key, Jira does not: either way it is the same ticket.
        assert_eq!((issues(&notifier).len(), external_id(&notifier)), (1, "OPS-7".to_owned()));
        notifier.model.state().issues[0].deleted = true;
        notifier.open(&[22]);
        notifier.attempt(false);
        assert_eq!((issues(&notifier).len(), external_id(&notifier)), (2, "SEC-2".to_owned()));
    }
}

#[test]
fn a_clone_is_not_taken_for_the_ticket() {
    for mut notifier in begun(|_| {}) {
        let mut clone = issues(&notifier)[0].clone();
        (clone.number, clone.key) = (20_000, "SEC-50".to_owned());
        notifier.model.state().issues.push(clone);
        notifier.lose_outbox();
        notifier.most_open = 2;
        notifier.open(&[22, 3389]);
        notifier.attempt(false);
        assert_eq!(external_id(&notifier), "SEC-1");
        assert!(issues(&notifier)[1].comments.is_empty());
    }
}
