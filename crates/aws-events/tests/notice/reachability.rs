//! Findings of Amazon Inspector.

use aws_events::notice::{FindingStatus, Notice, Reachability};
use exposure::Transport;
use rstest::rstest;
use serde_json::{Value, json};

use super::{ACCOUNT, GROUP, OTHER_GROUP, put, read, sample};

const FINDING: &str = include_str!("../samples/inspector2-finding.json");
const STEPS: &str = "/detail/networkReachabilityDetails/networkPath/steps";

fn finding(event: &Value) -> Reachability {
    let Notice::Reachable(finding) = read(event).unwrap() else { panic!("not a finding of Inspector") };
    finding
}

fn with(pointer: &str, value: Value) -> Value {
    let mut event = sample(FINDING);
    put(&mut event, pointer, value);
    event
}

fn step(id: &str) -> Value {
    json!({"componentId": id, "componentType": "AWS::EC2::Component"})
}

#[test]
fn a_finding_names_port_and_path() {
    let finding = finding(&sample(FINDING));
    let one = |id: &str| std::iter::once(id.to_owned()).collect();
    assert_eq!(
        finding,
        Reachability {
            finding_arn: "arn:aws:inspector2:us-east-1:111122223333:finding/0123456789abcdef0123456789abcdef"
                .to_owned(),
            account: ACCOUNT.to_owned(),
            region: "us-east-1".to_owned(),
            status: FindingStatus::Active,
            protocol: Transport::Tcp,
            ports: 22..=22,
            group_ids: one(GROUP),
            network_acl_ids: one("acl-0aaaa1111bbbb2222"),
            instance_ids: one("i-0123456789abcdef0"),
            vpc_id: Some("vpc-0a1b2c3d4e5f60718".to_owned()),
            simulated: false,
        }
    );
}

#[rstest]
#[case(json!("closed"), FindingStatus::Closed)]
#[case(json!("SUPPRESSED"), FindingStatus::Suppressed)]
fn a_finding_has_a_status(#[case] status: Value, #[case] expected: FindingStatus) {
    assert_eq!(finding(&with("/detail/status", status)).status, expected);
}

/// `PutEvents` takes a source that begins with `aws.` from AWS only.
#[rstest]
#[case(json!("aws.inspector2"), false)]
#[case(json!("custom.inspector2"), true)]
#[case(json!("portcullis.simulation"), true)]
#[case(json!("AWS.inspector2"), true)]
#[case(json!(null), true)]
fn a_source_that_is_not_aws_is_a_simulation(#[case] source: Value, #[case] simulated: bool) {
    assert_eq!(finding(&with("/source", source)).simulated, simulated);
}

#[rstest]
#[case::udp(json!("udp"), json!({"begin": 53, "end": 54}), Transport::Udp, 53..=54)]
#[case::all(json!("Tcp"), json!({"begin": 0, "end": 65535}), Transport::Tcp, 0..=65535)]
#[case::text(json!("TCP"), json!({"begin": "22", "end": "22"}), Transport::Tcp, 22..=22)]
fn ports_are_read(
    #[case] protocol: Value,
    #[case] range: Value,
    #[case] transport: Transport,
    #[case] ports: std::ops::RangeInclusive<u16>,
) {
    let mut event = with("/detail/networkReachabilityDetails/protocol", protocol);
    put(&mut event, "/detail/networkReachabilityDetails/openPortRange", range);
    let finding = finding(&event);
    assert_eq!((finding.protocol, finding.ports), (transport, ports));
}

/// The workshop has placeholders where the reader fills in ids.
#[rstest]
#[case("acl-xxxx")]
#[case("")]
#[case("acl-")]
#[case("acl-0AAAA1111BBBB2222")]
#[case("<your network ACL>")]
fn a_placeholder_is_no_network_acl(#[case] id: &str) {
    let finding = finding(&with(STEPS, json!([step(id), step(GROUP)])));
    assert!(finding.network_acl_ids.is_empty());
    assert_eq!(finding.group_ids.iter().collect::<Vec<_>>(), [GROUP]);
}

#[rstest]
#[case::items(json!({"items": [step(GROUP), step(OTHER_GROUP)]}))]
#[case::nested(json!([[step(GROUP)], {"step": {"next": step(OTHER_GROUP)}}]))]
#[case::chained(json!({"componentId": GROUP, "next": step(OTHER_GROUP)}))]
#[case::arns(json!([
    step("arn:aws:ec2:us-east-1:111122223333:security-group/sg-0aaaaaaaaaaaaaaaa"),
    step("arn:aws:ec2:us-east-1:111122223333:security-group/sg-0bbbbbbbbbbbbbbbb"),
]))]
fn steps_are_read_however_they_are_nested(#[case] steps: Value) {
    assert_eq!(finding(&with(STEPS, steps)).group_ids.iter().collect::<Vec<_>>(), [GROUP, OTHER_GROUP]);
}

