//! Security Hub of the account of the finding: one finding in ASFF for each group, with the id that a scan gives it.
//!
//! Security Hub updates a finding that it has by its id, so a repetition changes nothing. After an unknown outcome it is sent
//! again; if the group is closed by then, as closed, since Security Hub may have it as open. It keeps workflow and notes of
//! whoever works on the finding: they are sent with the first import only. `BatchImportFindings` with the product ARN of an
//! account has to be called by this account, in the region of the finding.
//!
//! Source: <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html>

use std::collections::BTreeMap;

use findings::asff::{AsffContent, AsffFinding, AsffResource, FIELD_CHARS, group_id, severity_label};
use findings::finding::{Finding, State, Text, Told};
use jiff::Timestamp;
use plain_text::{clip, one_line};

use crate::aws::AwsCallError;
use crate::channel::{Channel, Delivered, Failure, Retry};
use crate::notice::Notice;
use crate::words::{self, Fact};

/// Findings of one call.
pub const BATCH_MAX: usize = 100;

/// A finding that Security Hub did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedFinding {
    /// `Id` of the finding.
    pub id: String,
    /// `ErrorCode`.
    pub code: String,
    /// `ErrorMessage`.
    pub message: String,
}

/// Imports findings.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait ImportFindings {
    /// Calls `securityhub:BatchImportFindings` as `account` in `region`, with at most [`BATCH_MAX`] findings. Returns
    /// `FailedFindings`.
    ///
    /// # Errors
    ///
    /// If the call failed as a whole.
    async fn import(
        &self,
        account: &str,
        region: &str,
        findings: &[AsffFinding<'_>],
    ) -> Result<Vec<RefusedFinding>, AwsCallError>;
}

impl<I: ImportFindings> ImportFindings for &I {
    async fn import(
        &self,
        account: &str,
        region: &str,
        findings: &[AsffFinding<'_>],
    ) -> Result<Vec<RefusedFinding>, AwsCallError> {
        (**self).import(account, region, findings).await
    }
}

/// Security Hub.
#[derive(Debug)]
pub struct SecurityHub<I> {
    hub: I,
}

impl<I: ImportFindings> SecurityHub<I> {
    /// Security Hub by these calls.
    #[must_use]
    pub fn new(hub: I) -> Self {
        Self { hub }
    }

