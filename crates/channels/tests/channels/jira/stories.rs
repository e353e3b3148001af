//! A ticket begins, and hears the news: one thing after the other.

use channels::Retry;
use channels::fakes::jira::text_of;
use channels::fakes::names;
use findings::finding::{Context, Observed, Owner, OwnerSource};
use routing::JiraFlavour;
use rstest::rstest;
use serde_json::json;

use super::model::Fault;
use super::notifier::{BOTH, Notifier, attached, begun, external_id, failure, issues, user};
use channels::Failure;

#[test]
fn a_ticket_says_what_is_open_and_belongs_to_its_owner() {
    let notifiers = begun(|notifier| {
        notifier.ticket.priority = Some("High".to_owned());
        notifier.ticket.assignee = Some(user("ana@example.com"));
    });
    for notifier in notifiers {
        let issue = &issues(&notifier)[0];
        assert_eq!(external_id(&notifier), "SEC-1");
        assert_eq!(issue.summary, "sg-0aaaaaaaaaaaaaaaa (bastion) is open to the internet on tcp/22: high");
        assert_eq!(issue.labels, ["portcullis".to_owned(), notifier.label()]);
        assert_eq!(issue.priority.as_deref(), Some("High"));
        let id = if notifier.settings.flavour == JiraFlavour::Cloud { "5b10a2844c20165700ede21a" } else { "ana" };
        assert_eq!(issue.assignee.as_deref(), Some(id));
        let text = text_of(&issue.description);
        assert!(text.contains("tcp/22 from 0.0.0.0/0") && text.contains("123456789012"), "{text}");
        assert!(
            text.contains(&format!("{} (begun with revision 1, ", notifier.label())) || text.ends_with('\n'),
            "{text}"
        );
        assert!(issue.comments.is_empty());
        let calls = notifier.model.state().calls.clone();
        assert!(calls[0] == "search" && *calls.last().unwrap() == "createIssue", "{calls:?}");
    }
}

#[test]
fn news_is_a_comment_and_the_description_is_that_of_now() {
    for mut notifier in begun(|notifier| notifier.ticket.priority = Some("High".to_owned())) {
        // A person has set another priority: it stays until the severity changes.
        notifier.model.state().issues[0].priority = Some("Medium".to_owned());
        notifier.open(&[22, 3389]);
        notifier.attempt(false);
        let issue = issues(&notifier)[0].clone();
        assert_eq!((issue.comments.len(), issue.priority.as_deref()), (1, Some("Medium")));
        let comment = issue.comment(0);
        assert!(comment.contains("exposures") && comment.contains("(revision 2, open, "), "{comment}");
        assert!(text_of(&issue.description).contains("tcp/3389"));

        notifier.ticket.priority = Some("Highest".to_owned());
        notifier.see(attached(true));
        notifier.settle();
        let issue = issues(&notifier)[0].clone();
        assert_eq!((issue.comments.len(), issue.priority.as_deref()), (2, Some("Highest")));
        assert_eq!(issues(&notifier).len(), 1);
    }
}

/// The revisions are counted anew: the first one is of other news than the one that the ticket began with.
#[test]
fn news_after_the_finding_was_lost_is_told() {
    for mut notifier in begun(|_| {}) {
        notifier.lose_finding();
        notifier.open(&[22, 3389]);
        notifier.settle();
        let issue = issues(&notifier)[0].clone();
        assert!(text_of(&issue.description).contains("tcp/3389"), "{}", text_of(&issue.description));
        assert_eq!((issues(&notifier).len(), issue.comments.len()), (1, 1));
        // The same once more, from the same events.
        notifier.lose_outbox();
        notifier.settle();
        assert_eq!((issues(&notifier).len(), issues(&notifier)[0].comments.len()), (1, 1));
    }
}

