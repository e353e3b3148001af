//! What a ticket and its comments say.

use serde_json::Value;

use super::Task;
use super::dialect::clip;
use super::mark::{Mark, Revision};
use super::page::Page;
use crate::http::Http;
use crate::words;

/// Longest summary. Source: <https://jira.atlassian.com/browse/JRASERVER-8800>
const SUMMARY_MAX: usize = 255;

impl<H: Http> Task<'_, H> {
    /// The summary, on one line. Jira refuses line breaks in it.
    pub(super) fn summary(&self) -> String {
        let title = words::title(self.notice.finding);
        clip(plain_text::one_line(&title, 1000).trim(), SUMMARY_MAX)
    }

    /// The description of a ticket that began with the revision `began`.
    pub(super) fn description(&self, began: Option<&Revision>, notes: &[String]) -> Value {
        let finding = self.notice.finding;
        let mut page = Page { mark: Mark::of_description(began, &self.label), ..Page::default() };
        page.line(format!("{}.", words::title(finding)));
        page.list(notes.iter().cloned());
        page.facts(self.notice.facts());
        page.links(words::links(finding));
        page.commands(words::commands(finding));
        page.line(
            "Portcullis replaces this text at each change: write in comments. It finds this ticket again by the label below. \
             To accept the exposure, add an exemption or mute the finding: a closed ticket changes nothing.",
        );
        self.client.dialect.text(&page)
    }

    /// A comment with the news, and with what else there is to say.
    pub(super) fn comment(&self, before: Option<&str>, notes: &[String]) -> Value {
        let mut page = Page { mark: self.mark.of_comment(&self.label), ..Page::default() };
        page.line(format!("{}.", words::title(self.notice.finding)));
        page.list(words::news(self.notice));
        if let Some(line) = before {
            page.line(line);
        }
        page.list(notes.iter().cloned());
        self.client.dialect.text(&page)
    }
}
