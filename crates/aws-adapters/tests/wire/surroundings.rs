//! What surrounds a group: EC2, Elastic Load Balancing, RDS and CloudTrail.

use std::collections::BTreeMap;

use aws_adapters::Surroundings;
use aws_traits::surroundings::{Database, Interface, LoadBalancers, Surroundings as _, Tags};
use rstest::rstest;
use serde_json::{Value, json};

use crate::canned::Canned;

const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";
const INTERFACES: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeNetworkInterfacesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>r</requestId>
  <networkInterfaceSet>
    <item>
      <networkInterfaceId>eni-1</networkInterfaceId>
      <description>Primary &amp; only</description>
      <ownerId>111122223333</ownerId>
      <groupSet><item><groupId>sg-0aaaaaaaaaaaaaaaa</groupId><groupName>web</groupName></item>
        <item><groupId>sg-0bbbbbbbbbbbbbbbb</groupId></item></groupSet>
      <attachment><attachmentId>eni-attach-1</attachmentId><instanceId>i-1</instanceId></attachment>
      <association><publicIp>203.0.113.10</publicIp><ipOwnerId>amazon</ipOwnerId></association>
      <tagSet><item><key>owner</key><value>shop</value></item><item><key>empty</key><value/></item></tagSet>
      <privateIpAddressesSet><item><privateIpAddress>10.0.0.1</privateIpAddress>
        <association><publicIp>203.0.113.10</publicIp></association></item>
        <item><privateIpAddress>10.0.0.2</privateIpAddress><association><publicIp>203.0.113.9</publicIp></association></item>
      </privateIpAddressesSet>
      <ipv6AddressesSet><item><ipv6Address>2001:db8::1</ipv6Address></item></ipv6AddressesSet>
    </item>
    <item><networkInterfaceId>eni-2</networkInterfaceId><description/><groupSet/><tagSet/></item>
  </networkInterfaceSet>
  <nextToken>more</nextToken>
</DescribeNetworkInterfacesResponse>"#;
const NO_INTERFACES: &str =
    "<DescribeNetworkInterfacesResponse><networkInterfaceSet/></DescribeNetworkInterfacesResponse>";