    /// Delivers many notices with as few calls as possible. Outcomes are in the order of the notices.
    pub async fn deliver_all(&self, notices: &[Notice<'_>]) -> Vec<Result<Delivered, Failure>> {
        let mut places: BTreeMap<(&str, &str), Vec<(usize, AsffFinding<'_>)>> = BTreeMap::new();
        for (index, notice) in notices.iter().enumerate() {
            let key = notice.finding.key();
            places.entry((key.account(), key.region())).or_default().push((index, asff(notice)));
        }
        let mut outcomes: Vec<(usize, Result<Delivered, Failure>)> = Vec::with_capacity(notices.len());
        for ((account, region), findings) in places {
            for batch in findings.chunks(BATCH_MAX) {
                let (indexes, batch): (Vec<usize>, Vec<AsffFinding<'_>>) = batch.iter().cloned().unzip();
                let answer = self.hub.import(account, region, &batch).await;
                let outcome = |(index, finding): (usize, &AsffFinding<'_>)| (index, outcome(finding.id(), &answer));
                outcomes.extend(indexes.into_iter().zip(&batch).map(outcome));
            }
        }
        outcomes.sort_by_key(|(index, _)| *index);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }
}

impl<I: ImportFindings> Channel for SecurityHub<I> {
    async fn deliver(&self, notice: &Notice<'_>) -> Result<Delivered, Failure> {
        let key = notice.finding.key();
        let finding = asff(notice);
        let answer = self.hub.import(key.account(), key.region(), std::slice::from_ref(&finding)).await;
        outcome(finding.id(), &answer)
    }
}

/// What became of one finding of a call.
fn outcome(id: &str, answer: &Result<Vec<RefusedFinding>, AwsCallError>) -> Result<Delivered, Failure> {
    let refused = match answer {
        Ok(refused) => refused.iter().find(|refused| refused.id == id),
        Err(error) => return Err(error.clone().into()),
    };
    let Some(RefusedFinding { code, message, .. }) = refused else {
        return Ok(Delivered { external_id: Some(Text::from(id)) });
    };
    let is_passing =
        ["InternalError", "InternalException", "Throttl", "LimitExceeded"].iter().any(|word| code.contains(word));
    let retry = if is_passing { Retry::Later(None) } else { Retry::AfterRepair };
    let error = format!("Security Hub did not take the finding: {} {}", one_line(code, 60), one_line(message, 200));
    Err(Failure::Refused { error, retry })
}

fn asff<'n>(notice: &Notice<'n>) -> AsffFinding<'n> {
    let Notice { finding, now, due, .. } = *notice;
    let asff = with_facts(finding, notice.facts(), now);
    // Only who never told of it can be the first.
    if due.told == Told::Nothing && due.unknown_since.is_none() { asff.with_new_workflow() } else { asff }
}

/// A finding in ASFF as it is at `now`, for a file: with the id under which Security Hub has it, and without a workflow, so that
/// an import leaves what people have said of it.
#[must_use]
pub fn asff_finding(finding: &Finding, now: Timestamp) -> AsffFinding<'_> {
    with_facts(finding, words::facts(finding, None, now), now)
}

fn with_facts(finding: &Finding, facts: Vec<Fact>, now: Timestamp) -> AsffFinding<'_> {
    let key = finding.key();
    let (severity, status) = match finding.state() {
        State::Open => (finding.severity().map_or("HIGH", severity_label), "FAILED"),
        State::NeverOpen | State::Exempt | State::Closed => ("INFORMATIONAL", "PASSED"),
    };
    let group = finding.group();
    let owner = group.and_then(|group| group.owner_account.as_ref()).map_or(key.account(), Text::as_str);
    let name = group.and_then(|group| group.name.as_ref()).map(Text::as_str);
    let vpc_id = group.and_then(|group| group.vpc_id.as_ref()).map(Text::as_str);
    let content = AsffContent {
        id: group_id(key.account(), key.region(), key.group_id()),
        account: key.account(),
        region: key.region(),
        title: words::title(finding),
        description: description(finding),
        severity,
        status,
        fix: words::commands(finding).into_iter().next().map(|command| format!("Run `{command}`.")),
        fields: fields(finding, facts),
        resource: AsffResource::group(owner, key.region(), key.group_id(), name, vpc_id),
        created: finding.first_seen().unwrap_or(now),
        updated: now,
    };
    let asff = AsffFinding::from(content).observed(finding.first_seen(), finding.last_seen());
    if finding.state() == State::Open { asff } else { asff.archived() }
}

fn description(finding: &Finding) -> String {
    let list = words::exposures(finding);
    let shown: Vec<String> = list.map(|list| words::exposure_lines(list, 5)).unwrap_or_default();
    let total = list.map_or(0, |list| list.total);
    match (finding.state(), shown.is_empty()) {
        (_, true) => words::title(finding),
        (State::Open, false) => format!("Open: {}", words::and_more(&shown, total)),
        (State::Exempt, false) => format!("Exempt: {}", words::and_more(&shown, total)),
        (State::NeverOpen | State::Closed, false) => format!("Last exposures: {}", words::and_more(&shown, total)),
    }
}

/// Facts that the format has no attribute for.
fn fields(finding: &Finding, facts: Vec<Fact>) -> BTreeMap<&'static str, String> {
    let of = |label: &str| match label {
        "State" => Some("portcullis/state"),
        "Rule" => Some("portcullis/rule"),
        "Owner" => Some("portcullis/owner"),
        "Opened by" => Some("portcullis/opened-by"),
        "Closed by" => Some("portcullis/closed-by"),
        "Interfaces" => Some("portcullis/interfaces"),
        "Exemption" => Some("portcullis/exemption"),
        "Failed closing" => Some("portcullis/failed-closing"),
        "Unjudged" => Some("portcullis/unjudged"),
        _ => None,
    };
    let mut fields: BTreeMap<&'static str, String> = facts
        .into_iter()
        .filter_map(|fact| Some((of(fact.label)?, clip(&fact.value, FIELD_CHARS).into_owned())))
        .collect();
    fields.insert("portcullis/status", finding.openness().as_str().to_owned());
    fields.insert("portcullis/label", finding.key().label());
    fields
}
