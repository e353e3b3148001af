//! Findings of Security Hub.

use aws_events::notice::{CONTROLS, CustomAction, Notice, SecurityFinding, SecurityFindings};
use rstest::rstest;
use serde_json::{Value, json};

use super::{ACCOUNT, GROUP, OTHER_GROUP, put, read, sample};

const ASFF: &str = include_str!("../samples/securityhub-imported.json");
const OCSF: &str = include_str!("../samples/securityhub-imported-v2.json");
const ACTION: &str = "arn:aws:securityhub:us-east-1:111122223333:action/custom/ClosePorts";
const FINDING: &str =
    "arn:aws:securityhub:us-east-1:111122223333:security-control/EC2.19/finding/11111111-2222-3333-4444-555555555555";

fn findings(event: &Value) -> SecurityFindings {
    let Notice::Findings(findings) = read(event).unwrap() else { panic!("no findings of Security Hub") };
    findings
}

/// A sample of which the finding is changed.
fn with(text: &str, pointer: &str, value: Value) -> Value {
    let mut event = sample(text);
    put(&mut event, &format!("/detail/findings/0{pointer}"), value);
    event
}

/// The sample as a custom action sends it.
fn chosen(mut event: Value) -> Value {
    put(&mut event, "/detail-type", json!("Security Hub Findings - Custom Action"));
    put(&mut event, "/resources", json!([ACTION]));
    put(&mut event, "/detail/actionName", json!("Close ports"));
    put(&mut event, "/detail/actionDescription", json!("Closes what the rule blocks"));
    event
}

fn arn(group: &str) -> String {
    format!("arn:aws:ec2:us-east-1:{ACCOUNT}:security-group/{group}")
}

#[rstest]
#[case::asff(ASFF)]
#[case::ocsf(OCSF)]
fn both_generations_say_the_same(#[case] text: &str) {
    let finding = SecurityFinding {
        group_id: GROUP.to_owned(),
        account: ACCOUNT.to_owned(),
        region: "us-east-1".to_owned(),
        control: Some("EC2.19".to_owned()),
        finding_id: FINDING.to_owned(),
    };
    let expected = SecurityFindings { action: None, groups: vec![finding], left_out: vec![] };
    assert_eq!(findings(&sample(text)), expected);
    let action = CustomAction { arn: ACTION.to_owned(), name: "Close ports".to_owned() };
    assert_eq!(findings(&chosen(sample(text))), SecurityFindings { action: Some(action), ..expected });
}

#[test]
fn the_controls_about_open_ports_count() {
    for control in CONTROLS {
        for (text, pointer) in [(ASFF, "/Compliance/SecurityControlId"), (OCSF, "/compliance/control")] {
            let event = with(text, pointer, json!(control.to_lowercase()));
            assert_eq!(findings(&event).groups[0].control.as_deref(), Some(control));
        }
    }
}

/// Without consolidated control findings, a finding has no `SecurityControlId`.
#[rstest]
#[case::field(json!({"ControlId": "EC2.19"}), "x")]
#[case::generator(json!({}), "aws-foundational-security-best-practices/v/1.0.0/EC2.19")]
#[case::consolidated_generator(json!({}), "security-control/EC2.19")]
fn older_findings_name_their_control_elsewhere(#[case] fields: Value, #[case] generator: &str) {
    let mut event = with(ASFF, "/Compliance", json!({"Status": "FAILED"}));
    put(&mut event, "/detail/findings/0/ProductFields", fields);
    put(&mut event, "/detail/findings/0/GeneratorId", json!(generator));
    assert_eq!(findings(&event).groups[0].control.as_deref(), Some("EC2.19"));
}

#[rstest]
#[case::notified(ASFF, "/Workflow/Status", json!("NOTIFIED"))]
#[case::no_record_state(ASFF, "/RecordState", json!(null))]
#[case::no_workflow(ASFF, "/Workflow", json!(null))]
#[case::ocsf_failed(OCSF, "/compliance/status", json!("FAILED"))]
#[case::ocsf_failed_by_number(OCSF, "/compliance", json!({"control": "EC2.19", "status_id": 3}))]
#[case::ocsf_updated(OCSF, "/activity_id", json!(2))]
#[case::ocsf_in_progress(OCSF, "/status_id", json!(2))]
#[case::ocsf_without_class(OCSF, "/class_uid", json!(null))]
fn a_finding_that_is_open_counts(#[case] text: &str, #[case] pointer: &str, #[case] value: Value) {
    assert_eq!(findings(&with(text, pointer, value)).groups[0].group_id, GROUP);
}

/// Findings had `WorkflowState` before they had `Workflow`.
#[test]
fn the_older_state_of_the_workflow_counts() {
    let mut event = with(ASFF, "/Workflow", json!(null));
    put(&mut event, "/detail/findings/0/WorkflowState", json!("RESOLVED"));
    assert!(read(&event).unwrap_err().is_noise());
}