#[rstest]
#[case::unknown("zoe@example.com", Some("ana"), "Not assigned to zoe@example.com: Jira does not know this user")]
#[case::may_not("eve@example.com", Some("ana"), "cannot be assigned issues")]
fn an_assignee_whom_jira_does_not_take_is_replaced_by_the_default(
    #[case] wanted: &str,
    #[case] expected: Option<&str>,
    #[case] note: &str,
) {
    for default in [Some("ana@example.com"), Some("zoe@example.com"), None] {
        let notifiers = begun(|notifier| {
            notifier.ticket.assignee = Some(user(wanted));
            notifier.ticket.default_assignee = default.map(user);
        });
        for notifier in notifiers {
            let issue = &issues(&notifier)[0];
            let expected = expected.filter(|_| default == Some("ana@example.com"));
            let is_ana = |id: &String| ["5b10a2844c20165700ede21a", "ana"].contains(&id.as_str());
            assert_eq!(issue.assignee.as_ref().map(is_ana), expected.map(|_| true), "{default:?}");
            // Wiki markup escapes the sign of an address.
            let text = text_of(&issue.description).replace("&#64;", "@");
            assert!(text.contains(note), "{text}");
        }
    }
}

#[test]
fn a_ticket_goes_to_an_owner_who_is_learned_later() {
    for mut notifier in begun(|_| {}) {
        notifier.ticket.assignee = Some(user("bob@example.com"));
        let owner = Some(Owner { name: "bob@example.com".into(), source: OwnerSource::GroupTag });
        notifier.see(Observed::Context(Context { owner, ..Context::default() }));
        notifier.settle();
        assert!(["5b10a2844c20165700ede21b", "bob"].contains(&issues(&notifier)[0].assignee.as_deref().unwrap()));
        // A person passes it on: other news does not take it back.
        notifier.model.state().issues[0].assignee = Some("carol".to_owned());
        notifier.open(&[22, 3389]);
        notifier.settle();
        assert_eq!(issues(&notifier)[0].assignee.as_deref(), Some("carol"));
    }
}

#[test]
fn fields_that_the_screens_lack_are_left_out() {
    let notifiers = begun(|notifier| {
        notifier.ticket.priority = Some("High".to_owned());
        notifier.ticket.assignee = Some(user("ana@example.com"));
        let mut state = notifier.model.state();
        state.settings.create_screen = names(["summary", "labels", "description"]);
        state.settings.edit_screen = names(["summary"]);
    });
    for mut notifier in notifiers {
        let issue = issues(&notifier)[0].clone();
        assert_eq!((issue.priority.as_ref(), issue.assignee.as_ref()), (None, None));
        let text = text_of(&issue.description);
        assert!(text.contains("Without assignee: ") && text.contains("Without priority: "), "{text}");
        notifier.open(&[22, 3389]);
        notifier.attempt(false);
        let comment = issues(&notifier)[0].comment(0);
        assert!(comment.contains("Without description: "), "{comment}");
    }
}

#[rstest]
#[case::label(|notifier: &mut Notifier| notifier.model.state().settings.create_screen = names(["summary"]), "Labels")]
#[case::kind(|notifier: &mut Notifier| notifier.settings.issue_type = "Bug".to_owned(), "`issueType`")]
#[case::project(|notifier: &mut Notifier| notifier.ticket.project = Some("OPS".to_owned()), "no project `OPS`")]
#[case::no_project(|notifier: &mut Notifier| notifier.ticket.project = None, "name one as `project`")]
#[case::odd_project(|notifier: &mut Notifier| notifier.ticket.project = Some("a&b".to_owned()), "name one as `project`")]
// Otherwise each news would make another ticket that the user does not see.
#[case::blind(|notifier: &mut Notifier| notifier.model.state().settings.permissions = names(["CREATE_ISSUES"]), "Browse projects")]
#[case::dumb(|notifier: &mut Notifier| notifier.model.state().settings.permissions = names(["BROWSE_PROJECTS"]), "Create issues")]
fn a_ticket_that_cannot_be_made_says_what_to_repair(#[case] set_up: fn(&mut Notifier), #[case] remedy: &str) {
    for notifier in begun(set_up) {
        assert!(issues(&notifier).is_empty());
        let (error, retry) = failure(&notifier);
        assert!(error.contains(remedy) && retry == Some(Retry::AfterRepair), "{error}");
    }
}

