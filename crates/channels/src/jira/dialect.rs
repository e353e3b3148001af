//! The two products: what differs between their interfaces.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use routing::JiraFlavour;
use serde_json::{Value, json};

use super::page::Page;
use super::{adf, wiki};
use crate::secret::Secret;
use crate::text::{fit, utf16};

/// Longest text of a field or a comment. Jira counts the units of UTF-16, as Java does.
///
/// Source: <https://confluence.atlassian.com/adminjiraserver/configuring-advanced-settings-938847117.html>,
/// `jira.text.field.character.limit`
pub(super) const TEXT_MAX: usize = 32_767;

/// The interface of Jira Cloud or of Jira Data Center.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Version 3: texts are trees in the Atlassian Document Format, users have account ids.
    Cloud,
    /// Version 2: texts are wiki markup, users have names.
    DataCenter,
}

impl From<JiraFlavour> for Dialect {
    fn from(flavour: JiraFlavour) -> Self {
        match flavour {
            JiraFlavour::Cloud => Self::Cloud,
            JiraFlavour::DataCenter => Self::DataCenter,
        }
    }
}

impl Dialect {
    /// Path of the interface below the base URL.
    pub(super) fn api(self) -> &'static str {
        match self {
            Self::Cloud => "/rest/api/3",
            Self::DataCenter => "/rest/api/2",
        }
    }

    /// Value of the header `authorization`.
    ///
    /// Source: <https://developer.atlassian.com/cloud/jira/platform/basic-auth-for-rest-apis/>,
    /// <https://confluence.atlassian.com/enterprise/using-personal-access-tokens-1026032365.html>
    pub(super) fn authorization(self, secret: &Secret) -> Result<Secret, &'static str> {
        let secret = secret.expose().trim();
        let is_clean = !secret.is_empty() && !secret.chars().any(char::is_control);
        match self {
            Self::Cloud => {
                let parts = secret.split_once(':').filter(|(user, token)| user.contains('@') && !token.is_empty());
                let is_pair = is_clean && parts.is_some();
                is_pair.then(|| format!("Basic {}", STANDARD.encode(secret)).into()).ok_or(
                    "the secret for Jira Cloud is malformed: store `e-mail:token`, with an API token of that user",
                )
            }
            Self::DataCenter => {
                let is_token = is_clean && secret.is_ascii() && !secret.contains([':', ' ']);
                is_token.then(|| format!("Bearer {secret}").into()).ok_or(
                    "the secret for Jira Data Center is malformed: store a personal access token and nothing else",
                )
            }
        }
    }

    /// A page as the value of a field or the body of a comment, not longer than Jira takes.
    pub(super) fn text(self, page: &Page) -> Value {
        page.fitting(TEXT_MAX, |page| self.render(page), |value| self.length(value))
    }

    fn render(self, page: &Page) -> Value {
        match self {
            Self::Cloud => adf::render(page),
            Self::DataCenter => Value::String(wiki::render(page)),
        }
    }

    /// Length of a text. Atlassian does not document whether the names of the nodes of a tree count, so they do.
    fn length(self, text: &Value) -> usize {
        match (self, text.as_str()) {
            (Self::DataCenter, Some(text)) => utf16(text),
            _ => utf16(&text.to_string()),
        }
    }

    /// The last line of a text that Jira returned.
    pub(super) fn last_line(self, text: &Value) -> Option<String> {
        match self {
            Self::Cloud => adf::last_line(text),
            Self::DataCenter => text
                .as_str()
                .and_then(|text| text.lines().rfind(|line| !line.trim().is_empty()))
                .map(|line| line.trim().to_owned()),
        }
    }

    /// Field of a user that identifies it.
    pub(super) fn user_id(self) -> &'static str {
        match self {
            Self::Cloud => "accountId",
            Self::DataCenter => "name",
        }
    }

    /// Body of a search, for the page that `after` continues.
    pub(super) fn search(self, jql: &str, fields: &[&str], after: Option<&Value>, reconcile: Option<u64>) -> Value {
        let mut body = json!({"jql": jql, "fields": fields, "maxResults": 50});
        let Some(keys) = body.as_object_mut() else { return body };
        match self {
            Self::Cloud => {
                keys.extend(after.map(|token| ("nextPageToken".to_owned(), token.clone())));
                // Tickets that are known are found as they are now, and not as the index has them.
                keys.extend(reconcile.map(|id| ("reconcileIssues".to_owned(), json!([id]))));
            }
            Self::DataCenter => {
                keys.insert("startAt".to_owned(), after.cloned().unwrap_or(json!(0)));
            }
        }
        body
    }

    /// Path of the search. The former one of Cloud, `/search`, is gone: it answers with 410.
    ///
    /// Source: <https://developer.atlassian.com/changelog/#CHANGE-2046>
    pub(super) fn search_path(self) -> &'static str {
        match self {
            Self::Cloud => "/search/jql",
            Self::DataCenter => "/search",
        }
    }

    /// What continues a search after a page: `None` after the last one.
    pub(super) fn next(self, page: &Value) -> Option<Value> {
        match self {
            Self::Cloud => page.get("nextPageToken").filter(|token| token.is_string()).cloned(),
            Self::DataCenter => {
                let number = |name| page.get(name).and_then(Value::as_u64);
                let found = page.get("issues").and_then(Value::as_array).map_or(0, Vec::len);
                let next = number("startAt")?.saturating_add(u64::try_from(found).ok()?);
                (found > 0 && next < number("total")?).then(|| json!(next))
            }
        }
    }
}

/// `text` cut to `max` units of UTF-16; the last character is an ellipsis if anything was cut.
pub(super) fn clip(text: &str, max: usize) -> String {
    fit(text, max, utf16, |character, text| text.push(character))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Dialect::Cloud, "ana@example.com:t0ken", Some("Basic YW5hQGV4YW1wbGUuY29tOnQwa2Vu"))]
    #[case(Dialect::Cloud, " ana@example.com:t0ken\n", Some("Basic YW5hQGV4YW1wbGUuY29tOnQwa2Vu"))]
    #[case(Dialect::Cloud, "t0ken", None)]
    #[case(Dialect::Cloud, "ana@example.com:", None)]
    #[case(Dialect::Cloud, "ana@example.com:a\r\nx-header: b", None)]
    #[case(Dialect::DataCenter, "NjU0\n", Some("Bearer NjU0"))]
    #[case(Dialect::DataCenter, "ana:password", None)]
    #[case(Dialect::DataCenter, "Bearer NjU0", None)]
    #[case(Dialect::DataCenter, "", None)]
    fn a_secret_is_of_one_form(#[case] dialect: Dialect, #[case] secret: &str, #[case] header: Option<&str>) {
        let authorization = dialect.authorization(&secret.into());
        assert_eq!(authorization.as_ref().ok().map(Secret::expose), header);
        if let Err(error) = authorization {
            assert!(error.contains(": store") && (secret.is_empty() || !error.contains(secret.trim())), "{error}");
        }
    }

    #[rstest]
    #[case("abcd", 4, "abcd")]
    #[case("abcde", 4, "abc…")]
    #[case("🔒🔒🔒", 5, "🔒🔒…")]
    #[case("🔒🔒🔒", 6, "🔒🔒🔒")]
    #[case("a🔒🔒🔒", 6, "a🔒🔒…")]
    fn text_is_cut_by_the_units_that_jira_counts(#[case] text: &str, #[case] max: usize, #[case] expected: &str) {
        assert_eq!(clip(text, max), expected);
        assert!(utf16(&clip(text, max)) <= max);
    }
}
