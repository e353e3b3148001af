//! An e-mail by SNS.

use channels::Publication;
use serde_json::Value;

use super::paper::Paper;
use super::style::{BOLD, CODE, LABEL, NOTE, TEXT};
use super::text::run;

/// What a subscriber by e-mail gets of a publication.
#[must_use]
pub fn email(publication: &Publication) -> String {
    let mut paper = Paper::new("An e-mail by Amazon SNS");
    let column = Paper::column();
    let fields = [
        ("From".to_owned(), vec![run("AWS Notifications <no-reply@sns.amazonaws.com>", TEXT)]),
        ("Subject".to_owned(), vec![run(publication.subject.as_str(), BOLD)]),
    ];
    paper.fields(column, 80, &fields, LABEL);
    paper.space(8);
    paper.rule(column);
    paper.space(12);
    let bodies: Value = serde_json::from_str(&publication.message).unwrap_or_default();
    paper.plain(column, super::text(&bodies, "/email").trim_end(), CODE);
    paper.space(14);
    paper.plain(column, "SNS adds a link by which to unsubscribe.", NOTE);
    paper.into_svg()
}
