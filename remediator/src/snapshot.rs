//! What is kept in the bucket: groups as they were before a change, rules that are owed, holds.

use std::collections::BTreeMap;

use aws_traits::AwsError;
use aws_traits::s3::{Objects, Place};
use exposure::{IngressRule, Plan, SecurityGroup, Source, Traffic};
use jiff::{SignedDuration, Timestamp};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::error::RemediatorError;
use crate::request::{LATEST, RequestError, StrategyName};

/// The version of the documents that this release writes and understands.
pub(crate) const VERSION: u32 = 1;

/// What stands in a key for an execution that gave no id.
const NO_EXECUTION: &str = "manual";
const LONGEST_EXECUTION_ID: usize = 64;

/// Rules that could not be added for this long are not owed any more: by then somebody has found another way.
const OWED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Why a snapshot was not written or could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The bucket did not take it. Without a snapshot nothing is changed.
    #[error("the snapshot cannot be written")]
    NotWritten(#[source] AwsError),
    /// The bucket did not give it.
    #[error("the bucket of the snapshots cannot be read")]
    NotRead(#[source] AwsError),
    /// There is none.
    #[error("there is no snapshot below {0}: either nothing was closed, or it has expired")]
    None(String),
    /// It is nothing that this release has written.
    #[error("{uri} is not a document that this release understands: {problem}")]
    Malformed {
        /// Which object.
        uri: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// A group as it was before a change, with the change that was about to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Snapshot {
    version: u32,
    action: Action,
    taken_at: Timestamp,
    execution_id: Option<String>,
    config_rule_name: String,
    account_id: String,
    region: String,
    security_group: GroupState,
    plan: PlanState,
    /// The snapshot of an earlier part of the same change, which was taken before this one.
    continues: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Action {
    Close,
    Restore,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupState {
    group_id: String,
    group_name: Option<String>,
    vpc_id: Option<String>,
    #[serde(deserialize_with = "rules_of_one_source")]
    ingress: Vec<RuleState>,
    egress: Vec<RuleState>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PlanState {
    strategy: Option<StrategyName>,
    /// Rule ids.
    revoke: Vec<String>,
    #[serde(deserialize_with = "rules_of_one_source")]
    authorize: Vec<RuleState>,
}

/// A rule in EC2's own words, so that it can be given back by hand, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuleState {
    #[serde(skip_serializing_if = "Option::is_none")]
    security_group_rule_id: Option<String>,
    ip_protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_port: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_port: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cidr_ipv4: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cidr_ipv6: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix_list_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referenced_group: Option<ReferencedGroup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReferencedGroup {
    group_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
}

impl RuleState {
    /// Whether there is no doubt about whom the rule lets in. None at all is what this release writes for a source that it
    /// did not understand; EC2 does not take it back.
    fn has_one_source(&self) -> bool {
        let is = |cidr: &String, is_ipv4: bool| matches!(Source::from_cidr(cidr), Source::Cidr(network) if network.is_ipv4() == is_ipv4);
        let given = usize::from(self.cidr_ipv4.is_some())
            + usize::from(self.cidr_ipv6.is_some())
            + usize::from(self.prefix_list_id.is_some())
            + usize::from(self.referenced_group.is_some());
        given <= 1
            && self.cidr_ipv4.as_ref().is_none_or(|cidr| is(cidr, true))
            && self.cidr_ipv6.as_ref().is_none_or(|cidr| is(cidr, false))
    }
}

/// Rules to be given back or taken away: what nobody can be sure of is no document of this release.
fn rules_of_one_source<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RuleState>, D::Error> {
    let states = Vec::<RuleState>::deserialize(deserializer)?;
    match states.iter().find(|state| !state.has_one_source()) {
        None => Ok(states),
        Some(state) => {
            let id = state.security_group_rule_id.as_deref().unwrap_or("a new rule");
            Err(D::Error::custom(format!("`{id}` has not one source that is understood")))
        }
    }
}

impl From<&IngressRule> for RuleState {
    fn from(rule: &IngressRule) -> Self {
        let mut state = Self {
            security_group_rule_id: rule.id.clone(),
            ip_protocol: rule.traffic.protocol().into_owned(),
            from_port: rule.traffic.from_port(),
            to_port: rule.traffic.to_port(),
            cidr_ipv4: None,
            cidr_ipv6: None,
            prefix_list_id: None,
            referenced_group: None,
            description: rule.description.clone(),
            tags: rule.tags.clone(),
        };
        match &rule.source {
            Source::Cidr(network) if network.is_ipv4() => state.cidr_ipv4 = Some(network.to_string()),
            Source::Cidr(network) => state.cidr_ipv6 = Some(network.to_string()),
            Source::PrefixList(id) => state.prefix_list_id = Some(id.clone()),
            Source::SecurityGroup { id, account_id } => {
                state.referenced_group = Some(ReferencedGroup { group_id: id.clone(), user_id: account_id.clone() });
            }
            // Nothing that EC2 is known to have; it would not take it back.
            Source::Unrecognized(_) => {}
        }
        state
    }
}

impl From<&RuleState> for IngressRule {
    fn from(state: &RuleState) -> Self {
        let source = if let Some(cidr) = state.cidr_ipv4.as_ref().or(state.cidr_ipv6.as_ref()) {
            Source::from_cidr(cidr)
        } else if let Some(id) = &state.prefix_list_id {
            Source::PrefixList(id.clone())
        } else if let Some(group) = &state.referenced_group {
            Source::SecurityGroup { id: group.group_id.clone(), account_id: group.user_id.clone() }
        } else {
            Source::not_told()
        };
        Self {
            id: state.security_group_rule_id.clone(),
            traffic: Traffic::parse(&state.ip_protocol, state.from_port, state.to_port),
            source,
            description: state.description.clone(),
            tags: state.tags.clone(),
        }
    }
}

fn states<'r>(rules: impl IntoIterator<Item = &'r IngressRule>) -> Vec<RuleState> {
    rules.into_iter().map(Into::into).collect()
}

fn rules<'s>(states: impl IntoIterator<Item = &'s RuleState>) -> Vec<IngressRule> {
    states.into_iter().map(Into::into).collect()
}

/// Who changes a group, for the record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Author<'a> {
    pub(crate) action: Action,
    pub(crate) strategy: Option<StrategyName>,
    pub(crate) config_rule_name: &'a str,
    pub(crate) execution_id: Option<&'a str>,
}

/// The bucket, as seen by one change of one group.
#[derive(Debug)]
pub(crate) struct Vault<'a, S> {
    bucket: &'a S,
    group_id: &'a str,
    now: fn() -> Timestamp,
}

/// Rules that are owed to a group: their predecessors are gone, and they could not be added yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Owed {
    version: u32,
    since: Timestamp,
    snapshot: Option<String>,
    #[serde(deserialize_with = "rules_of_one_source")]
    rules: Vec<RuleState>,
}