#[rstest]
#[case::passed(ASFF, "/Compliance/Status", json!("PASSED"), "is passed")]
#[case::warning(ASFF, "/Compliance/Status", json!("WARNING"), "is warning")]
#[case::no_status(ASFF, "/Compliance/Status", json!(null), "is of no compliance")]
#[case::archived(ASFF, "/RecordState", json!("ARCHIVED"), "is archived")]
#[case::suppressed(ASFF, "/Workflow/Status", json!("SUPPRESSED"), "is suppressed")]
#[case::resolved(ASFF, "/Workflow", json!({"status": "Resolved"}), "is resolved")]
#[case::other_control(ASFF, "/Compliance/SecurityControlId", json!("EC2.2"), "is of the control `EC2.2`, which is not about open ports")]
#[case::longer_control(ASFF, "/Compliance/SecurityControlId", json!("EC2.190"), "is of the control `EC2.190`, which is not about open ports")]
#[case::other_standard(ASFF, "/Compliance/SecurityControlId", json!("PCI.EC2.19"), "is of the control `PCI.EC2.19`, which is not about open ports")]
#[case::no_control(ASFF, "/Compliance/SecurityControlId", json!("portcullis/scan"), "is not of a control")]
#[case::other_resource(ASFF, "/Resources", json!([{"Type": "AwsEc2Vpc", "Id": "arn:aws:ec2:us-east-1:111122223333:vpc/vpc-12345678"}]), "is about no security group")]
#[case::malformed_group(ASFF, "/Resources", json!([{"Type": "AwsEc2SecurityGroup", "Id": "sg-web"}]), "is about no security group")]
#[case::bare_id_of_something_else(ASFF, "/Resources", json!([{"Type": "Other", "Id": GROUP}]), "is about no security group")]
#[case::ocsf_passed(OCSF, "/compliance", json!({"control": "EC2.19", "status": "Pass", "status_id": 1}), "is not failed")]
#[case::ocsf_passed_by_number(OCSF, "/compliance", json!({"control": "EC2.19", "status_id": 1}), "is not failed")]
#[case::ocsf_closed(OCSF, "/activity_id", json!(3), "is archived")]
#[case::ocsf_archived(OCSF, "/status_id", json!(5), "is archived")]
#[case::ocsf_archived_by_name(OCSF, "/status", json!("Archived"), "is archived")]
#[case::ocsf_suppressed(OCSF, "/status_id", json!("3"), "is suppressed")]
#[case::ocsf_resolved(OCSF, "/status_id", json!(4), "is resolved")]
#[case::ocsf_suppressed_by_name(OCSF, "/status", json!("suppressed"), "is suppressed")]
#[case::ocsf_resolved_by_name(OCSF, "/status", json!("RESOLVED"), "is resolved")]
#[case::ocsf_failed_in_words_only(OCSF, "/compliance", json!({"control": "EC2.19", "status": "Pass", "status_id": 3}), "is not failed")]
#[case::ocsf_other_class(OCSF, "/class_uid", json!(2004), "is of another class than compliance")]
#[case::ocsf_other_control(OCSF, "/compliance/control", json!("S3.1"), "is of the control `S3.1`, which is not about open ports")]
fn a_finding_that_asks_for_nothing_is_noise(
    #[case] text: &str,
    #[case] pointer: &str,
    #[case] value: Value,
    #[case] reason: &str,
) {
    let refusal = read(&with(text, pointer, value)).unwrap_err();
    let shown = refusal.to_string();
    assert!(shown.starts_with("the finding `arn:aws:securityhub:") && shown.ends_with(reason), "{shown}");
    assert!(refusal.is_noise());
}

/// Whoever chooses a finding has seen it.
#[rstest]
#[case::passed(ASFF, "/Compliance/Status", json!("PASSED"), Some("EC2.19"))]
#[case::archived(ASFF, "/RecordState", json!("ARCHIVED"), Some("EC2.19"))]
#[case::suppressed(ASFF, "/Workflow/Status", json!("SUPPRESSED"), Some("EC2.19"))]
#[case::other_control(ASFF, "/Compliance/SecurityControlId", json!("EC2.2"), Some("EC2.2"))]
#[case::own_finding(ASFF, "/Compliance/SecurityControlId", json!("portcullis/scan"), None)]
#[case::ocsf_closed(OCSF, "/activity_id", json!(3), Some("EC2.19"))]
#[case::ocsf_exposure(OCSF, "/class_uid", json!(2004), Some("EC2.19"))]
fn a_custom_action_takes_any_finding_about_a_group(
    #[case] text: &str,
    #[case] pointer: &str,
    #[case] value: Value,
    #[case] control: Option<&str>,
) {
    let findings = findings(&chosen(with(text, pointer, value)));
    assert_eq!((findings.groups[0].group_id.as_str(), findings.groups[0].control.as_deref()), (GROUP, control));
}

