//! The adapters against canned replies on the wire.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws::config::{Config, ConfigRules, ConfigurationHistory, Delivery, Evaluations};
use aws::ec2::{Ec2, ManagedPrefixLists, SecurityGroupRules, SecurityGroups};
use aws::ssm::{Parameters, Ssm};
use aws_sdk_config::config::retry::RetryConfig;
use aws_sdk_config::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_types::SdkConfig;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use config_rule::{Annotation, Compliance, Evaluation, Summary};
use exposure::{PrefixList, Source};
use rstest::rstest;

/// A service that gives the next canned reply to each request, and keeps the requests.
#[derive(Clone)]
struct Canned {
    replies: Arc<Mutex<VecDeque<(u16, String)>>>,
    requests: Arc<Mutex<Vec<String>>>,
    sdk: SdkConfig,
}

impl Canned {
    async fn serve<const N: usize>(replies: [(u16, &str); N]) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let canned = Self {
            replies: Arc::new(Mutex::new(replies.map(|(status, body)| (status, body.to_owned())).into())),
            requests: Arc::default(),
            sdk: SdkConfig::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::from_static("us-east-1"))
                .credentials_provider(SharedCredentialsProvider::new(Credentials::new("a", "s", None, None, "test")))
                .endpoint_url(endpoint)
                .retry_config(RetryConfig::disabled())
                .http_client(aws_smithy_http_client::Builder::new().build_http())
                .build(),
        };
        let server = canned.clone();
        let answer = move |headers: HeaderMap, body: String| async move {
            let target = headers.get("x-amz-target").map_or("", |target| target.to_str().unwrap()).to_owned();
            server.requests.lock().unwrap().push(format!("{target} {body}").trim().to_owned());
            let (status, body) = server.replies.lock().unwrap().pop_front().unwrap_or((599, "no reply left".into()));
            (StatusCode::from_u16(status).unwrap(), body)
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        canned
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

// --- AWS Config

fn evaluation() -> Evaluation {
    Evaluation {
        resource_type: "AWS::EC2::SecurityGroup".into(),
        resource_id: "sg-0aaaaaaaaaaaaaaaa".into(),
        compliance: Compliance::NonCompliant,
        annotation: Annotation::new("tcp/22 open to 0.0.0.0/0 and ::/0"),
        ordering_timestamp: "2026-03-01T10:15:30.123Z".parse().unwrap(),
    }
}

#[tokio::test]
async fn put_evaluations_sends_the_documented_request() {
    let aws = Canned::serve([(200, r#"{"FailedEvaluations":[]}"#)]).await;
    let delivery = Config::new(&aws.sdk).put_evaluations(&[evaluation()], "sample-result-token", false).await.unwrap();
    assert_eq!(delivery, Delivery::Stored);
    let requests = aws.requests();
    let (target, body) = requests[0].split_once(' ').unwrap();
    assert_eq!(target, "StarlingDoveService.PutEvaluations");
    let sample = include_str!("../../config-rule/tests/samples/put-evaluations-request.json");
    let (sent, expected): (serde_json::Value, serde_json::Value) =
        (serde_json::from_str(body).unwrap(), serde_json::from_str(sample).unwrap());
    assert_eq!(sent, expected);
}

/// HTTP 200 and yet not stored.
#[tokio::test]
async fn failed_evaluations_are_inspected() {
    let reply = r#"{"FailedEvaluations":[{"ComplianceResourceType":"AWS::EC2::SecurityGroup","ComplianceResourceId":"sg-0aaaaaaaaaaaaaaaa","ComplianceType":"NON_COMPLIANT","OrderingTimestamp":1772360130.123}]}"#;
    let aws = Canned::serve([(200, reply)]).await;
    let delivery = Config::new(&aws.sdk).put_evaluations(&[evaluation()], "token", true).await.unwrap();
    assert_eq!(delivery, Delivery::NotStored { resource_ids: vec!["sg-0aaaaaaaaaaaaaaaa".into()] });
    assert!(aws.requests()[0].contains(r#""TestMode":true"#));
}

/// A result token that is no longer valid is final; throttling is not.
#[rstest]
#[case("InvalidResultTokenException", true)]
#[case("NoSuchConfigRuleException", true)]
#[case("ThrottlingException", false)]
#[case("InvalidParameterValueException", false)]
#[tokio::test]
async fn refusals_are_told_from_failures(#[case] code: &str, #[case] is_final: bool) {
    let aws = Canned::serve([(400, &format!(r#"{{"__type":"{code}","message":"no"}}"#))]).await;
    let result = Config::new(&aws.sdk).put_evaluations(&[evaluation()], "secret-token", false).await;
    let error = match result {
        Ok(Delivery::Refused { error }) if is_final => error,
        Err(error) if !is_final => error,
        other => unreachable!("{other:?}"),
    };
    assert_eq!(error.to_string(), format!("config:PutEvaluations on sg-0aaaaaaaaaaaaaaaa failed: {code}: no"));
    assert!(!format!("{error:?}").contains("secret-token"));
}

fn summary() -> Summary {
    Summary {
        resource_type: "AWS::EC2::SecurityGroup".into(),
        resource_id: "sg-0aaaaaaaaaaaaaaaa".into(),
        configuration_item_status: "OK".into(),
        configuration_item_capture_time: "2026-03-01T10:15:30.123Z".parse().unwrap(),
    }
}

/// A call spans seven days, so that an empty page with a token is normal.
#[tokio::test]
async fn the_history_is_read_up_to_the_notification_and_through_empty_pages() {
    let sample = include_str!("../../config-rule/tests/samples/get-resource-config-history-response.json");
    let aws = Canned::serve([(200, r#"{"configurationItems":[],"nextToken":"more"}"#), (200, sample)]).await;
    let item = Config::new(&aws.sdk).configuration_item(&summary()).await.unwrap();
    let group = item.security_group().unwrap();
    assert_eq!(group.ingress.len(), 7);
    assert_eq!(group.owner_id.as_deref(), Some("111122223333"));
    assert_eq!(item.tags.get("Name").map(String::as_str), Some("web"));
    assert_eq!(item.status, "OK");
    let requests = aws.requests();
    assert!(requests[0].starts_with("StarlingDoveService.GetResourceConfigHistory"), "{requests:?}");
    assert!(requests[0].contains(r#""laterTime":1772360130.123"#), "{requests:?}");
    assert!(requests[1].contains(r#""nextToken":"more""#), "{requests:?}");
}

#[tokio::test]
async fn an_empty_history_is_an_error() {
    let aws = Canned::serve([(200, r#"{"configurationItems":[]}"#)]).await;
    let error = Config::new(&aws.sdk).configuration_item(&summary()).await.unwrap_err();
    assert!(error.to_string().ends_with("no configuration item is recorded yet"), "{error}");
}

#[tokio::test]
async fn reported_groups_leaves_out_what_is_not_applicable_or_no_group() {
    let result = |id: &str, kind: &str, compliance: &str| {
        format!(
            r#"{{"EvaluationResultIdentifier":{{"EvaluationResultQualifier":{{"ConfigRuleName":"r","ResourceType":"{kind}","ResourceId":"{id}"}},"OrderingTimestamp":1}},"ComplianceType":"{compliance}"}}"#
        )
    };
    let page = format!(
        r#"{{"EvaluationResults":[{},{},{}],"NextToken":"2"}}"#,
        result("sg-1", "AWS::EC2::SecurityGroup", "NON_COMPLIANT"),
        result("sg-2", "AWS::EC2::SecurityGroup", "NOT_APPLICABLE"),
        result("i-1", "AWS::EC2::Instance", "COMPLIANT"),
    );
    let aws = Canned::serve([(200, &page)]).await;
    let reported = Config::new(&aws.sdk).reported_groups("r", Some("1".into())).await.unwrap();
    assert_eq!(reported, (vec!["sg-1".to_owned()], Some("2".to_owned())));
    assert!(aws.requests()[0].contains(r#""NextToken":"1""#));
}

#[tokio::test]
async fn input_parameters_come_from_the_rule() {
    let rule = r#"{"ConfigRules":[{"ConfigRuleName":"r","InputParameters":"{\"FocusOnPorts\":\"22\"}","Source":{"Owner":"CUSTOM_LAMBDA","SourceIdentifier":"arn"}}]}"#;
    let aws = Canned::serve([
        (200, rule),
        (200, r#"{"ConfigRules":[]}"#),
        (400, r#"{"__type":"NoSuchConfigRuleException","message":"gone"}"#),
    ])
    .await;
    let config = Config::new(&aws.sdk);
    assert_eq!(config.input_parameters("r").await.unwrap().as_deref(), Some(r#"{"FocusOnPorts":"22"}"#));
    assert!(config.input_parameters("r").await.unwrap_err().to_string().contains("it names no rule"));
    assert_eq!(config.input_parameters("r").await.unwrap_err().code(), Some("NoSuchConfigRuleException"));
}

// --- EC2

fn xml(operation: &str, inner: &str) -> String {
    format!(
        r#"<{operation}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>{inner}</{operation}Response>"#
    )
}

fn ec2_error(code: &str) -> String {
    format!(
        "<Response><Errors><Error><Code>{code}</Code><Message>no</Message></Error></Errors><RequestID>r</RequestID></Response>"
    )
}

/// Paginated, egress excluded; all traffic comes back with ports -1.
#[tokio::test]
async fn ingress_rules_are_paged_and_egress_is_left_out() {
    let first = xml(
        "DescribeSecurityGroupRules",
        "<securityGroupRuleSet>
            <item><securityGroupRuleId>sgr-1</securityGroupRuleId><isEgress>false</isEgress><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort><cidrIpv4>0.0.0.0/0</cidrIpv4><description>temp</description><tagSet><item><key>k</key><value>v</value></item></tagSet></item>
            <item><securityGroupRuleId>sgr-2</securityGroupRuleId><isEgress>true</isEgress><ipProtocol>-1</ipProtocol><fromPort>-1</fromPort><toPort>-1</toPort><cidrIpv4>0.0.0.0/0</cidrIpv4></item>
        </securityGroupRuleSet><nextToken>more</nextToken>",
    );
    let second = xml(
        "DescribeSecurityGroupRules",
        "<securityGroupRuleSet>
            <item><securityGroupRuleId>sgr-3</securityGroupRuleId><isEgress>false</isEgress><ipProtocol>-1</ipProtocol><fromPort>-1</fromPort><toPort>-1</toPort><cidrIpv6>::/0</cidrIpv6></item>
            <item><securityGroupRuleId>sgr-4</securityGroupRuleId><isEgress>false</isEgress><ipProtocol>tcp</ipProtocol><fromPort>80</fromPort><toPort>81</toPort><prefixListId>pl-1</prefixListId></item>
            <item><securityGroupRuleId>sgr-5</securityGroupRuleId><isEgress>false</isEgress><ipProtocol>17</ipProtocol><fromPort>53</fromPort><toPort>53</toPort><referencedGroupInfo><groupId>sg-1</groupId></referencedGroupInfo></item>
        </securityGroupRuleSet>",
    );
    let aws = Canned::serve([(200, &first), (200, &second)]).await;
    let rules = Ec2::new(&aws.sdk).rules("sg-0aaaaaaaaaaaaaaaa").await.unwrap().ingress;
    let lines: Vec<_> =
        rules.iter().map(|rule| format!("{} {} {}", rule.id.as_deref().unwrap(), rule.traffic, rule.source)).collect();
    assert_eq!(
        lines,
        ["sgr-1 tcp/22 0.0.0.0/0", "sgr-3 all traffic ::/0", "sgr-4 tcp/80-81 pl-1", "sgr-5 udp/53 sg-1"]
    );
    assert_eq!(rules[0].description.as_deref(), Some("temp"));
    assert_eq!(rules[0].tags.get("k").map(String::as_str), Some("v"));
    let requests = aws.requests();
    assert!(requests[0].contains("Filter.1.Name=group-id&Filter.1.Value.1=sg-0aaaaaaaaaaaaaaaa"), "{requests:?}");
    assert!(requests[0].contains("MaxResults=1000"), "{requests:?}");
    assert!(requests[1].contains("NextToken=more"), "{requests:?}");
}

#[tokio::test]
async fn revoke_goes_by_rule_ids_and_reports_what_ec2_says() {
    let reply = xml(
        "RevokeSecurityGroupIngress",
        "<return>true</return><revokedSecurityGroupRuleSet>
            <item><securityGroupRuleId>sgr-1</securityGroupRuleId><groupId>sg-0aaaaaaaaaaaaaaaa</groupId><isEgress>false</isEgress><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort><cidrIpv4>0.0.0.0/0</cidrIpv4></item>
        </revokedSecurityGroupRuleSet><unknownIpPermissionSet/>",
    );
    let aws = Canned::serve([(200, &reply)]).await;
    let ids = ["sgr-1".to_owned(), "sgr-2".to_owned()];
    let revoked = Ec2::new(&aws.sdk).revoke("sg-0aaaaaaaaaaaaaaaa", &ids).await.unwrap();
    assert_eq!(revoked.len(), 1);
    assert_eq!(revoked[0].source, Source::from("0.0.0.0/0"));
    let request = &aws.requests()[0];
    assert!(request.contains("Action=RevokeSecurityGroupIngress"), "{request}");
    assert!(request.contains("SecurityGroupRuleId.1=sgr-1&SecurityGroupRuleId.2=sgr-2"), "{request}");
}

#[rstest]
#[case("InvalidSecurityGroupRuleId.NotFound")]
#[case("RequestLimitExceeded")]
#[tokio::test]
async fn revoke_keeps_the_error_code(#[case] code: &str) {
    let aws = Canned::serve([(400, &ec2_error(code))]).await;
    let error = Ec2::new(&aws.sdk).revoke("sg-1", &["sgr-1".to_owned()]).await.unwrap_err();
    assert_eq!(error.code(), Some(code));
}

#[tokio::test]
async fn a_denied_call_says_which_permission_is_missing() {
    let aws = Canned::serve([(403, &ec2_error("UnauthorizedOperation"))]).await;
    let error = Ec2::new(&aws.sdk).revoke("sg-1", &["sgr-1".to_owned()]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "ec2:RevokeSecurityGroupIngress on sg-1 failed: UnauthorizedOperation: no \
         (allow ec2:RevokeSecurityGroupIngress in the role of this function)"
    );
}

#[tokio::test]
async fn return_false_is_a_failure() {
    let aws = Canned::serve([(200, &xml("RevokeSecurityGroupIngress", "<return>false</return>"))]).await;
    assert!(Ec2::new(&aws.sdk).revoke("sg-1", &["sgr-1".to_owned()]).await.is_err());
}

#[tokio::test]
async fn groups_are_read_with_one_rule_per_source() {
    let reply = xml(
        "DescribeSecurityGroups",
        "<securityGroupInfo><item><ownerId>111122223333</ownerId><groupId>sg-1</groupId><groupName>web</groupName><groupDescription>d</groupDescription><vpcId>vpc-1</vpcId>
            <ipPermissions><item><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort><groups><item><groupId>sg-2</groupId></item></groups>
            <ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item><item><cidrIp>10.0.0.0/8</cidrIp></item></ipRanges><ipv6Ranges><item><cidrIpv6>::/0</cidrIpv6></item></ipv6Ranges><prefixListIds><item><prefixListId>pl-1</prefixListId></item></prefixListIds></item></ipPermissions>
            <ipPermissionsEgress><item><ipProtocol>-1</ipProtocol><ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges></item></ipPermissionsEgress><tagSet><item><key>Name</key><value>web</value></item></tagSet></item></securityGroupInfo><nextToken>more</nextToken>",
    );
    let aws = Canned::serve([(200, &reply)]).await;
    let (groups, next) = Ec2::new(&aws.sdk).security_groups(None).await.unwrap();
    assert_eq!(next.as_deref(), Some("more"));
    let [group] = groups.as_slice() else { unreachable!("{groups:?}") };
    let sources: Vec<_> = group.ingress.iter().map(|rule| rule.source.to_string()).collect();
    assert_eq!(sources, ["0.0.0.0/0", "10.0.0.0/8", "::/0", "pl-1", "sg-2"]);
    assert_eq!((group.name.as_deref(), group.vpc_id.as_deref()), (Some("web"), Some("vpc-1")));
    assert_eq!(group.tags.get("Name").map(String::as_str), Some("web"));
}

#[tokio::test]
async fn a_group_that_is_gone_is_none() {
    let aws =
        Canned::serve([(400, &ec2_error("InvalidGroup.NotFound")), (400, &ec2_error("UnauthorizedOperation"))]).await;
    let ec2 = Ec2::new(&aws.sdk);
    assert_eq!(ec2.security_group("sg-1").await.unwrap(), None);
    assert!(ec2.security_group("sg-1").await.is_err());
}

fn described_list(owner: &str) -> String {
    xml(
        "DescribeManagedPrefixLists",
        &format!(
            "<prefixListSet><item><prefixListId>pl-1</prefixListId><ownerId>{owner}</ownerId></item></prefixListSet>"
        ),
    )
}

#[tokio::test]
async fn a_prefix_list_is_its_entries_over_all_pages() {
    let entries = |cidr: &str, rest: &str| {
        xml("GetManagedPrefixListEntries", &format!("<entrySet><item><cidr>{cidr}</cidr></item></entrySet>{rest}"))
    };
    let aws = Canned::serve([
        (200, &described_list("111122223333")),
        (200, &entries("8.8.8.0/24", "<nextToken>more</nextToken>")),
        (200, &entries("9.9.9.0/24", "")),
        (200, &described_list("111122223333")),
        (200, &entries("everything", "")),
    ])
    .await;
    let ec2 = Ec2::new(&aws.sdk);
    let PrefixList::Entries(addresses) = ec2.prefix_list("pl-1").await.unwrap() else { unreachable!() };
    assert_eq!(addresses.sizes().v4, 512);
    let error = ec2.prefix_list("pl-1").await.unwrap_err().to_string();
    assert!(error.contains("entry `everything` is not a CIDR"), "{error}");
}

#[tokio::test]
async fn the_entries_of_a_list_of_aws_are_not_asked_for() {
    let aws = Canned::serve([(200, &described_list("AWS"))]).await;
    assert_eq!(Ec2::new(&aws.sdk).prefix_list("pl-1").await.unwrap(), PrefixList::AwsOwned);
    assert_eq!(aws.requests().len(), 1);
}

// --- SSM, and what is no service's answer

#[tokio::test]
async fn a_parameter_is_read_decrypted() {
    let aws = Canned::serve([
        (200, r#"{"Parameter":{"Name":"/p","Value":"v"}}"#),
        (400, r#"{"__type":"ParameterNotFound"}"#),
    ])
    .await;
    let ssm = Ssm::new(&aws.sdk);
    assert_eq!(ssm.parameter("/p").await.unwrap(), "v");
    assert!(aws.requests()[0].contains(r#""WithDecryption":true"#));
    let error = ssm.parameter("/p").await.unwrap_err();
    assert_eq!(error.code(), Some("ParameterNotFound"));
}

#[tokio::test]
async fn a_reply_that_is_not_xml_is_an_error_without_code() {
    let aws = Canned::serve([(200, "<html>busy"), (200, "")]).await;
    let ec2 = Ec2::new(&aws.sdk);
    assert_eq!(ec2.rules("sg-1").await.unwrap_err().code(), None);
    assert_eq!(ec2.rules("sg-1").await.unwrap_err().code(), None);
}
