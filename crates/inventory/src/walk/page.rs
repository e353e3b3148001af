//! Objects: pages with a list of records, and single documents.

use serde::de::IgnoredAny;

use super::Walk;
use crate::collector::Halt;

/// Keys of the lists of records in answers of AWS, and in snapshots of AWS Config.
const LISTS: [&str; 6] = [
    "\"SecurityGroups\"",
    "\"SecurityGroupRules\"",
    HISTORY,
    "\"baseConfigurationItems\"",
    "\"BaseConfigurationItems\"",
    "\"Results\"",
];
/// Key of the list in the answer of `get-resource-config-history`, whose next page has more states of the same resource. It
/// is also that of the list in a snapshot, which has no next page.
const HISTORY: &str = "\"configurationItems\"";
/// Keys of the lists of messages in answers of SQS, and of events of Lambda functions.
const ENVELOPES: [&str; 2] = ["\"Messages\"", "\"Records\""];
/// Keys of the lists of resources that AWS Config left out of its answer.
const UNPROCESSED: [&str; 2] = ["\"unprocessedResourceKeys\"", "\"UnprocessedResourceIdentifiers\""];
/// Keys of templates and plans, which are no part of an answer of AWS.
const DOCUMENTS: [&str; 3] = ["\"Resources\"", "\"planned_values\"", "\"resource_changes\""];
/// Keys of the token of a page that another page follows.
const NEXT_PAGE: [&str; 2] = ["\"NextToken\"", "\"nextToken\""];

impl<T: Send> Walk<'_, '_, '_, '_, '_, T> {
    /// Reads an object: a page record by record, any other object as a whole.
    pub(super) fn object(&mut self, level: u32) -> Result<(), Halt> {
        let mut is_page = false;
        let mut is_history = false;
        let mut is_incomplete = false;
        let mut is_document = false;
        let mut tokens: Vec<(usize, usize)> = Vec::new();
        let mut has_next_page = false;
        let (mut at, mut members_end) = (1, 1);
        loop {
            let (key, byte) = self.cursor.next_byte(at)?;
            match byte {
                Some(b'}') => {
                    at = key + 1;
                    break;
                }
                Some(b'"') => {}
                _ => return Err(self.cursor.broken_at(key, "expected a key").into()),
            }
            let key_end = self.cursor.value_end(key)?;
            let (colon, byte) = self.cursor.next_byte(key_end)?;
            if byte != Some(b':') {
                return Err(self.cursor.broken_at(colon, "expected `:`").into());
            }
            let (value, byte) = self.cursor.next_byte(colon + 1)?;
            let name = self.cursor.slice(key, key_end);
            let is_token = NEXT_PAGE.contains(&name);
            let (is_list, is_envelope) = (LISTS.contains(&name), ENVELOPES.contains(&name));
            let is_unprocessed = UNPROCESSED.contains(&name);
            is_document |= DOCUMENTS.contains(&name);
            if byte == Some(b'[') && (is_list || is_envelope) {
                is_history = name == HISTORY;
                for (from, to) in std::mem::take(&mut tokens) {
                    has_next_page |= self.is_given(from, to)?;
                }
                self.check_members(members_end)?;
                is_page = true;
                self.cursor.consume(value);
                self.list(level + 1, is_list)?;
                at = 0;
            } else {
                at = self.cursor.value_end(value)?;
                is_incomplete |= is_unprocessed && self.is_given(value, at)? && !self.is_empty_list(value, at);
                if is_page {
                    has_next_page |= self.is_given(value, at)? && is_token;
                    self.cursor.consume(at);
                    at = 0;
                } else if is_token {
                    tokens.push((value, at));
                }
                members_end = at;
            }
            let (next, byte) = self.cursor.next_byte(at)?;
            match byte {
                Some(b',') => {
                    at = next + 1;
                    let (key, byte) = self.cursor.next_byte(at)?;
                    if byte == Some(b'}') {
                        return Err(self.cursor.broken_at(key, "expected another key after `,`").into());
                    }
                }
                Some(b'}') => at = next,
                _ => return Err(self.cursor.broken_at(next, "expected `,` or `}`").into()),
            }
        }
        if is_page {
            // The newest state of a resource comes first, unless the caller asked for the opposite order.
            self.next_page = has_next_page && (!is_history || self.collector.is_oldest_first());
            self.cursor.consume(at);
            if is_document {
                let problem = "an object with a list of AWS and with a template or a plan, of which only the list is \
                               read: give each as an input of its own";
                self.refuse(None, problem.to_owned())?;
            }
            if is_incomplete {
                let problem = "AWS Config did not process all resources, so groups are missing: ask for those that it \
                               lists as unprocessed again";
                self.refuse(None, problem.to_owned())?;
            }
            return Ok(());
        }
        self.cursor.records += 1;
        let json = self.cursor.slice(0, at).to_owned();
        self.document(&json, level, false)?;
        self.cursor.consume(at);
        Ok(())
    }

    /// Checks the members of a page before its list, which are not used.
    fn check_members(&self, end: usize) -> Result<(), Halt> {
        let mut members = self.cursor.slice(0, end).to_owned();
        if members.starts_with('{') {
            members.push('}');
            serde_json::from_str::<IgnoredAny>(&members).map_err(|error| self.cursor.json(&error))?;
        }
        Ok(())
    }

    fn is_empty_list(&self, from: usize, to: usize) -> bool {
        serde_json::from_str::<Vec<IgnoredAny>>(self.cursor.slice(from, to)).is_ok_and(|list| list.is_empty())
    }

    /// Whether a value is neither null nor an empty string.
    ///
    /// # Errors
    ///
    /// If the value is malformed.
    fn is_given(&self, from: usize, to: usize) -> Result<bool, Halt> {
        let value = self.cursor.slice(from, to);
        if serde_json::from_str::<IgnoredAny>(value).is_err() {
            return Err(self.cursor.broken_at(from, "not a JSON value").into());
        }
        Ok(!matches!(value, "null" | "\"\""))
    }
}
