//! Events as a user sees them: what is started, announced, refused, and what stays in the queue.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Mutex;
use std::time::Duration;

use aws_events::sqs::BatchResponse;
use aws_traits::AwsError;
use aws_traits::fakes::FakeAws;
use aws_traits::sqs::{Hidden, Messages};
use aws_traits::ssm::{NewExecution, Progress};
use exposure::{IngressRule, PrefixList, SecurityGroup, Source, Traffic};
use jiff::Timestamp;
use judgement::ConfigRulePolicy;
use responder::{Incoming, InspectorResponse, Mode, Modes, Responder, Settings};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::Instant;

const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";
const OTHER: &str = "sg-0bbbbbbbbbbbbbbbb";
const ACCOUNT: &str = "111122223333";

/// The clock of the tests, in seconds.
static CLOCK: Mutex<i64> = Mutex::new(1_790_000_000);

fn now() -> Timestamp {
    Timestamp::from_second(*CLOCK.lock().unwrap()).unwrap()
}

/// The queue, which remembers what was hidden.
#[derive(Debug, Default)]
struct Queue(Mutex<Vec<Hidden>>);

impl Messages for &Queue {
    async fn hide(&self, _queue_arn: &str, messages: &[Hidden]) -> Result<(), AwsError> {
        self.0.lock().unwrap().extend_from_slice(messages);
        Ok(())
    }
}

/// An account with a Portcullis stack, and the responder beside it.
struct Account {
    aws: FakeAws,
    queue: &'static Queue,
    responder: Responder<FakeAws, FakeAws, &'static Queue>,
}

impl Account {
    fn with(modes: Modes, inspector_response: InspectorResponse) -> Self {
        let aws = FakeAws::default();
        {
            let mut account = aws.account();
            account.rules.insert("portcullis".into(), Some(json!({"FocusOnPorts": "22,3389"}).to_string()));
            let stack = json!({
                "closeDocument": "portcullis-CloseDocument-1", "quarantineDocument": "portcullis-QuarantineDocument-1",
                "approval": false, "roles": [format!("arn:aws:iam::{ACCOUNT}:role/portcullis-RestorerRole-1")],
            });
            account.parameters.insert("/portcullis/stacks/portcullis".into(), stack.to_string());
        }
        let settings = Settings {
            account: ACCOUNT.into(),
            region: "us-east-1".into(),
            rule: "portcullis".into(),
            modes,
            inspector_response,
        };
        let policy = Box::new(ConfigRulePolicy::new(aws.clone(), aws.clone()));
        let queue: &'static Queue = Box::leak(Box::default());
        let responder = Responder::new(aws.clone(), policy, (aws.clone(), queue), settings, now);
        Self { aws, queue, responder }
    }

    fn closing() -> Self {
        let close = Mode::Close;
        let modes = Modes { cloudtrail: close, inspector: close, security_hub: close, sns: close };
        Self::with(modes, InspectorResponse::SecurityGroup)
    }

    /// A group that admits the internet to these ports of TCP.
    fn group(&self, id: &str, ports: &[i64]) {
        let rule = |(index, port): (usize, &i64)| IngressRule {
            id: Some(format!("sgr-{id}-{index}")),
            ..IngressRule::new(Traffic::parse("tcp", Some(*port), Some(*port)), "0.0.0.0/0".into())
        };
        let ingress = ports.iter().enumerate().map(rule).collect();
        let group =
            SecurityGroup { id: id.to_owned(), owner_id: Some(ACCOUNT.into()), ingress, ..SecurityGroup::default() };
        self.aws.account().groups.insert(id.to_owned(), group);
    }

    async fn deliver(&self, bodies: &[Value]) -> BatchResponse {
        let record = |(index, body): (usize, &Value)| {
            let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
            json!({
                "messageId": format!("message-{index}"), "receiptHandle": format!("receipt-{index}"), "body": body,
                "attributes": {"ApproximateReceiveCount": "1"}, "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:111122223333:responder",
            })
        };
        let records: Vec<Value> = bodies.iter().enumerate().map(record).collect();
        self.invoke(json!({"Records": records})).await.unwrap()
    }

