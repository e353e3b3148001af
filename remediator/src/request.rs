//! What the remediator is asked to do.

use exposure::{PortSet, Replacement, Strategy, is_security_group_id};
use ipnetwork::IpNetwork;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The payload of an invocation. Unknown fields are refused: a misspelt `dryRun` must not change a firewall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Close every exposure of a group.
    Close(Close),
    /// Give a group back what a closing took.
    Restore(Restore),
    /// Keep the internet away from ports by the network ACLs of a group's subnets.
    Quarantine(NetworkAclRequest),
    /// Take back what a quarantine put into network ACLs.
    Release(NetworkAclRequest),
}

/// `action`, which decides what the other fields are.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Action {
    Close,
    Restore,
    Quarantine,
    Release,
}

/// What every action is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject<'r> {
    pub(crate) action: &'static str,
    pub(crate) security_group_id: &'r str,
    pub(crate) config_rule_name: &'r str,
    pub(crate) dry_run: bool,
    pub(crate) execution_id: Option<&'r str>,
}

/// `action: close`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Close {
    /// The group to close.
    pub security_group_id: String,
    /// The AWS Config rule whose parameters say what is blocked.
    pub config_rule_name: String,
    /// How to close.
    #[serde(default)]
    pub strategy: StrategyName,
    /// What takes the place of an exposing source, with strategy `Replace`; empty is the private address space. The
    /// document sends its default along with the other strategies, too.
    #[serde(default, deserialize_with = "networks")]
    pub replacement_cidrs: Vec<IpNetwork>,
    /// Say what would be done, and do nothing.
    #[serde(default, deserialize_with = "boolean")]
    pub dry_run: bool,
    /// Close the group although it was restored lately.
    #[serde(default, deserialize_with = "boolean")]
    pub ignore_hold: bool,
    /// The SSM Automation execution.
    #[serde(default, deserialize_with = "execution_id")]
    pub execution_id: Option<String>,
}

/// `action: restore`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Restore {
    /// The group to restore.
    pub security_group_id: String,
    /// The AWS Config rule whose remediation is to leave the group alone for a while.
    pub config_rule_name: String,
    /// `latest`, or a snapshot: its `s3://` URI, its key or its file name.
    #[serde(default = "latest")]
    pub snapshot: String,
    /// How long the group is left alone afterwards; 0 is not at all.
    #[serde(default = "a_day", deserialize_with = "hours")]
    pub exception_hours: u32,
    /// Say what would be done, and do nothing.
    #[serde(default, deserialize_with = "boolean")]
    pub dry_run: bool,
    /// The SSM Automation execution.
    #[serde(default, deserialize_with = "execution_id")]
    pub execution_id: Option<String>,
}

/// `action: quarantine` and `action: release`. The document sends every field along with both.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkAclRequest {
    /// The group whose subnets are meant.
    pub security_group_id: String,
    /// The AWS Config rule whose parameters say what is blocked, and who is authorised.
    pub config_rule_name: String,
    /// The ports to quarantine; none are those that the group exposes.
    #[serde(default, deserialize_with = "ports")]
    pub ports: Option<PortSet>,
    /// These network ACLs; none are those of the subnets in which the group is in use.
    #[serde(default, deserialize_with = "network_acl_ids")]
    pub network_acl_ids: Vec<String>,
    /// What to release: `latest` is every quarantine that is still in place; else the one of this snapshot.
    #[serde(default = "latest")]
    pub snapshot: String,
    /// Say what would be done, and do nothing.
    #[serde(default, deserialize_with = "boolean")]
    pub dry_run: bool,
    /// The SSM Automation execution.
    #[serde(default, deserialize_with = "execution_id")]
    pub execution_id: Option<String>,
}

/// The name of a [`Strategy`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
pub enum StrategyName {
    /// [`Strategy::Revoke`].
    #[default]
    Revoke,
    /// [`Strategy::Carve`].
    Carve,
    /// [`Strategy::Replace`].
    Replace,
}

/// The snapshot that is meant when none is named.
pub(crate) const LATEST: &str = "latest";

/// Long enough for any change that is being discussed, short enough not to be forgotten: a year.
const MOST_EXCEPTION_HOURS: u32 = 8760;

/// Far more than a group can have rules, or a VPC network ACLs. Time without bounds is not to go into finding that out.
const MOST_VALUES: usize = 1000;

/// Why a request was refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Not of the documented shape.
    #[error("the request is refused, nothing was changed")]
    Shape(#[from] serde_json::Error),
    /// A field that is not understood.
    #[error("the request is refused, nothing was changed: `{name}`")]
    Field {
        /// The field.
        name: String,
        /// What is wrong with it.
        #[source]
        problem: serde_json::Error,
    },
    /// Not the id of a security group.
    #[error(
        "the request is refused, nothing was changed: `securityGroupId` `{id}` is not of the form sg-0123456789abcdef0"
    )]
    GroupId {
        /// What was given.
        id: String,
    },
    /// A rule without a name.
    #[error("the request is refused, nothing was changed: `configRuleName` is empty")]
    RuleName,
    /// A replacement that would be an exposure itself.
    #[error(
        "the request is refused, nothing was changed: with the replacement {source_text} the group would still expose \
         {ports}; name smaller ranges in `replacementCidrs`, or authorise them in `AuthorizedCidrs`"
    )]
    ReplacementExposes {
        /// The source that would be exposing.
        source_text: String,
        /// To which ports.
        ports: String,
    },
    /// An exception that is not dated sensibly.
    #[error("the request is refused, nothing was changed: `exceptionHours` is {0}; give 0 to 8760 hours, a year")]
    ExceptionHours(u32),
    /// Not the name of a snapshot of that group.
    #[error(
        "the request is refused, nothing was changed: `{name}` is not a snapshot of {subject}; write `latest`, or a URI \
         such as {example}"
    )]
    SnapshotName {
        /// What was given.
        name: String,
        /// Of what it would have to be one.
        subject: String,
        /// What it would look like.
        example: String,
    },
}

