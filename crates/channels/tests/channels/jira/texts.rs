//! Names and descriptions of others in tickets: bounded, and no markup.

use channels::fakes::jira::text_of;
use proptest::prelude::*;
use routing::JiraFlavour;
use rstest::rstest;

use super::notifier::Notifier;
use crate::support;

/// Parts of wiki markup that notify, embed, link or format.
const MARKUP: [&str; 14] = [
    "[~ana]",
    "[~accountid:5b]",
    "!https://example.com/x.png!",
    "{code}",
    "{noformat}x",
    "{color:red}",
    "[x|https://e.com]",
    "https://evil.example.com",
    "|a|b|",
    "||a||",
    "*b*",
    "{{m}}",
    "\\\\",
    "??c??",
];

#[test]
fn hostile_texts_are_within_the_limits() {
    let flavours = prop::sample::select(vec![JiraFlavour::Cloud, JiraFlavour::DataCenter]);
    let texts = (support::hostile_text(), support::hostile_text(), 2..60_u16, flavours);
    support::run(texts, |(name, source, ports, flavour)| {
        let mut notifier = Notifier::new(flavour);
        let ports: Vec<u16> = (1..=ports).collect();
        notifier.open_to(&ports, &source, &name);
        // The model refuses what Jira refuses.
        notifier.settle();
        notifier.open_to(&ports[..1], &source, &name);
        notifier.settle();
        let state = notifier.model.state();
        assert_eq!((state.issues.len(), state.issues[0].comments.len()), (1, 1));
        Ok(())
    });
}

#[test]
fn no_name_is_wiki_markup() {
    for markup in MARKUP {
        let mut notifier = Notifier::new(JiraFlavour::DataCenter);
        notifier.open_to(&[22], "0.0.0.0/0", markup);
        notifier.settle();
        notifier.open_to(&[22, 3389], "0.0.0.0/0", markup);
        notifier.settle();
        let issue = notifier.model.state().issues[0].clone();
        for text in [text_of(&issue.description), issue.comment(0)] {
            assert!(!text.contains(markup), "{markup} in {text}");
        }
    }
}

/// The mark of the next comment as the name of the group: otherwise whoever names groups could suppress comments.
#[rstest]
#[case(JiraFlavour::Cloud)]
#[case(JiraFlavour::DataCenter)]
fn no_name_is_a_mark(#[case] flavour: JiraFlavour) {
    let mut notifier = Notifier::new(flavour);
    let name = format!("{} (revision 3, open)", notifier.label());
    notifier.open_to(&[22], "0.0.0.0/0", &name);
    notifier.settle();
    for ports in [[22, 3389], [22, 23]] {
        notifier.open_to(&ports, "0.0.0.0/0", &name);
        notifier.settle();
    }
    assert_eq!(notifier.model.state().issues[0].comments.len(), 2);
}