/// Text that mentions a group, and ids of other members, are no part of the path.
#[test]
fn only_components_are_on_the_path() {
    let mut event = with(STEPS, json!([{"componentId": "igw-0aaaa1111bbbb2222", "note": OTHER_GROUP}, OTHER_GROUP]));
    put(&mut event, "/detail/title", json!(OTHER_GROUP));
    let finding = finding(&event);
    assert!(finding.group_ids.is_empty());
    assert_eq!(finding.instance_ids.len(), 1);
}

#[rstest]
#[case::detail("/detail/awsAccountId", json!("444455556666"), "444455556666")]
#[case::placeholder("/detail/awsAccountId", json!("ACCOUNT"), ACCOUNT)]
#[case::missing("/detail/awsAccountId", json!(null), ACCOUNT)]
fn the_account_is_that_of_the_finding(#[case] pointer: &str, #[case] value: Value, #[case] expected: &str) {
    assert_eq!(finding(&with(pointer, value)).account, expected);
}

#[test]
fn the_region_is_that_of_the_instance() {
    let mut event = with("/region", json!("eu-west-1"));
    put(&mut event, "/detail/resources/0/region", json!("us-west-2"));
    assert_eq!(finding(&event).region, "us-west-2");
    put(&mut event, "/detail/resources/0/region", json!("REGION"));
    assert_eq!(finding(&event).region, "us-east-1");
    put(&mut event, "/detail/findingArn", json!("arn:aws:inspector2:REGION:ACCOUNT:finding/1"));
    assert_eq!(finding(&event).region, "eu-west-1");
}

/// Instances on one path are in one VPC.
#[test]
fn the_vpc_is_that_of_the_first_instance_that_has_one() {
    let instance = |vpc: &str| json!({"id": "i-12345678", "details": {"awsEc2Instance": {"vpcId": vpc}}});
    let vpc = |resources: Value| finding(&with("/detail/resources", resources)).vpc_id;
    let all = json!([instance("VPC"), instance("vpc-1"), instance("vpc-2")]);
    assert_eq!(vpc(all).as_deref(), Some("vpc-1"));
    assert_eq!(vpc(json!([instance("VPC"), {"id": "i-12345678"}])), None);
}

#[rstest]
#[case::other_type("/detail/type", json!("PACKAGE_VULNERABILITY"), "a finding of Amazon Inspector of the type `PACKAGE_VULNERABILITY`", true)]
#[case::no_type("/detail/type", json!(null), "a finding of Amazon Inspector without a type", false)]
#[case::no_arn("/detail/findingArn", json!(""), "a finding of Amazon Inspector without an ARN", false)]
#[case::no_status("/detail/status", json!(null), "a finding of Amazon Inspector of the status ``", false)]
#[case::other_status("/detail/status", json!("OPEN"), "a finding of Amazon Inspector of the status `OPEN`", false)]
#[case::no_details("/detail/networkReachabilityDetails", json!(null), "a finding of Amazon Inspector without its details", false)]
#[case::protocol("/detail/networkReachabilityDetails/protocol", json!("ICMP"), "a finding of Amazon Inspector of the protocol `ICMP`", false)]
#[case::no_ports("/detail/networkReachabilityDetails/openPortRange", json!(null), "a finding of Amazon Inspector without a range of ports", false)]
#[case::reversed("/detail/networkReachabilityDetails/openPortRange", json!({"begin": 23, "end": 22}), "a finding of Amazon Inspector without a range of ports", false)]
#[case::no_end("/detail/networkReachabilityDetails/openPortRange", json!({"begin": 22}), "a finding of Amazon Inspector without a range of ports", false)]
#[case::no_port("/detail/networkReachabilityDetails/openPortRange", json!({"begin": 22, "end": 65536}), "a finding of Amazon Inspector without a range of ports", false)]
#[case::negative("/detail/networkReachabilityDetails/openPortRange", json!({"begin": -1, "end": 22}), "a finding of Amazon Inspector without a range of ports", false)]
fn a_finding_that_says_too_little_is_refused(
    #[case] pointer: &str,
    #[case] value: Value,
    #[case] reason: &str,
    #[case] is_noise: bool,
) {
    let refusal = read(&with(pointer, value)).unwrap_err();
    assert_eq!((refusal.to_string().as_str(), refusal.is_noise()), (reason, is_noise));
}

#[test]
fn a_finding_about_nothing_is_refused() {
    let mut event = with(STEPS, json!([step("igw-0aaaa1111bbbb2222")]));
    put(&mut event, "/detail/resources", json!([]));
    let refusal = read(&event).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "a finding of Amazon Inspector that names neither a security group nor an instance"
    );
    assert!(!refusal.is_noise());
}

#[test]
fn a_path_of_many_groups_is_refused() {
    let steps = |count: usize| (0..count).map(|number| step(&format!("sg-{number:017x}"))).collect::<Vec<_>>();
    assert_eq!(finding(&with(STEPS, json!(steps(100)))).group_ids.len(), 100);
    let refusal = read(&with(STEPS, json!(steps(101)))).unwrap_err();
    assert_eq!(refusal.to_string(), "a message that names 101 resources, more than 100");
}
