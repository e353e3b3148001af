//! Owners as people write them: e-mail addresses, channels and users of Slack, users of Jira.

use plain_text::is_steering;
use serde::Serialize;

use crate::reader::TEXT_MAX;
use crate::secret::looks_secret;

/// Names that reach everybody in a channel or a workspace, with `@` or `!` before them.
const EVERYBODY: [&str; 3] = ["channel", "here", "everyone"];
/// Names that reach many as users of a chat, but are ordinary names of channels.
const MANY: [&str; 3] = ["all", "group", "team"];
/// Longest name of a channel in Slack.
const CHANNEL_MAX: usize = 80;

/// What an owner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum OwnerKind {
    /// An e-mail address, in lower case.
    Email,
    /// `#name`, in lower case, or the id of a channel in Slack.
    SlackChannel,
    /// `@name`, in lower case, or the id of a user in Slack.
    SlackUser,
    /// Account id of a user of Jira Cloud.
    JiraUser,
    /// A user name, which Slack and Jira may know.
    Text,
    /// The name of an alias in the routing document.
    Alias,
}

/// Why a text is not an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum AddressError {
    /// No text.
    #[error("is empty: write an e-mail address, `#channel`, `@user` or a user name")]
    Empty,
    /// More than 100 characters.
    #[error("is too long for an owner: at most 100 characters are possible")]
    TooLong,
    /// `@channel` and the like.
    #[error("would notify everybody: write an e-mail address, `#channel`, `@user` or a user name")]
    Everybody,
    /// None of the known forms.
    #[error("is not an owner: write an e-mail address, `#channel`, `@user` or a user name, or add an alias for it")]
    Form,
}

/// Where a message can be sent, or to whom a ticket can be assigned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Address {
    /// The address, without anything that a chat would take for a mention of many.
    pub value: String,
    /// Kind of the address.
    pub kind: OwnerKind,
}

impl Address {
    fn new(value: impl Into<String>, kind: OwnerKind) -> Self {
        Self { value: value.into(), kind }
    }

    /// Reads an owner. White space around it is ignored.
    ///
    /// # Errors
    ///
    /// If the text has no known form, or would notify more than one channel or user.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.chars().nth(TEXT_MAX).is_some() {
            return Err(AddressError::TooLong);
        }
        // A token in a tag would be shown to everybody who reads the message.
        if text.chars().any(is_steering) || looks_secret(text) {
            return Err(AddressError::Form);
        }
        let name = text.trim_start_matches(['@', '!', '<', '#', '&']).trim_end_matches('>').to_lowercase();
        if EVERYBODY.contains(&name.as_str()) || (!text.starts_with('#') && MANY.contains(&name.as_str())) {
            return Err(AddressError::Everybody);
        }
        if let Some(name) = text.strip_prefix('#') {
            return channel(name).ok_or(AddressError::Form);
        }
        if let Some(user) = text.strip_prefix('@') {
            return slack_user(user).ok_or(AddressError::Form);
        }
        if text.contains('@') {
            return email(text).ok_or(AddressError::Form);
        }
        match slack_id(text) {
            Some(kind) => Ok(Self::new(text, kind)),
            None if is_jira_account(text) => Ok(Self::new(text, OwnerKind::JiraUser)),
            None if is_user_name(text) => Ok(Self::new(text, OwnerKind::Text)),
            None => Err(AddressError::Form),
        }
    }

    /// The address in a chat; `None` for a user of Jira.
    #[must_use]
    pub fn in_chat(&self) -> Option<Self> {
        match self.kind {
            OwnerKind::Email | OwnerKind::SlackChannel | OwnerKind::SlackUser => Some(self.clone()),
            OwnerKind::Text => slack_user(&self.value),
            OwnerKind::JiraUser | OwnerKind::Alias => None,
        }
    }

    /// The user of Jira; `None` for channels and users of Slack.
    #[must_use]
    pub fn in_jira(&self) -> Option<Self> {
        matches!(self.kind, OwnerKind::Email | OwnerKind::JiraUser | OwnerKind::Text).then(|| self.clone())
    }
}

fn channel(name: &str) -> Option<Address> {
    let is_name = name.chars().all(|c| c.is_alphanumeric() || "-_".contains(c))
        && name.chars().any(char::is_alphanumeric)
        && name.chars().nth(CHANNEL_MAX).is_none();
    is_name.then(|| Address::new(format!("#{}", name.to_lowercase()), OwnerKind::SlackChannel))
}

fn slack_user(name: &str) -> Option<Address> {
    if slack_id(name) == Some(OwnerKind::SlackUser) {
        return Some(Address::new(name, OwnerKind::SlackUser));
    }
    let name = name.to_lowercase();
    is_user_name(&name).then(|| Address::new(format!("@{name}"), OwnerKind::SlackUser))
}

/// `C0123456789` is a channel, `U0123456789` a user. A word in capitals has no digit.
///
/// Source: <https://docs.slack.dev/reference/objects/conversation-object>
fn slack_id(text: &str) -> Option<OwnerKind> {
    let is_id = (9..=14).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_digit());
    match text.bytes().next().filter(|_| is_id)? {
        b'C' | b'G' => Some(OwnerKind::SlackChannel),
        b'U' | b'W' => Some(OwnerKind::SlackUser),
        _ => None,
    }
}

/// `712020:f58131cb-b67d-43c7-b30d-6b58d40bd077`, or 24 characters as in `5b10a2844c20165700ede21g`.
///
/// Source: <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-users/>
fn is_jira_account(text: &str) -> bool {
    let is_lower = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    match text.split_once(':') {
        Some((directory, id)) => {
            (4..=8).contains(&directory.len())
                && directory.bytes().all(|byte| byte.is_ascii_digit())
                && id.len() == 36
                && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        }
        None => text.len() == 24 && is_lower(text) && text.bytes().filter(u8::is_ascii_digit).count() >= 6,
    }
}

/// Letters, digits, `.`, `_` and `-`: begins with a letter or digit, and has a letter.
fn is_user_name(name: &str) -> bool {
    name.chars().next().is_some_and(char::is_alphanumeric)
        && name.chars().any(char::is_alphabetic)
        && name.chars().all(|c| c.is_alphanumeric() || "._-".contains(c))
        && !EVERYBODY.iter().chain(&MANY).any(|many| name.eq_ignore_ascii_case(many))
}

pub(crate) fn email(text: &str) -> Option<Address> {
    let (local, domain) = text.split_once('@')?;
    let is_local = local.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && local.chars().all(|c| c.is_ascii_alphanumeric() || "._%+'-".contains(c));
    let labels: Vec<&str> = domain.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_domain = labels.len() >= 2
        && labels.iter().all(is_label)
        && labels.last().is_some_and(|top| top.bytes().any(|byte| byte.is_ascii_alphabetic()));
    let is_short = text.len() <= TEXT_MAX;
    (is_local && is_domain && is_short).then(|| Address::new(text.to_ascii_lowercase(), OwnerKind::Email))
}