fn tags(tags: &[(&str, &str)]) -> Tags {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn interfaces_are_read_page_by_page() {
    let aws = Canned::serve([(200, INTERFACES), (200, NO_INTERFACES)]).await;
    let found = Surroundings::new(&aws.sdk).interfaces(&[GROUP, "sg-2"]).await.unwrap();
    let first = Interface {
        id: "eni-1".into(),
        owner_id: Some("111122223333".into()),
        groups: vec![GROUP.into(), "sg-0bbbbbbbbbbbbbbbb".into()],
        instance_id: Some("i-1".into()),
        description: Some("Primary & only".into()),
        public_addresses: vec!["2001:db8::1".into(), "203.0.113.10".into(), "203.0.113.9".into()],
        tags: tags(&[("empty", ""), ("owner", "shop")]),
    };
    assert_eq!(found.read, [first, Interface { id: "eni-2".into(), ..Interface::default() }]);
    assert!(found.complete);
    let received = aws.received();
    let [first, second] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(
        first.body.split('&').collect::<Vec<_>>(),
        [
            "Action=DescribeNetworkInterfaces",
            "Version=2016-11-15",
            "Filter.1.Name=group-id",
            "MaxResults=1000",
            "Filter.1.Value.1=sg-0aaaaaaaaaaaaaaaa",
            "Filter.1.Value.2=sg-2",
        ]
    );
    assert!(second.body.ends_with("&NextToken=more"), "{}", second.body);
    assert!(first.header("authorization").unwrap().contains("/ec2/aws4_request"));
}

/// A group with more interfaces than are read: they are not said to be all.
#[tokio::test]
async fn a_look_at_interfaces_ends() {
    let aws = Canned::serve([(200, INTERFACES); 5]).await;
    let found = Surroundings::new(&aws.sdk).interfaces(&[GROUP]).await.unwrap();
    assert_eq!((found.read.len(), found.complete, aws.received().len()), (10, false, 5));
}

const DENIED: &str = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized</Message></Error></Errors><RequestID>r</RequestID></Response>";

#[rstest]
#[case::denied(
    403,
    DENIED,
    "UnauthorizedOperation: You are not authorized (allow ec2:DescribeNetworkInterfaces to this role or user)"
)]
#[case::cut(200, INTERFACES.split_at(900).0, "the answer is malformed")]
#[case::no_xml(200, "internal error", "the answer is malformed")]
#[case::proxy(200, "<html><body>sign in</body></html", "the answer is malformed: error parsing XML: it is cut")]
#[tokio::test]
async fn what_is_no_answer_is_an_error(#[case] status: u16, #[case] body: &'static str, #[case] expected: &str) {
    let aws = Canned::serve([(status, body)]).await;
    let error = Surroundings::new(&aws.sdk).interfaces(&[GROUP]).await.unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[tokio::test]
async fn tags_of_instances_are_read_by_id() {
    let answer = "<DescribeTagsResponse><tagSet>\
        <item><resourceId>i-1</resourceId><resourceType>instance</resourceType><key>owner</key><value>shop</value></item>\
        <item><resourceId>i-2</resourceId><key>owner</key><value/></item>\
        <item><resourceId>i-1</resourceId><key>Name</key><value>web</value></item></tagSet></DescribeTagsResponse>";
    let aws = Canned::serve([(200, answer)]).await;
    let found = Surroundings::new(&aws.sdk).instance_tags(&["i-1", "i-2"]).await.unwrap();
    let expected =
        [("i-1".to_owned(), tags(&[("Name", "web"), ("owner", "shop")])), ("i-2".to_owned(), tags(&[("owner", "")]))];
    assert_eq!(found, BTreeMap::from(expected));
    assert!(aws.received()[0].body.contains("&Filter.1.Value.1=i-1&Filter.1.Value.2=i-2"));
}

#[rstest]
#[case::by_arn(LoadBalancers::ByArn, "Version=2015-12-01&ResourceArns.member.1=shop", "ResourceArn")]
#[case::classic(LoadBalancers::Classic, "Version=2012-06-01&LoadBalancerNames.member.1=shop", "LoadBalancerName")]
#[tokio::test]
async fn tags_of_load_balancers_are_read_by_name(
    #[case] kind: LoadBalancers,
    #[case] request: &str,
    #[case] name: &str,
) {
    let answer = format!(
        "<DescribeTagsResponse><DescribeTagsResult><TagDescriptions><member><{name}>shop</{name}>\
         <Tags><member><Key>owner</Key><Value>shop</Value></member></Tags></member></TagDescriptions></DescribeTagsResult>\
         <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></DescribeTagsResponse>"
    );
    let aws = Canned::serve([(200, &*answer.leak())]).await;
    let found = Surroundings::new(&aws.sdk).load_balancer_tags(kind, &["shop"]).await.unwrap();
    assert_eq!(found, BTreeMap::from([("shop".to_owned(), tags(&[("owner", "shop")]))]));
    assert_eq!(aws.received()[0].body, format!("Action=DescribeTags&{request}"));
}

#[tokio::test]
async fn databases_are_read_page_by_page() {
    let page = |name: &str, marker: &str| -> &'static str {
        format!(
            "<DescribeDBInstancesResponse><DescribeDBInstancesResult>{marker}<DBInstances><DBInstance>\
             <DBInstanceIdentifier>{name}</DBInstanceIdentifier><DBInstanceArn>arn:{name}</DBInstanceArn>\
             <VpcSecurityGroups><VpcSecurityGroupMembership><Status>active</Status><VpcSecurityGroupId>sg-1</VpcSecurityGroupId>\
             </VpcSecurityGroupMembership></VpcSecurityGroups>\
             <TagList><Tag><Key>owner</Key><Value>shop</Value></Tag></TagList></DBInstance></DBInstances>\
             </DescribeDBInstancesResult></DescribeDBInstancesResponse>"
        )
        .leak()
    };
    let aws = Canned::serve([(200, page("a", "<Marker>next</Marker>")), (200, page("b", ""))]).await;
    let found = Surroundings::new(&aws.sdk).databases().await.unwrap();
    let database =
        |arn: &str| Database { arn: arn.into(), groups: vec!["sg-1".into()], tags: tags(&[("owner", "shop")]) };
    assert_eq!(found, [database("arn:a"), database("arn:b")]);
    assert!(aws.received()[1].body.ends_with("&MaxRecords=100&Marker=next"));
}

fn event(id: &str) -> Value {
    let event = json!({"eventName": "AuthorizeSecurityGroupIngress", "eventID": id, "eventTime": "2026-03-01T10:15:21Z",
        "requestParameters": {"ipPermissions": {"items": [{"ipProtocol": "tcp", "fromPort": 22, "toPort": 22,
            "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}}});
    json!({"EventId": id, "CloudTrailEvent": event.to_string()})
}

#[tokio::test]
async fn changes_of_a_group_are_looked_up_by_its_name() {
    let page = |ids: &[&str], token: Value| -> &'static str {
        let events: Vec<Value> = ids.iter().map(|id| event(id)).collect();
        json!({"Events": events, "NextToken": token}).to_string().leak()
    };
    let others = json!({"Events": [{"EventId": "x"}, {"CloudTrailEvent": "{}"}]}).to_string().leak();
    let aws =
        Canned::serve([(200, page(&["a", "b"], json!("t-1"))), (200, page(&["c"], json!(""))), (200, others)]).await;
    let surroundings = Surroundings::new(&aws.sdk);
    let changes = surroundings.rule_changes(GROUP).await.unwrap();
    let ids: Vec<_> = changes.iter().filter_map(|change| change.event_id.as_deref()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    assert!(surroundings.rule_changes(GROUP).await.unwrap().is_empty());
    let received = aws.received();
    assert_eq!(
        received[0].header("x-amz-target"),
        Some("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents")
    );
    let request: Value = serde_json::from_str(&received[1].body).unwrap();
    let attribute = json!({"AttributeKey": "ResourceName", "AttributeValue": GROUP});
    assert_eq!(request, json!({"LookupAttributes": [attribute], "MaxResults": 50, "NextToken": "t-1"}));
}
