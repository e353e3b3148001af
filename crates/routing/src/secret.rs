//! References to secrets.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::reader::Value;

const PARAMETER: &str = "ssm:";
const SECRET: &str = "secretsmanager:";
const REMEDY: &str = "write where the secret is kept, `ssm:/path`, `secretsmanager:name` or the ARN of a secret, \
                      and never the secret itself";

/// Beginnings and parts of texts that only secrets have: tokens of Slack and Atlassian, and URLs that are keys
/// themselves.
const TELLING: [&str; 10] = [
    "xoxa-",
    "xoxb-",
    "xoxp-",
    "xoxe.",
    "xapp-",
    "atatt3x",
    "hooks.slack.com/",
    "webhook.office.com/",
    "?sig=",
    "&sig=",
];

/// Returns true if a text has a part that only secrets have. Such a text is neither accepted nor repeated.
pub(crate) fn looks_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    TELLING.iter().any(|telling| text.contains(telling)) || text.trim_start().starts_with("whsec_")
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
            && crate::reader::is_account_id(account)
            && is_secret_name(name))
}