impl Owed {
    pub(crate) fn rules(&self) -> Vec<IngressRule> {
        rules(&self.rules)
    }

    /// The snapshot that was taken before their predecessors went.
    pub(crate) fn snapshot(&self) -> Option<&str> {
        self.snapshot.as_deref()
    }
}

/// Until when a group that was restored is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Hold {
    version: u32,
    pub(crate) until: Timestamp,
    pub(crate) execution_id: Option<String>,
    pub(crate) config_rule_name: String,
}

/// What a closing, or several in a row, took from a group.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Taken {
    /// The rules before.
    pub(crate) before: Vec<IngressRule>,
    /// The rules that the closing was to add.
    pub(crate) added: Vec<IngressRule>,
    /// Where that is written, newest first.
    pub(crate) uris: Vec<String>,
}

impl<'a, S: Objects> Vault<'a, S> {
    pub(crate) fn new(bucket: &'a S, group_id: &'a str, now: fn() -> Timestamp) -> Self {
        Self { bucket, group_id, now }
    }

    fn key(&self, prefix: &str) -> String {
        let Place { account_id, region, .. } = self.bucket.place();
        format!("{prefix}/{account_id}/{region}/{}", self.group_id)
    }

    fn uri(&self, key: &str) -> String {
        self.bucket.place().uri(key)
    }

    /// Keeps the group as it is, before `plan` is carried out. Gives back where.
    pub(crate) async fn keep(
        &self,
        author: Author<'_>,
        group: &SecurityGroup,
        egress: &[IngressRule],
        plan: &Plan,
        continues: Option<String>,
    ) -> Result<String, SnapshotError> {
        let taken_at = (self.now)();
        let Place { account_id, region, .. } = self.bucket.place();
        let snapshot = Snapshot {
            version: VERSION,
            action: author.action,
            taken_at,
            execution_id: author.execution_id.map(str::to_owned),
            config_rule_name: author.config_rule_name.to_owned(),
            account_id: account_id.clone(),
            region: region.clone(),
            security_group: GroupState {
                group_id: self.group_id.to_owned(),
                group_name: group.name.clone(),
                vpc_id: group.vpc_id.clone(),
                ingress: states(&group.ingress),
                egress: states(egress),
            },
            plan: PlanState {
                strategy: author.strategy,
                revoke: plan.revoke.iter().filter_map(|rule| rule.id.clone()).collect(),
                authorize: states(&plan.authorize),
            },
            continues,
        };
        let prefix = match author.action {
            Action::Close => "security-groups",
            Action::Restore => "restores",
        };
        let stem = format!("{}/{}", self.key(prefix), file_stem(taken_at, author.execution_id));
        keep_new(self.bucket, &stem, &to_json(&snapshot)).await.map(|key| self.uri(&key))
    }