#[rstest]
#[case(json!([]))]
#[case(json!([FINDING]))]
#[case(json!(null))]
fn a_custom_action_has_an_arn(#[case] resources: Value) {
    let mut event = chosen(sample(ASFF));
    put(&mut event, "/resources", resources);
    let refusal = read(&event).unwrap_err();
    assert_eq!(refusal.to_string(), "a custom action of Security Hub without its ARN");
    assert!(!refusal.is_noise());
}

#[test]
fn a_custom_action_without_a_name_is_named_by_its_arn() {
    let mut event = chosen(sample(ASFF));
    put(&mut event, "/detail/actionName", json!(null));
    assert_eq!(findings(&event).action.unwrap().name, "ClosePorts");
}

/// Several controls fail because of one rule. The groups are in order, whatever the order of findings.
#[test]
fn findings_about_a_group_are_merged() {
    let finding = |id: &str, control: &str, groups: &[&str]| {
        let mut finding = sample(ASFF)["detail"]["findings"][0].clone();
        finding["Id"] = json!(id);
        finding["Compliance"]["SecurityControlId"] = json!(control);
        let resources = groups.iter().map(|group| json!({"Type": "AwsEc2SecurityGroup", "Id": arn(group)}));
        finding["Resources"] = resources.collect();
        finding
    };
    let mut event = sample(ASFF);
    let all = [
        finding("1", "EC2.19", &[OTHER_GROUP, GROUP]),
        finding("2", "EC2.13", &[GROUP]),
        finding("3", "S3.1", &[GROUP]),
        finding("", "EC2.13", &["sg-0ccccccccccccccccc"]),
    ];
    put(&mut event, "/detail/findings", json!(all));
    let findings = findings(&event);
    let groups = findings.groups.iter().map(|found| (found.group_id.as_str(), found.finding_id.as_str()));
    assert_eq!(groups.collect::<Vec<_>>(), [(GROUP, "1"), (OTHER_GROUP, "1")]);
    let left_out: Vec<_> = findings.left_out.iter().map(|why| (why.to_string(), why.is_noise())).collect();
    assert_eq!(
        left_out,
        [
            ("the finding `3` is of the control `S3.1`, which is not about open ports".to_owned(), true),
            ("a finding of Security Hub without an id".to_owned(), false),
        ]
    );
}

/// In the home region, findings of other regions and accounts arrive, too.
#[rstest]
#[case::arn_of_asff(
    ASFF,
    "/Resources/0/Id",
    "arn:aws-us-gov:ec2:us-gov-west-1:444455556666:security-group/sg-0aaaaaaaaaaaaaaaa",
    "us-gov-west-1",
    "444455556666"
)]
#[case::id_of_asff(ASFF, "/Resources/0/Id", GROUP, "us-east-1", ACCOUNT)]
#[case::arn_of_ocsf(
    OCSF,
    "/resources/0/uid_alt",
    "arn:aws:ec2:eu-west-1:444455556666:security-group/sg-0aaaaaaaaaaaaaaaa",
    "eu-west-1",
    "444455556666"
)]
#[case::id_of_ocsf(OCSF, "/resources/0/uid_alt", GROUP, "us-east-1", ACCOUNT)]
fn account_and_region_are_those_of_the_group(
    #[case] text: &str,
    #[case] pointer: &str,
    #[case] id: &str,
    #[case] region: &str,
    #[case] account: &str,
) {
    let found = &findings(&with(text, pointer, json!(id))).groups[0];
    assert_eq!((found.region.as_str(), found.account.as_str()), (region, account));
}

#[test]
fn a_group_without_an_account_is_refused() {
    let mut event = with(ASFF, "/AwsAccountId", json!(null));
    put(&mut event, "/detail/findings/0/Resources/0/Id", json!(GROUP));
    put(&mut event, "/account", json!(null));
    let refusal = read(&event).unwrap_err();
    assert!(refusal.to_string().ends_with("does not name the account of the group"), "{refusal}");
    assert!(!refusal.is_noise());
}

#[rstest]
#[case(json!([]))]
#[case(json!({}))]
#[case(json!(null))]
fn an_event_without_findings_is_refused(#[case] findings: Value) {
    let mut event = sample(ASFF);
    put(&mut event, "/detail/findings", findings);
    let refusal = read(&event).unwrap_err();
    assert_eq!(refusal.to_string(), "an event of Security Hub without findings");
    assert!(!refusal.is_noise());
}

/// What is not understood is told before what is expected.
#[test]
fn noise_hides_nothing() {
    let mut event = with(ASFF, "/RecordState", json!("ARCHIVED"));
    let archived = event["detail"]["findings"][0].clone();
    put(&mut event, "/detail/findings", json!([archived, {"Title": "?"}]));
    assert!(!read(&event).unwrap_err().is_noise());
}
