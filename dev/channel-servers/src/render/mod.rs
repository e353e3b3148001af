//! What the services were told, as it would look: text for a terminal with 80 columns.
//!
//! All of it may come from others, such as the name of a group. No control character reaches the terminal.

mod jira;
mod paper;
pub(crate) mod slack;

use self::paper::Paper;
use crate::service::Services;

/// Messages of Slack with their threads, and tickets of both Jiras.
#[must_use]
pub fn all(services: &mut Services) -> String {
    let mut paper = Paper::default();
    slack::render(&services.slack, &mut paper);
    jira::render(&services.jira, &mut paper);
    jira::render(&services.jira_data_center, &mut paper);
    paper.into_text()
}

/// A time, to the minute.
fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