    /// What the named closing took, or the latest one together with those that it finished.
    pub(crate) async fn taken(&self, name: &str) -> Result<Taken, RemediatorError> {
        let prefix = format!("{}/", self.key("security-groups"));
        if name != LATEST {
            let key = named_key(self.bucket.place(), &prefix, name, self.group_id, (self.now)())?;
            let snapshot = self.read(&key).await?;
            return Ok(chain(&[(self.uri(&key), snapshot)]));
        }
        let mut keys = keys_below(self.bucket, &prefix).await?;
        let Some(latest) = keys.pop() else { return Err(SnapshotError::None(self.uri(&prefix)).into()) };
        let mut newest_first = vec![(self.uri(&latest), self.read(&latest).await?)];
        while let (Some(earlier), Some((_, later))) = (keys.pop(), newest_first.last()) {
            let snapshot = self.read(&earlier).await?;
            let uri = self.uri(&earlier);
            if !later.finishes(&snapshot, &uri) {
                break;
            }
            newest_first.push((uri, snapshot));
        }
        Ok(chain(&newest_first))
    }

    async fn read(&self, key: &str) -> Result<Snapshot, SnapshotError> {
        let snapshot: Snapshot = get(self.bucket, key).await?.ok_or_else(|| SnapshotError::None(self.uri(key)))?;
        if snapshot.security_group.group_id != self.group_id || snapshot.action != Action::Close {
            let problem = format!("it is not of a closing of {}", self.group_id);
            return Err(SnapshotError::Malformed { uri: self.uri(key), problem });
        }
        Ok(snapshot)
    }

    /// An object that is usually not there. Asked for by a list: to a get of a key that is not there S3 answers "access
    /// denied" unless the role may list the whole bucket.
    async fn find<T: for<'de> Deserialize<'de>>(&self, key: &str) -> Result<Option<T>, SnapshotError> {
        let found = self.bucket.list(key).await.map_err(SnapshotError::NotRead)?;
        if found.iter().any(|found| found == key) { get(self.bucket, key).await } else { Ok(None) }
    }

    /// The rules that an earlier closing still owes to the group.
    pub(crate) async fn owed(&self) -> Result<Option<Owed>, SnapshotError> {
        let owed: Option<Owed> = self.find(&self.owed_key()).await?;
        Ok(owed.filter(|owed| (self.now)().duration_since(owed.since) < OWED_FOR))
    }

    /// Notes that these rules are owed, in the place of others that may have been.
    pub(crate) async fn owe(&self, rules: &[IngressRule], snapshot: Option<String>) -> Result<(), AwsError> {
        let owed = Owed { version: VERSION, since: (self.now)(), snapshot, rules: states(rules) };
        self.bucket.put(&self.owed_key(), to_json(&owed)).await
    }

    pub(crate) async fn forget_owed(&self) -> Result<(), AwsError> {
        self.bucket.delete(&self.owed_key()).await
    }

    fn owed_key(&self) -> String {
        format!("{}.json", self.key("owed"))
    }

    /// The hold on this group, if there is one that has not ended.
    pub(crate) async fn hold(&self) -> Result<Option<Hold>, SnapshotError> {
        let hold: Option<Hold> = self.find(&self.hold_key()).await?;
        Ok(hold.filter(|hold| (self.now)() < hold.until))
    }

    pub(crate) async fn put_hold(
        &self,
        until: Timestamp,
        execution_id: Option<&str>,
        config_rule_name: &str,
    ) -> Result<(), AwsError> {
        let hold = Hold {
            version: VERSION,
            until,
            execution_id: execution_id.map(str::to_owned),
            config_rule_name: config_rule_name.to_owned(),
        };
        self.bucket.put(&self.hold_key(), to_json(&hold)).await
    }

    pub(crate) async fn lift_hold(&self) -> Result<(), AwsError> {
        self.bucket.delete(&self.hold_key()).await
    }

    fn hold_key(&self) -> String {
        format!("{}.json", self.key("holds"))
    }
}

impl Snapshot {
    /// Whether this one was taken in the course of, or to finish, what `earlier` was taken for.
    fn finishes(&self, earlier: &Self, earlier_uri: &str) -> bool {
        let is_same_run = self.execution_id.is_some() && self.execution_id == earlier.execution_id;
        // A rule id is never used twice: what the earlier one was about to revoke was still there.
        let was_left_over = |id: &String| {
            self.security_group.ingress.iter().any(|rule| rule.security_group_rule_id.as_ref() == Some(id))
        };
        is_same_run || self.continues.as_deref() == Some(earlier_uri) || earlier.plan.revoke.iter().any(was_left_over)
    }
}