impl Request {
    /// Reads and checks a payload.
    ///
    /// # Errors
    ///
    /// When anything about it is not understood.
    pub fn from_payload(payload: Value) -> Result<Self, RequestError> {
        let mut fields: Map<String, Value> = serde_json::from_value(payload)?;
        let action = fields.remove("action").ok_or_else(|| serde_json::Error::missing_field("action"))?;
        let action = Action::deserialize(action)
            .map_err(|problem| RequestError::Field { name: "action".to_owned(), problem })?;
        let request = match action {
            Action::Close => Self::Close(read(fields)?),
            Action::Restore => Self::Restore(read(fields)?),
            Action::Quarantine => Self::Quarantine(read(fields)?),
            Action::Release => Self::Release(read(fields)?),
        };
        let subject = request.subject();
        if !is_security_group_id(subject.security_group_id) {
            return Err(RequestError::GroupId { id: subject.security_group_id.to_owned() });
        }
        if subject.config_rule_name.trim().is_empty() {
            return Err(RequestError::RuleName);
        }
        match &request {
            Self::Restore(restore) if restore.exception_hours > MOST_EXCEPTION_HOURS => {
                Err(RequestError::ExceptionHours(restore.exception_hours))
            }
            _ => Ok(request),
        }
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        macro_rules! subject {
            ($action:literal, $request:expr) => {
                Subject {
                    action: $action,
                    security_group_id: &$request.security_group_id,
                    config_rule_name: &$request.config_rule_name,
                    dry_run: $request.dry_run,
                    execution_id: $request.execution_id.as_deref(),
                }
            };
        }
        match self {
            Self::Close(close) => subject!("close", close),
            Self::Restore(restore) => subject!("restore", restore),
            Self::Quarantine(quarantine) => subject!("quarantine", quarantine),
            Self::Release(release) => subject!("release", release),
        }
    }
}

impl Close {
    pub(crate) fn strategy(&self) -> Strategy {
        match self.strategy {
            StrategyName::Revoke => Strategy::Revoke,
            StrategyName::Carve => Strategy::Carve,
            StrategyName::Replace if self.replacement_cidrs.is_empty() => Strategy::Replace(Replacement::default()),
            StrategyName::Replace => Strategy::Replace(self.replacement_cidrs.iter().copied().collect()),
        }
    }
}

fn latest() -> String {
    LATEST.to_owned()
}

fn a_day() -> u32 {
    24
}

/// Reads the fields of an action; an error names the field, which serde by itself does not.
fn read<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, RequestError> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let is_about_all = error.path().iter().next().is_none();
        let (name, problem) = (error.path().to_string(), error.into_inner());
        if is_about_all { RequestError::Shape(problem) } else { RequestError::Field { name, problem } }
    })
}

/// SSM documents hand over what is not text as JSON or as text, depending on the type of the parameter.
fn json_or_text<'de, D, T>(
    deserializer: D,
    from_text: impl FnOnce(&str) -> Option<T>,
    problem: &str,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    match Value::deserialize(deserializer)? {
        Value::String(text) => from_text(&text).ok_or_else(|| D::Error::custom(format!("`{text}` {problem}"))),
        json => T::deserialize(&json).map_err(|_| D::Error::custom(format!("`{json}` {problem}"))),
    }
}

fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    json_or_text(deserializer, |text| text.to_ascii_lowercase().parse().ok(), "is neither true nor false")
}

fn hours<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    json_or_text(deserializer, |text| text.trim().parse().ok(), "is not a number of hours")
}

/// No execution is no id: otherwise two changes made by hand would pass for one.
fn execution_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|id| !id.trim().is_empty()))
}

/// Whether an empty list comes as text is not documented, nor whether a list does.
fn list<'de, D: Deserializer<'de>>(deserializer: D, what: &str) -> Result<Vec<String>, D::Error> {
    let from_text =
        |text: &str| if text.trim().is_empty() { Some(Vec::new()) } else { serde_json::from_str(text).ok() };
    let values: Vec<String> = json_or_text(deserializer, from_text, &format!("is not a list of {what}"))?;
    if values.len() > MOST_VALUES {
        return Err(D::Error::custom(format!("{} {what} are more than {MOST_VALUES}", values.len())));
    }
    Ok(values.into_iter().filter(|value| !value.trim().is_empty()).collect())
}

/// Without host bits: EC2 would drop them, and then the rule is not the one that was asked for.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNetwork>, D::Error> {
    list(deserializer, "CIDRs")?
        .into_iter()
        .map(|text| match text.trim().parse::<IpNetwork>() {
            Ok(network) if text.contains('/') && network.network() == network.ip() => Ok(network),
            _ => Err(D::Error::custom(format!(
                "`{text}` is not a CIDR such as 10.0.0.0/8 or fd00::/8, without host bits"
            ))),
        })
        .collect()
}

fn network_acl_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let ids = list(deserializer, "network ACL ids")?;
    let is_id = |id: &str| {
        id.strip_prefix("acl-").is_some_and(|digits| {
            (8..=17).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    match ids.iter().find(|id| !is_id(id)) {
        None => Ok(ids),
        Some(id) => Err(D::Error::custom(format!("`{id}` is not of the form acl-0123456789abcdef0"))),
    }
}

fn ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PortSet>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    if text.trim().is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(D::Error::custom)
}
