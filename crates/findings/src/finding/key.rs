//! Identity of a finding.

use std::fmt;
use std::str::FromStr;

use exposure::{is_account_id, is_security_group_id};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::text::hex;

/// Longest name of a rule. Source: AWS Config API reference, `ConfigRuleName`.
const LONGEST_RULE: usize = 128;
/// Digits of the digest in a label: 80 bits.
const LABEL_BYTES: usize = 10;

/// Identity of a finding: one security group under one rule of AWS Config.
///
/// Its text is `account/region/group/rule`, at most 210 characters of `[A-Za-z0-9/_-]`. So it is a key of `DynamoDB`, a
/// `dedup_key` of `PagerDuty` (at most 255 characters) and a label of Jira (no spaces). Keys sort as their texts do.
///
/// ```
/// use findings::finding::FindingKey;
///
/// let key: FindingKey = "123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa/portcullis".parse()?;
/// assert_eq!(key.region(), "eu-west-1");
/// assert_eq!(key.label(), "portcullis-db764ad4c66871de5c54");
/// # Ok::<(), findings::finding::KeyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FindingKey {
    account: String,
    region: String,
    group_id: String,
    rule: String,
}

/// A text is no key of a finding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not four parts.
    #[error("key of a finding `{0}` has not four parts: give account/region/group/rule")]
    Parts(String),
    /// Not the id of an account.
    #[error("account `{0}` is not an account id: give 12 digits")]
    Account(String),
    /// Not the name of a region.
    #[error("region `{0}` is not the name of a region: give one such as eu-west-1")]
    Region(String),
    /// Not the id of a group.
    #[error("group `{0}` is not the id of a security group: give sg- and 8 to 17 hexadecimal digits")]
    Group(String),
    /// Not the name of a rule.
    #[error("rule `{0}` is not the name of a rule: give 1 to 128 letters, digits, hyphens or underscores")]
    Rule(String),
}

impl FindingKey {
    /// The key of a group under a rule.
    ///
    /// # Errors
    ///
    /// If a part has not the form that AWS documents for it.
    pub fn new(account: &str, region: &str, group_id: &str, rule: &str) -> Result<Self, KeyError> {
        let quoted = |text: &str| plain_text::one_line(text, 60);
        if !is_account_id(account) {
            return Err(KeyError::Account(quoted(account)));
        }
        if !is_region(region) {
            return Err(KeyError::Region(quoted(region)));
        }
        if !is_security_group_id(group_id) {
            return Err(KeyError::Group(quoted(group_id)));
        }
        let is_name = rule.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !(1..=LONGEST_RULE).contains(&rule.len()) || !is_name {
            return Err(KeyError::Rule(quoted(rule)));
        }
        Ok(Self { account: account.into(), region: region.into(), group_id: group_id.into(), rule: rule.into() })
    }

    /// Account in which the rule is, 12 digits.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Region of the group.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// `sg-…`.
    #[must_use]
    pub fn group_id(&self) -> &str {
        &self.group_id
    }

    /// Name of the rule of AWS Config.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// A short name by which a ticket is found again: `portcullis-` and 20 digits of the key's SHA-256.
    #[must_use]
    pub fn label(&self) -> String {
        let digest = Sha256::digest(self.to_string());
        format!("portcullis-{}", hex(digest.iter().take(LABEL_BYTES)))
    }
}

/// Words of letters, then a number, joined by hyphens. No region is the beginning of another one and a hyphen, so keys sort
/// as their texts.
fn is_region(text: &str) -> bool {
    let Some((words, number)) = text.rsplit_once('-') else { return false };
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_number = (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 32 && is_number && words.contains('-') && words.split('-').all(is_word)
}

impl fmt::Display for FindingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.account, self.region, self.group_id, self.rule)
    }
}

impl FromStr for FindingKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(account), Some(region), Some(group), Some(rule), None) => Self::new(account, region, group, rule),
            _ => Err(KeyError::Parts(plain_text::one_line(text, 60))),
        }
    }
}

impl TryFrom<String> for FindingKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<FindingKey> for String {
    fn from(key: FindingKey) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";

    #[rstest]
    #[case::parts("123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa", "has not four parts")]
    #[case::more("123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa/rule/x", "has not four parts")]
    #[case::account("12345678901/eu-west-1/sg-0aaaaaaaaaaaaaaaa/rule", "account `12345678901`")]
    #[case::region("123456789012/europe/sg-0aaaaaaaaaaaaaaaa/rule", "region `europe`")]
    #[case::longer_region("123456789012/eu-west-1-x/sg-0aaaaaaaaaaaaaaaa/rule", "region `eu-west-1-x`")]
    #[case::group("123456789012/eu-west-1/sg-0A/rule", "group `sg-0A`")]
    #[case::space("123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa/my rule", "rule `my rule`")]
    #[case::empty("123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa/", "rule ``")]
    fn what_is_no_key_is_refused_with_the_remedy(#[case] text: &str, #[case] part: &str) {
        let error = text.parse::<FindingKey>().unwrap_err().to_string();
        assert!(error.contains(part) && error.contains(": give "), "{error}");
    }

    #[rstest]
    #[case("us-gov-west-1")]
    #[case("ap-southeast-4")]
    #[case("us-isob-east-1")]
    fn regions_of_all_partitions_are_taken(#[case] region: &str) {
        assert_eq!(FindingKey::new("123456789012", region, GROUP, "rule").unwrap().region(), region);
    }

    #[test]
    fn the_longest_key_fits_everywhere() {
        let region = "us-longestwordofall-northeast-12";
        let key = FindingKey::new("123456789012", region, "sg-0123456789abcdef0", &"r".repeat(LONGEST_RULE)).unwrap();
        assert!(key.to_string().len() <= 255 && !key.to_string().contains(' '));
        let long = FindingKey::new("123456789012", region, GROUP, &"r".repeat(LONGEST_RULE + 1));
        assert!(matches!(long, Err(KeyError::Rule(_))));
    }
}