    async fn invoke(&self, payload: Value) -> Result<BatchResponse, responder::NotAnswered> {
        let incoming: Incoming = serde_json::from_value(payload).unwrap();
        self.responder.handle(incoming, Instant::now() + Duration::from_mins(1)).await
    }

    fn started(&self) -> Vec<NewExecution> {
        self.aws.account().executions.iter().map(|(execution, _)| execution.clone()).collect()
    }

    /// Ends the last execution that was started.
    fn ends(&self, progress: Progress, status: &str) {
        let mut account = self.aws.account();
        let (_, state) = account.executions.last_mut().unwrap();
        state.progress = progress;
        state.outputs.insert("VerifyOutcome.Status".into(), status.into());
    }

    fn events(&self) -> Vec<(&'static str, Value)> {
        let events = self.aws.account().events.clone();
        events.iter().map(|event| (event.detail_type, serde_json::from_str(&event.detail).unwrap())).collect()
    }
}

/// A call of `AuthorizeSecurityGroupIngress` by this role, as EventBridge delivers it.
fn authorize(group: &str, role: &str) -> Value {
    json!({
        "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2", "account": ACCOUNT, "region": "us-east-1",
        "detail": {
            "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress",
            "eventTime": "2026-11-28T10:00:00Z", "eventID": "event-1", "awsRegion": "us-east-1",
            "userIdentity": {
                "type": "AssumedRole", "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/alice"),
                "sessionContext": {"sessionIssuer": {"type": "Role", "arn": format!("arn:aws:iam::{ACCOUNT}:role/{role}")}},
            },
            "requestParameters": {"groupId": group},
            "responseElements": {"_return": true, "securityGroupRuleSet": {"items": [
                {"groupId": group, "securityGroupRuleId": format!("sgr-{group}-0"), "isEgress": false,
                 "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"}]}},
        },
    })
}

fn finding(status: &str, port: u16, account: &str, source: &str) -> Value {
    json!({
        "detail-type": "Inspector2 Finding", "source": source, "account": ACCOUNT, "region": "us-east-1",
        "detail": {
            "awsAccountId": account, "type": "NETWORK_REACHABILITY", "status": status,
            "findingArn": format!("arn:aws:inspector2:us-east-1:{account}:finding/0123"),
            "networkReachabilityDetails": {
                "protocol": "TCP", "openPortRange": {"begin": port, "end": port},
                "networkPath": {"steps": [
                    {"componentId": "acl-0aaaa1111bbbb2222", "componentType": "AWS::EC2::NetworkAcl"},
                    {"componentId": GROUP, "componentType": "AWS::EC2::SecurityGroup"}]}},
            "resources": [{"type": "AWS_EC2_INSTANCE", "id": "i-0123456789abcdef0", "region": "us-east-1"}],
        },
    })
}