/// What a row of closings took together: the rules before the first, and those that somebody else added in between.
fn chain(newest_first: &[(String, Snapshot)]) -> Taken {
    let mut taken = Taken::default();
    for (uri, snapshot) in newest_first.iter().rev() {
        let has = |rules: &[IngressRule], rule: &IngressRule| rules.iter().any(|other| other.admits_the_same_as(rule));
        for rule in rules(&snapshot.security_group.ingress) {
            if !has(&taken.before, &rule) && !has(&taken.added, &rule) {
                taken.before.push(rule);
            }
        }
        taken.added.extend(rules(&snapshot.plan.authorize));
        taken.uris.insert(0, uri.clone());
    }
    taken
}

/// Reads a document, if it is there. Its version comes first: what another release means by its fields is not guessed at.
pub(crate) async fn get<T: for<'de> Deserialize<'de>>(
    bucket: &impl Objects,
    key: &str,
) -> Result<Option<T>, SnapshotError> {
    let Some(json) = bucket.get(key).await.map_err(SnapshotError::NotRead)? else { return Ok(None) };
    let malformed = |problem: String| SnapshotError::Malformed { uri: bucket.place().uri(key), problem };
    let document: Value = serde_json::from_str(&json).map_err(|error| malformed(error.to_string()))?;
    match document.get("version") {
        Some(version) if *version == VERSION => {}
        Some(version) => return Err(malformed(format!("its version is {version}, and not {VERSION}"))),
        None => return Err(malformed("it has no version".to_owned())),
    }
    serde_json::from_value(document).map(Some).map_err(|error| malformed(error.to_string()))
}

/// The keys of the snapshots whose keys begin with `prefix`, the oldest first.
pub(crate) async fn keys_below(bucket: &impl Objects, prefix: &str) -> Result<Vec<String>, SnapshotError> {
    let mut keys = bucket.list(prefix).await.map_err(SnapshotError::NotRead)?;
    keys.retain(|key| has_json_extension(key));
    Ok(keys)
}

/// Writes an object that is not there yet; `stem` is its key without extension. Gives back the key.
pub(crate) async fn keep_new<S: Objects>(bucket: &S, stem: &str, json: &str) -> Result<String, SnapshotError> {
    // There is one already when an answer got lost, or when two runs without id began in the same millisecond.
    for suffix in ["", "_2", "_3", "_4", "_5"] {
        let key = format!("{stem}{suffix}.json");
        if bucket.put_new(&key, json.to_owned()).await.map_err(SnapshotError::NotWritten)? {
            return Ok(key);
        }
    }
    let taken =
        AwsError::new("s3:PutObject", stem, Some("PreconditionFailed"), "objects of this name are there already");
    Err(SnapshotError::NotWritten(taken))
}

/// `20261121T000000.000Z_EXECUTION`: sorts by time, and so does what is appended with an underscore.
pub(crate) fn file_stem(taken_at: Timestamp, execution_id: Option<&str>) -> String {
    let execution_id: String = execution_id
        .unwrap_or(NO_EXECUTION)
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character } else { '-' })
        .take(LONGEST_EXECUTION_ID)
        .collect();
    format!("{}_{execution_id}", taken_at.strftime("%Y%m%dT%H%M%S.%3fZ"))
}

/// The key that somebody means by a URI, a key or a file name: nothing but an object below `prefix`, where the snapshots
/// of `subject` are. `now` is for the example in the error.
pub(crate) fn named_key(
    place: &Place,
    prefix: &str,
    name: &str,
    subject: &str,
    now: Timestamp,
) -> Result<String, RequestError> {
    let file = place.key(name.trim()).map(|key| key.strip_prefix(prefix).unwrap_or(key));
    match file.filter(|file| has_json_extension(file) && !file.contains('/')) {
        Some(file) => Ok(format!("{prefix}{file}")),
        None => Err(RequestError::SnapshotName {
            name: name.to_owned(),
            subject: subject.to_owned(),
            example: place.uri(&format!("{prefix}{}.json", file_stem(now, None))),
        }),
    }
}

fn has_json_extension(key: &str) -> bool {
    key.rsplit_once('.').is_some_and(|(_, extension)| extension == "json")
}

pub(crate) fn to_json(document: &impl Serialize) -> String {
    // Maps with text keys, numbers and text: it cannot fail.
    serde_json::to_string_pretty(document).unwrap_or_default()
}