#[test]
fn links_are_made_once_and_are_no_condition() {
    for has_type in [true, false] {
        let notifiers = begun(|notifier| {
            notifier.ticket.parent = Some("SEC-900".to_owned());
            if !has_type {
                notifier.model.state().settings.link_types = names(["Blocks"]);
            }
        });
        for mut notifier in notifiers {
            let issue = issues(&notifier)[0].clone();
            assert_eq!(issue.links.contains("SEC-900"), has_type);
            assert_eq!(issue.comments.len(), usize::from(!has_type));
            // The model does not take the same link twice.
            notifier.lose_outbox();
            notifier.settle();
            assert_eq!(issues(&notifier).len(), 1);
        }
    }
}

#[test]
fn a_lost_store_finds_its_ticket_again() {
    for mut notifier in begun(|_| {}) {
        notifier.lose_outbox();
        notifier.settle();
        assert_eq!((issues(&notifier).len(), external_id(&notifier)), (1, "SEC-1".to_owned()));
        assert!(issues(&notifier)[0].comments.is_empty(), "it was told of this revision when it was made");
    }
}

/// Those who move here from another system may keep its tickets.
#[test]
fn a_ticket_that_others_made_is_taken_over_by_its_label() {
    for mut notifier in begun(|_| {}) {
        let label = notifier.label();
        {
            let issue = &mut notifier.model.state().issues[0];
            issue.summary = "Internet open security group 'bastion'".to_owned();
            issue.description = json!("made by another system");
            issue.labels = vec!["insecure-services".to_owned(), label.clone()];
        }
        notifier.lose_outbox();
        notifier.settle();
        let issue = issues(&notifier)[0].clone();
        assert_eq!((issues(&notifier).len(), external_id(&notifier)), (1, "SEC-1".to_owned()));
        assert_eq!((issue.summary.as_str(), issue.comments.len()), ("Internet open security group 'bastion'", 1));
        assert!(text_of(&issue.description).contains("tcp/22 from 0.0.0.0/0"));
        assert_eq!(issue.labels, ["insecure-services".to_owned(), label]);

        notifier.close();
        notifier.settle();
        assert!(issues(&notifier)[0].is_closed());
    }
}

#[test]
fn after_a_lost_answer_nothing_is_made_before_the_index_has_caught_up() {
    for flavour in BOTH {
        let mut notifier = Notifier::new(flavour);
        notifier.model.state().faults = [Fault::None, Fault::None, Fault::LostAfter].into();
        notifier.open(&[22]);
        notifier.attempt(false);
        assert!(matches!(notifier.failures[0], Failure::Unanswered { .. }));
        notifier.pass(2);
        let calls = notifier.model.state().calls.len();
        notifier.attempt(false);
        assert!(matches!(notifier.failures[1], Failure::NotBefore(_)));
        assert_eq!(notifier.model.state().calls.len(), calls, "nothing is asked for, either");
        notifier.settle();
        assert_eq!((issues(&notifier).len(), external_id(&notifier)), (1, "SEC-1".to_owned()));
    }
}

#[test]
fn a_ticket_of_which_the_beginning_is_unknown_is_closed_when_the_finding_ends() {
    for flavour in BOTH {
        let mut notifier = Notifier::new(flavour);
        notifier.model.state().faults = [Fault::None, Fault::None, Fault::LostAfter].into();
        notifier.open(&[22]);
        notifier.attempt(false);
        notifier.close();
        notifier.settle();
        assert!(issues(&notifier)[0].is_closed());
        assert_eq!(issues(&notifier)[0].comments.len(), 1);
    }
}

#[test]
fn an_exemption_closes_the_ticket_and_its_end_reopens_it() {
    for mut notifier in begun(|_| {}) {
        notifier.exempt();
        notifier.settle();
        assert!(issues(&notifier)[0].is_closed());
        notifier.open(&[22]);
        notifier.settle();
        assert_eq!((issues(&notifier).len(), notifier.model.open_tickets()), (1, 1));
    }
}

#[test]
fn the_search_names_the_ticket_that_is_known() {
    let mut notifier = begun(|_| {}).remove(0);
    notifier.close();
    notifier.settle();
    notifier.model.state().bodies.clear();
    notifier.open(&[22]);
    notifier.settle();
    let bodies = notifier.model.state().bodies.clone();
    let search = bodies.iter().find(|body| body.get("jql").is_some()).unwrap();
    assert_eq!(search["reconcileIssues"], json!([10_000]));
}