fn parameters(execution: &NewExecution) -> Vec<(&str, &str)> {
    execution.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Somebody opens port 22: the document that closes is started, and who did it is announced.
#[tokio::test]
async fn a_call_that_opens_a_group_has_it_closed() {
    let account = Account::closing();
    account.group(GROUP, &[22, 443]);
    let answer = account.deliver(&[authorize(GROUP, "Dev")]).await;
    assert_eq!(answer, BatchResponse::default());
    let started = account.started();
    assert_eq!(started[0].document, "portcullis-CloseDocument-1");
    assert_eq!(parameters(&started[0]), [("ConfigRuleName", "portcullis"), ("SecurityGroupId", GROUP)]);
    assert_eq!(started[0].client_token.len(), 36);
    let events = account.events();
    let [(assessment, of_group), (context, of_opener)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((*assessment, *context), ("Portcullis Assessment", "Portcullis Context"));
    assert_eq!(of_group["exposures"].as_array().unwrap().len(), 1);
    assert_eq!(of_group["compliance"], "NON_COMPLIANT");
    assert_eq!(of_opener["opener"]["name"], "alice");
}

#[tokio::test]
async fn a_compliant_group_costs_one_call_of_ec2_and_starts_nothing() {
    let account = Account::closing();
    account.group(GROUP, &[443]);
    assert_eq!(account.deliver(&[authorize(GROUP, "Dev")]).await, BatchResponse::default());
    assert!(account.started().is_empty() && account.events().is_empty());
    let calls = account.aws.account().calls.clone();
    assert_eq!(calls, ["ssm:GetParameter", "config:DescribeConfigRules", "ec2:DescribeSecurityGroups"]);
}

/// The same event twice, several events about one group, and a group beside it: one execution for each group.
#[tokio::test]
async fn twice_is_once() {
    let account = Account::closing();
    account.group(GROUP, &[22]);
    account.group(OTHER, &[3389]);
    let events = [authorize(GROUP, "Dev"), authorize(OTHER, "Dev"), authorize(GROUP, "Dev")];
    account.deliver(&events).await;
    assert_eq!(account.started().len(), 2);
    let answer = account.deliver(&events).await;
    assert_eq!(account.started().len(), 2);
    // The executions run, and may have begun before the events: the groups are looked at again.
    assert_eq!(answer.batch_item_failures.len(), 3);
    assert_eq!(account.queue.0.lock().unwrap().len(), 3);
    for group in account.aws.account().groups.values_mut() {
        group.ingress.clear();
    }
    assert_eq!(account.deliver(&events).await, BatchResponse::default());
    assert_eq!(account.started().len(), 2);
}

/// The invocation that started the execution did not live to write it down.
#[tokio::test]
async fn an_execution_that_was_not_written_down_is_not_started_again() {
    let account = Account::closing();
    account.group(GROUP, &[22]);
    account.aws.fail("dynamodb:PutItem", "InternalServerError");
    account.deliver(&[authorize(GROUP, "Dev")]).await;
    account.deliver(&[authorize(GROUP, "Dev")]).await;
    assert_eq!(account.started().len(), 1);
    // It is not known how far it is, so it is waited for.
    let answer = account.deliver(&[authorize(GROUP, "Dev")]).await;
    assert_eq!((account.started().len(), answer.batch_item_failures.len()), (1, 1));
}

#[tokio::test]
async fn a_failed_execution_does_not_block_the_next() {
    let account = Account::closing();
    account.group(GROUP, &[22]);
    account.deliver(&[authorize(GROUP, "Dev")]).await;
    account.ends(Progress::Failed, "");
    account.deliver(&[authorize(GROUP, "Dev")]).await;
    let started = account.started();
    assert_eq!(started.len(), 2);
    assert_ne!(started[0].client_token, started[1].client_token);
}

/// A deferred closing goes on by the sweep: an event within the hour starts nothing, one after it does.
#[tokio::test]
async fn a_deferred_execution_blocks_until_its_window_ends() {
    let account = Account::closing();
    account.group(GROUP, &[22]);
    account.deliver(&[authorize(GROUP, "Dev")]).await;
    account.ends(Progress::Succeeded, "DEFERRED");
    assert_eq!(account.deliver(&[authorize(GROUP, "Dev")]).await, BatchResponse::default());
    assert_eq!(account.started().len(), 1);
    let ended = now().to_string();
    account.aws.account().executions[0].1.outputs.insert("VerifyOutcome.DeferredUntil".into(), ended);
    account.deliver(&[authorize(GROUP, "Dev")]).await;
    assert_eq!(account.started().len(), 2);
}

#[tokio::test]
async fn a_group_on_hold_is_left_alone() {
    let account = Account::closing();
    account.group(GROUP, &[22]);
    account.deliver(&[authorize(GROUP, "Dev")]).await;
    account.ends(Progress::Succeeded, "EXEMPT");
    assert_eq!(account.deliver(&[authorize(GROUP, "Dev")]).await, BatchResponse::default());
    assert_eq!(account.started().len(), 1);
}

/// What the functions of Portcullis do is not answered, such as a restore.
#[tokio::test]
async fn a_restore_is_not_answered() {
    let account = Account::closing();
    account.group(GROUP, &[22]);
    account.deliver(&[authorize(GROUP, "portcullis-RestorerRole-1")]).await;
    assert!(account.started().is_empty() && account.events().is_empty());
}

#[rstest]
#[case::off(Mode::Off, 0, 0)]
#[case::report(Mode::Report, 0, 2)]
#[case::close(Mode::Close, 1, 2)]
#[tokio::test]
async fn a_mode_says_what_an_event_leads_to(#[case] cloudtrail: Mode, #[case] started: usize, #[case] events: usize) {
    let account = Account::with(Modes { cloudtrail, ..Modes::default() }, InspectorResponse::default());
    account.group(GROUP, &[22]);
    assert_eq!(account.deliver(&[authorize(GROUP, "Dev")]).await, BatchResponse::default());
    assert_eq!((account.started().len(), account.events().len()), (started, events));
}

/// Somebody added approvers to the stack after the trigger was set to close.
#[tokio::test]
async fn a_closing_that_needs_an_approval_is_announced_only() {
    let account = Account::closing();
    account.group(GROUP, &[22]);
    let stack = json!({"closeDocument": "c", "quarantineDocument": "q", "approval": true, "roles": []});
    account.aws.account().parameters.insert("/portcullis/stacks/portcullis".into(), stack.to_string());
    account.deliver(&[authorize(GROUP, "Dev")]).await;
    assert!(account.started().is_empty());
    assert_eq!(account.events().len(), 2);
}

#[rstest]
#[case("ssm:GetParameter")]
#[case("config:DescribeConfigRules")]
#[case("ec2:DescribeSecurityGroups")]
#[case("ec2:DescribeSecurityGroupRules")]
#[case("dynamodb:Query")]
#[case("ssm:StartAutomationExecution")]
#[tokio::test]
async fn a_call_that_fails_leaves_the_message_in_the_queue(#[case] operation: &'static str) {
    let account = Account::closing();
    account.group(GROUP, &[22]);
    account.aws.fail(operation, "ThrottlingException");
    let answer = account.deliver(&[authorize(GROUP, "Dev")]).await;
    assert_eq!(answer.batch_item_failures[0].item_identifier, "message-0");
    assert!(account.started().is_empty());
    assert_eq!(account.deliver(&[authorize(GROUP, "Dev")]).await, BatchResponse::default());
    assert_eq!(account.started().len(), 1);
}

/// Systems Manager took the call, but the answer was lost.
#[tokio::test]
async fn a_lost_answer_starts_no_second_execution() {
    let account = Account::closing();
    account.group(GROUP, &[22]);
    account.aws.lose_answer("ssm:StartAutomationExecution");
    assert_eq!(account.deliver(&[authorize(GROUP, "Dev")]).await.batch_item_failures.len(), 1);
    assert_eq!(account.deliver(&[authorize(GROUP, "Dev")]).await, BatchResponse::default());
    assert_eq!(account.started().len(), 1);
}

#[tokio::test]
async fn an_event_that_cannot_be_put_stops_no_closing() {
    let account = Account::closing();
    account.group(GROUP, &[22]);
    account.aws.fail("events:PutEvents", "AccessDeniedException");
    assert_eq!(account.deliver(&[authorize(GROUP, "Dev")]).await, BatchResponse::default());
    assert_eq!(account.started().len(), 1);
}

/// One message that cannot be answered holds up none of the others.
#[tokio::test]
async fn a_group_that_cannot_be_judged_stays_and_the_others_are_answered() {
    let account = Account::closing();
    account.group(GROUP, &[22]);
    account.group(OTHER, &[]);
    let unknown = IngressRule::new(Traffic::parse("tcp", Some(22), Some(22)), "everywhere".into());
    account.aws.account().groups.get_mut(OTHER).unwrap().ingress.push(unknown);
    let answer = account.deliver(&[json!("nothing in it"), authorize(OTHER, "Dev"), authorize(GROUP, "Dev")]).await;
    let back: Vec<_> = answer.batch_item_failures.iter().map(|one| one.item_identifier.as_str()).collect();
    assert_eq!((back, account.started().len()), (vec!["message-1"], 1));
}

#[tokio::test]
async fn a_group_of_another_account_is_not_closed() {
    let account = Account::closing();
    account.group(GROUP, &[22]);
    account.aws.account().groups.get_mut(GROUP).unwrap().owner_id = Some("999999999999".into());
    account.deliver(&[authorize(GROUP, "Dev")]).await;
    assert!(account.started().is_empty());
}

#[rstest]
#[case::blocked(finding("ACTIVE", 22, ACCOUNT, "aws.inspector2"), 1)]
#[case::not_blocked(finding("ACTIVE", 443, ACCOUNT, "aws.inspector2"), 0)]
#[case::not_exposed(finding("ACTIVE", 3389, ACCOUNT, "aws.inspector2"), 0)]
#[case::another_account(finding("ACTIVE", 22, "999999999999", "aws.inspector2"), 0)]
#[case::simulated(finding("ACTIVE", 22, "999999999999", "custom.inspector2"), 1)]
#[case::suppressed(finding("SUPPRESSED", 22, ACCOUNT, "aws.inspector2"), 0)]
#[case::ended(finding("CLOSED", 22, ACCOUNT, "aws.inspector2"), 0)]
#[tokio::test]
async fn a_finding_of_inspector_about_an_open_blocked_port_has_the_group_closed(
    #[case] event: Value,
    #[case] started: usize,
) {
    let account = Account::closing();
    account.group(GROUP, &[22, 443]);
    assert_eq!(account.deliver(&[event]).await, BatchResponse::default());
    assert_eq!(account.started().len(), started);
}

#[tokio::test]
async fn a_finding_can_be_answered_by_network_acls() {
    let modes = Modes { inspector: Mode::Close, ..Modes::default() };
    let account = Account::with(modes, InspectorResponse::NetworkAcl);
    account.group(GROUP, &[22, 3389]);
    account.deliver(&[finding("ACTIVE", 22, ACCOUNT, "aws.inspector2")]).await;
    let started = account.started();
    assert_eq!(started[0].document, "portcullis-QuarantineDocument-1");
    let expected = [
        ("ConfigRuleName", "portcullis"),
        ("NetworkAclIds", "acl-0aaaa1111bbbb2222"),
        ("Ports", "tcp/22"),
        ("SecurityGroupId", GROUP),
    ];
    assert_eq!(parameters(&started[0]), expected);
    // Inspector says the same every day, and the group stays open.
    account.ends(Progress::Succeeded, "QUARANTINED");
    assert_eq!(account.deliver(&[finding("ACTIVE", 22, ACCOUNT, "aws.inspector2")]).await, BatchResponse::default());
    assert_eq!(account.started().len(), 1);
}

#[rstest]
#[case::report(InspectorResponse::None)]
#[tokio::test]
async fn a_finding_can_be_announced_only(#[case] response: InspectorResponse) {
    let account = Account::with(Modes { inspector: Mode::Close, ..Modes::default() }, response);
    account.group(GROUP, &[22]);
    account.deliver(&[finding("ACTIVE", 22, ACCOUNT, "aws.inspector2")]).await;
    assert_eq!((account.started().len(), account.events().len()), (0, 1));
}

/// What `AWS-PublishSNSNotification` sends, and the message of the blog, which is no JSON: in the queue, or to the function itself.
#[rstest]
#[case(json!(GROUP))]
#[case(json!(format!("{{ \"{GROUP}\"}}")))]
#[case(json!({"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:us-east-1:111122223333:findings", "Message": GROUP}))]
#[tokio::test]
async fn a_message_that_names_a_group_has_it_closed(#[case] body: Value) {
    let account = Account::closing();
    account.group(GROUP, &[22]);
    account.deliver(&[body]).await;
    assert_eq!(account.started().len(), 1);
}

#[tokio::test]
async fn a_topic_can_invoke_the_function_itself() {
    let account = Account::closing();
    account.group(GROUP, &[22]);
    let payload = json!({"Records": [{
        "EventSource": "aws:sns", "EventVersion": "1.0",
        "Sns": {"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:us-east-1:111122223333:findings",
                "Subject": null, "Message": format!("{{ \"{GROUP}\"}}")},
    }]});
    account.aws.fail("ec2:DescribeSecurityGroups", "InternalError");
    assert!(account.invoke(payload.clone()).await.is_err());
    account.invoke(payload).await.unwrap();
    assert_eq!(account.started().len(), 1);
}

/// Whoever may put events on the bus can name any network ACL.
#[tokio::test]
async fn a_simulated_finding_names_no_network_acl() {
    let account = Account::with(Modes { inspector: Mode::Close, ..Modes::default() }, InspectorResponse::NetworkAcl);
    account.group(GROUP, &[22]);
    account.deliver(&[finding("ACTIVE", 22, "999999999999", "custom.inspector2")]).await;
    let expected = [("ConfigRuleName", "portcullis"), ("Ports", "tcp/22"), ("SecurityGroupId", GROUP)];
    assert_eq!(parameters(&account.started()[0]), expected);
}

/// The quarantine makes Inspector close its finding. If it were released for that, the finding would open again.
#[tokio::test]
async fn a_quarantine_is_released_when_the_finding_and_the_port_are_closed() {
    let modes = Modes { inspector: Mode::Close, ..Modes::default() };
    let account = Account::with(modes, InspectorResponse::NetworkAcl);
    account.group(GROUP, &[22, 3389]);
    account.deliver(&[finding("ACTIVE", 22, ACCOUNT, "aws.inspector2")]).await;
    account.ends(Progress::Succeeded, "QUARANTINED");
    for _ in 0..3 {
        assert_eq!(
            account.deliver(&[finding("CLOSED", 22, ACCOUNT, "aws.inspector2")]).await,
            BatchResponse::default()
        );
        account.invoke(json!({"action": "sweep"})).await.unwrap();
    }
    assert_eq!(account.started().len(), 1, "the group still opens the port");
    // Another port may stay open.
    account.group(GROUP, &[3389]);
    account.invoke(json!({"action": "sweep"})).await.unwrap();
    let started = account.started();
    let expected = [("Action", "release"), ("ConfigRuleName", "portcullis"), ("SecurityGroupId", GROUP)];
    assert_eq!(parameters(&started[1]), expected);
    account.invoke(json!({"action": "sweep"})).await.unwrap();
    assert_eq!(account.started().len(), 2, "the release is under way");
    account.ends(Progress::Succeeded, "RELEASED");
    account.invoke(json!({"action": "sweep"})).await.unwrap();
    let calls = account.aws.count("ec2:DescribeSecurityGroups");
    account.invoke(json!({"action": "sweep"})).await.unwrap();
    assert_eq!(account.started().len(), 2);
    assert_eq!(account.aws.count("ec2:DescribeSecurityGroups"), calls, "what was released is looked at no more");
}

#[tokio::test]
async fn a_release_that_failed_is_tried_again_and_an_open_finding_keeps_the_quarantine() {
    let modes = Modes { inspector: Mode::Close, ..Modes::default() };
    let account = Account::with(modes, InspectorResponse::NetworkAcl);
    account.group(GROUP, &[22, 3389]);
    account.deliver(&[finding("ACTIVE", 22, ACCOUNT, "aws.inspector2")]).await;
    account.ends(Progress::Succeeded, "QUARANTINED");
    let mut other = finding("ACTIVE", 3389, ACCOUNT, "aws.inspector2");
    other["detail"]["findingArn"] = json!(format!("arn:aws:inspector2:us-east-1:{ACCOUNT}:finding/4567"));
    account.deliver(std::slice::from_ref(&other)).await;
    account.ends(Progress::Succeeded, "QUARANTINED");
    account.group(GROUP, &[]);
    account.deliver(&[finding("CLOSED", 22, ACCOUNT, "aws.inspector2")]).await;
    assert_eq!(account.started().len(), 2, "the other finding is open");
    other["detail"]["status"] = json!("CLOSED");
    account.deliver(&[other]).await;
    assert_eq!(account.started().len(), 3);
    account.ends(Progress::Failed, "");
    account.invoke(json!({"action": "sweep"})).await.unwrap();
    assert_eq!(account.started().len(), 4);
}

/// A quarantine that nobody remembers would never be released.
#[tokio::test]
async fn a_quarantine_is_remembered_before_it_is_started() {
    let modes = Modes { inspector: Mode::Close, ..Modes::default() };
    let account = Account::with(modes, InspectorResponse::NetworkAcl);
    account.group(GROUP, &[22]);
    account.aws.fail("dynamodb:PutItem", "InternalServerError");
    let answer = account.deliver(&[finding("ACTIVE", 22, ACCOUNT, "aws.inspector2")]).await;
    assert_eq!((answer.batch_item_failures.len(), account.started().len()), (1, 0));
    account.deliver(&[finding("ACTIVE", 22, ACCOUNT, "aws.inspector2")]).await;
    assert_eq!(account.started().len(), 1);
}

/// The owner closes the port and opens it again by the same rule, which keeps its id.
#[tokio::test]
async fn a_group_that_was_released_is_quarantined_again() {
    let modes = Modes { inspector: Mode::Close, ..Modes::default() };
    let account = Account::with(modes, InspectorResponse::NetworkAcl);
    account.group(GROUP, &[22]);
    account.deliver(&[finding("ACTIVE", 22, ACCOUNT, "aws.inspector2")]).await;
    account.ends(Progress::Succeeded, "QUARANTINED");
    account.group(GROUP, &[]);
    account.deliver(&[finding("CLOSED", 22, ACCOUNT, "aws.inspector2")]).await;
    account.ends(Progress::Succeeded, "RELEASED");
    account.group(GROUP, &[22]);
    account.deliver(&[finding("ACTIVE", 22, ACCOUNT, "aws.inspector2")]).await;
    let actions: Vec<bool> =
        account.started().iter().map(|started| started.parameters.contains_key("Action")).collect();
    assert_eq!(actions, [false, true, false]);
}

/// A list that thirty groups admit gets an entry of the whole internet: all of them are closed, once the change is complete.
#[tokio::test]
async fn a_prefix_list_that_opens_groups_has_them_closed() {
    let account = Account::closing();
    for number in 0..30 {
        let id = format!("sg-0000000000000{number:04}");
        account.group(&id, &[]);
        let traffic = Traffic::parse("tcp", Some(22), Some(22));
        let rule = IngressRule::new(traffic, Source::PrefixList("pl-0aaaa1111bbbb2222".into()));
        account.aws.account().groups.get_mut(&id).unwrap().ingress.push(rule);
    }
    account.group(GROUP, &[443]);
    let everywhere = PrefixList::Entries(["0.0.0.0/0".parse().unwrap()].into_iter().collect());
    account.aws.account().prefix_lists.insert("pl-0aaaa1111bbbb2222".into(), everywhere);
    account.aws.account().changing_lists.insert("pl-0aaaa1111bbbb2222".into(), 1);
    account.aws.account().page_size = 7;
    let event = json!({
        "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2", "account": ACCOUNT, "region": "us-east-1",
        "detail": {
            "eventSource": "ec2.amazonaws.com", "eventName": "ModifyManagedPrefixList", "awsRegion": "us-east-1",
            "eventTime": "2026-11-28T10:00:00Z",
            "userIdentity": {"type": "IAMUser", "userName": "alice", "arn": format!("arn:aws:iam::{ACCOUNT}:user/alice")},
            "requestParameters": {"ModifyManagedPrefixListRequest": {
                "PrefixListId": "pl-0aaaa1111bbbb2222", "AddEntry": {"Cidr": "0.0.0.0/0", "tag": 1}}},
            "responseElements": {"ModifyManagedPrefixListResponse": {"prefixList": {"prefixListId": "pl-0aaaa1111bbbb2222"}}},
        },
    });
    let answer = account.deliver(std::slice::from_ref(&event)).await;
    assert_eq!((answer.batch_item_failures.len(), account.started().len()), (1, 0), "the list is being changed");
    assert_eq!(account.deliver(&[event]).await, BatchResponse::default());
    assert_eq!(account.started().len(), 30);
    assert_eq!(account.aws.count("ec2:GetManagedPrefixListEntries"), 1, "thirty groups, and one read of the list");
}

/// A list that is being changed waits in the queue, also when another message of the batch cannot be answered.
#[tokio::test]
async fn a_list_that_is_being_changed_is_not_forgotten_when_the_judgement_fails() {
    let account = Account::closing();
    account.group(GROUP, &[22]);
    account.aws.account().changing_lists.insert("pl-0aaaa1111bbbb2222".into(), 1);
    let mut event = authorize(GROUP, "Dev");
    event["detail"]["eventName"] = json!("ModifyManagedPrefixList");
    event["detail"]["requestParameters"] =
        json!({"ModifyManagedPrefixListRequest": {"PrefixListId": "pl-0aaaa1111bbbb2222"}});
    account.aws.fail("config:DescribeConfigRules", "ThrottlingException");
    let answer = account.deliver(&[event, authorize(GROUP, "Dev")]).await;
    let back: Vec<_> = answer.batch_item_failures.iter().map(|one| one.item_identifier.as_str()).collect();
    assert_eq!(back, ["message-0", "message-1"]);
}
