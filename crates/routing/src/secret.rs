//! References to secrets.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::channel::{Channel, Endpoint, Jira};
use crate::reader::Value;

const PARAMETER: &str = "ssm:";
const SECRET: &str = "secretsmanager:";
const REMEDY: &str = "write where the secret is kept, `ssm:/path`, `secretsmanager:name` or the ARN of a secret, \
                      and never the secret itself";

/// Beginnings of tokens of Slack and Atlassian. Not within a word: `linuxapp-1` is a name.
const TOKENS: [&str; 6] = ["xoxa-", "xoxb-", "xoxp-", "xoxe.", "xapp-1-", "atatt3x"];
/// Parts of URLs that are keys themselves.
const URLS: [&str; 4] = ["hooks.slack.com/", "webhook.office.com/", "?sig=", "&sig="];

/// Returns true if a text has a part that only secrets have. Such a text is neither accepted nor repeated.
pub(crate) fn looks_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let begins_a_word = |(at, _): (usize, &str)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|before| !before.is_ascii_alphanumeric())
    };
    TOKENS.iter().any(|token| text.match_indices(token).any(begins_a_word))
        || URLS.iter().any(|part| text.contains(part))
        || text.trim_start().starts_with("whsec_")
}

/// Where a secret is kept. The document never contains the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// Name of an SSM parameter, which begins with a slash; written `ssm:/path`.
    Parameter(String),
    /// Name or ARN of a secret in Secrets Manager; a name is written `secretsmanager:name`.
    SecretsManager(String),
}

impl SecretRef {
    /// Reads a reference; `None` if the text is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if looks_secret(text) || text.len() > 1100 {
            return None;
        }
        if let Some(path) = text.strip_prefix(PARAMETER) {
            let name = path.strip_prefix('/')?;
            let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c));
            return is_name.then(|| Self::Parameter(path.to_owned()));
        }
        if let Some(name) = text.strip_prefix(SECRET) {
            return is_secret_name(name).then(|| Self::SecretsManager(name.to_owned()));
        }
        is_secret_arn(text).then(|| Self::SecretsManager(text.to_owned()))
    }

    pub(crate) fn read(value: Value<'_>) -> Option<Self> {
        // Not `Value::text`, which names what is wrong with a text: nothing is said of a secret.
        let (place, text) = value.raw_text()?;
        let reference = Self::parse(&text);
        if reference.is_none() {
            place.problem(format!("is not a reference to a secret: {REMEDY}"));
        }
        reference
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(path) => write!(f, "{PARAMETER}{path}"),
            Self::SecretsManager(arn) if arn.starts_with("arn:") => f.write_str(arn),
            Self::SecretsManager(name) => write!(f, "{SECRET}{name}"),
        }
    }
}

impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Channel {
    /// Where the secrets of the channel are kept.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        let (first, second) = match self {
            Self::Slack { token: secret, .. }
            | Self::SlackWebhook { webhook: secret }
            | Self::Teams { webhook: secret }
            | Self::Jira(Jira { secret, .. })
            | Self::PagerDuty { routing_key: secret, .. }
            | Self::Webhook { url: Endpoint::Url(_), secret } => (Some(secret), None),
            Self::Webhook { url: Endpoint::Secret(url), secret } => (Some(url), Some(secret)),
            Self::Sns { .. } | Self::SecurityHub {} => (None, None),
        };
        first.into_iter().chain(second)
    }
}

/// Source: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>
fn is_secret_name(name: &str) -> bool {
    (1..=512).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c))
}

/// `arn:aws:secretsmanager:eu-west-1:111122223333:secret:name-AbCdEf`
fn is_secret_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    matches!(parts.as_slice(), ["arn", partition, "secretsmanager", region, account, "secret", name]
        if crate::reader::is_partition(partition)
            && crate::reader::is_region(region)
            && exposure::is_account_id(account)
            && is_secret_name(name))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("xoxb-1-2-3", true)]
    #[case("token: XOXP-1", true)]
    #[case("foxoxb-1", false)]
    #[case("linuxapp-1-2", false)]
    #[case("xapp-1-A0-1", true)]
    #[case("https://hooks.slack.com/services/T0/B0/x", true)]
    #[case("https://prod.westeurope.logic.azure.com/workflows/1?api-version=1&sig=x", true)]
    #[case("ATATT3xFfGF0", true)]
    #[case("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", true)]
    #[case("design=1", false)]
    fn secrets_are_known_by_their_shape(#[case] text: &str, #[case] is_secret: bool) {
        assert_eq!(looks_secret(text), is_secret);
    }

    #[rstest]
    #[case("ssm:/a/b", Some(SecretRef::Parameter("/a/b".into())))]
    #[case("ssm:a", None)]
    #[case("ssm:/", None)]
    #[case("ssm:/a b", None)]
    #[case("ssm:/xoxb-1", None)]
    #[case("secretsmanager:a/b", Some(SecretRef::SecretsManager("a/b".into())))]
    #[case("secretsmanager:", None)]
    #[case("arn:aws:secretsmanager:eu-west-1:111122223333:secret:a-AbCdEf",
        Some(SecretRef::SecretsManager("arn:aws:secretsmanager:eu-west-1:111122223333:secret:a-AbCdEf".into())))]
    #[case("arn:aws:ssm:eu-west-1:111122223333:parameter/a", None)]
    #[case("hunter2", None)]
    fn references_are_of_three_forms(#[case] text: &str, #[case] expected: Option<SecretRef>) {
        assert_eq!(SecretRef::parse(text), expected);
        assert!(expected.is_none_or(|reference| reference.to_string() == text));
    }
}
