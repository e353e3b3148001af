//! Findings of Security Hub about security groups, in both generations: ASFF of Security Hub CSPM, and OCSF of Security Hub.

mod asff;
mod ocsf;

use std::collections::BTreeMap;

use exposure::is_security_group_id;
use serde_json::Value;

use super::refusal::{Refusal, quoted};
use super::{ids, refuse_too_many};
use crate::tolerant::{elements, member, text};

/// The controls about security groups that are open to the internet.
///
/// Source: [Security Hub controls for Amazon EC2](https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html).
pub const CONTROLS: [&str; 6] = ["EC2.13", "EC2.14", "EC2.18", "EC2.19", "EC2.53", "EC2.54"];

/// Findings about security groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityFindings {
    /// The custom action that somebody chose for these findings; `None` if Security Hub imported them.
    pub action: Option<CustomAction>,
    /// One finding for each group, by account, region and group: at least one.
    pub groups: Vec<SecurityFinding>,
    /// Why other findings of the event are left out.
    pub left_out: Vec<Refusal>,
}

/// A custom action of Security Hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomAction {
    /// ARN.
    pub arn: String,
    /// Name, as people see it.
    pub name: String,
}

/// A finding about a security group. Of several about a group, the first one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityFinding {
    /// The group.
    pub group_id: String,
    /// Its account.
    pub account: String,
    /// Its region.
    pub region: String,
    /// The control that failed, such as `EC2.19`; `None` if the finding is not of a control.
    pub control: Option<String>,
    /// Id of the finding.
    pub finding_id: String,
}

/// What both generations say.
struct Finding<'v> {
    id: Option<&'v str>,
    /// The control, as it is written.
    control: Option<&'v str>,
    /// Why the finding is no open problem.
    settled: Option<String>,
    resources: Vec<Resource<'v>>,
    account: Option<&'v str>,
    region: Option<&'v str>,
}

/// A resource that a finding is about.
struct Resource<'v> {
    kind: Option<&'v str>,
    /// Its id, or its ARN, or both.
    ids: [Option<&'v str>; 2],
    account: Option<&'v str>,
    region: Option<&'v str>,
}

impl CustomAction {
    pub(super) fn read(event: &Value, detail: &Value) -> Result<Self, Refusal> {
        let mut arns = elements(member(event, "resources")).iter().filter_map(Value::as_str);
        let arn = arns.find(|arn| ids::Arn::parse(arn).is_some_and(|arn| arn.resource.starts_with("action/")));
        let arn = arn.ok_or_else(|| Refusal::strange("a custom action of Security Hub without its ARN"))?;
        let name = text(detail, "actionName").or_else(|| arn.rsplit('/').next()).unwrap_or_default();
        Ok(Self { arn: arn.to_owned(), name: name.to_owned() })
    }
}

impl SecurityFindings {
    pub(super) fn read(event: &Value, detail: &Value, action: Option<CustomAction>) -> Result<Self, Refusal> {
        let mut groups = BTreeMap::new();
        let mut left_out = Vec::new();
        for finding in elements(member(detail, "findings")) {
            match read(event, finding, action.is_some()) {
                Ok(found) => {
                    for found in found {
                        let key = (found.account.clone(), found.region.clone(), found.group_id.clone());
                        groups.entry(key).or_insert(found);
                    }
                }
                Err(refusal) => left_out.push(refusal),
            }
        }
        refuse_too_many(groups.len())?;
        if groups.is_empty() {
            // What is not understood is told before what is expected.
            left_out.sort_by_key(Refusal::is_noise);
            let none = || Refusal::strange("an event of Security Hub without findings");
            return Err(left_out.into_iter().next().unwrap_or_else(none));
        }
        Ok(Self { action, groups: groups.into_values().collect(), left_out })
    }
}

/// The groups of one finding.
fn read(event: &Value, finding: &Value, is_chosen: bool) -> Result<Vec<SecurityFinding>, Refusal> {
    // Where OCSF has the id.
    let is_ocsf = member(finding, "finding_info").is_some();
    let finding = if is_ocsf { ocsf::read(finding) } else { asff::read(finding) };
    let id = finding.id.ok_or_else(|| Refusal::strange("a finding of Security Hub without an id"))?;
    let noise = |why: &str| Refusal::noise(format!("the finding {} {why}", quoted(id)));
    let control = finding.control.and_then(control);
    // Whoever chooses a finding has seen it.
    if !is_chosen {
        let control = control.as_deref().ok_or_else(|| noise("is not of a control"))?;
        if !CONTROLS.contains(&control) {
            return Err(noise(&format!("is of the control {}, which is not about open ports", quoted(control))));
        }
        if let Some(why) = finding.settled {
            return Err(noise(&format!("is {why}")));
        }
    }
    let groups: Vec<_> = finding.resources.iter().filter_map(|resource| Some((resource, resource.group()?))).collect();
    if groups.is_empty() {
        return Err(noise("is about no security group"));
    }
    let unknown =
        |what: &str| Refusal::strange(format!("the finding {} does not name the {what} of the group", quoted(id)));
    let found = groups.into_iter().map(|(resource, (group_id, arn))| {
        let accounts = [arn.map(|arn| arn.account), resource.account, finding.account, text(event, "account")];
        let regions = [arn.map(|arn| arn.region), resource.region, finding.region, text(event, "region")];
        Ok(SecurityFinding {
            group_id: group_id.to_owned(),
            account: ids::account(accounts).ok_or_else(|| unknown("account"))?,
            region: ids::region(regions).ok_or_else(|| unknown("region"))?,
            control: control.clone(),
            finding_id: id.to_owned(),
        })
    });
    found.collect()
}

impl<'v> Resource<'v> {
    /// The id of the security group, and its ARN if the finding has it.
    fn group(&self) -> Option<(&'v str, Option<ids::Arn<'v>>)> {
        let ids = || self.ids.into_iter().flatten();
        let by_arn = ids().find_map(|id| ids::Arn::parse(id).and_then(|arn| Some((arn.group()?, Some(arn)))));
        let is_group = self.kind.is_some_and(|kind| {
            ["AwsEc2SecurityGroup", "AWS::EC2::SecurityGroup"].iter().any(|known| kind.eq_ignore_ascii_case(known))
        });
        by_arn.or_else(|| ids().find(|id| is_group && is_security_group_id(id)).map(|id| (id, None)))
    }
}

/// The control at the end of `text`, such as `EC2.19` in `security-control/EC2.19`.
fn control(text: &str) -> Option<String> {
    let control = text.rsplit('/').next()?;
    let (service, number) = control.rsplit_once('.')?;
    let is_service = service.starts_with(|first: char| first.is_ascii_alphabetic())
        && service.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if !(is_service && is_number) {
        return None;
    }
    let known = CONTROLS.iter().find(|known| control.eq_ignore_ascii_case(known));
    Some(known.map_or(control, |known| *known).to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case("EC2.19", Some("EC2.19"))]
    #[case("ec2.19", Some("EC2.19"))]
    #[case("security-control/S3.1", Some("S3.1"))]
    #[case("pci-dss/v/3.2.1/PCI.EC2.3", Some("PCI.EC2.3"))]
    #[case("arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0/rule/4.1", None)]
    #[case("portcullis/scan", None)]
    #[case("v/1.0.0", None)]
    #[case("EC2.", None)]
    #[case(".19", None)]
    #[case("EC2.x", None)]
    #[case("EC 2.19", None)]
    #[case("", None)]
    fn a_control_is_recognised(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(super::control(text).as_deref(), expected);
    }
}
