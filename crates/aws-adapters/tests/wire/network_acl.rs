//! EC2: network ACLs, and where a group is in use.

use std::collections::BTreeSet;

use aws_adapters::Ec2;
use aws_traits::network_acl::NetworkAcls;
use exposure::{AclAction, AclEntry, AddressSet, Source, Traffic};
use ipnetwork::IpNetwork;
use rstest::rstest;

use crate::canned::{Canned, ec2_error, xml};

/// A network ACL with these entries, as EC2 returns it.
fn acl(id: &str, entries: &str) -> String {
    format!(
        "<item><networkAclId>{id}</networkAclId><vpcId>vpc-1</vpcId><default>false</default><entrySet>{entries}</entrySet></item>"
    )
}

fn entry(number: u32, action: &str, egress: bool, rest: &str) -> String {
    format!(
        "<item><ruleNumber>{number}</ruleNumber><ruleAction>{action}</ruleAction><egress>{egress}</egress>{rest}</item>"
    )
}

fn described(acls: &str, rest: &str) -> String {
    xml("DescribeNetworkAcls", &format!("<networkAclSet>{acls}</networkAclSet>{rest}"))
}

fn subnets(ids: &[&str]) -> BTreeSet<String> {
    ids.iter().map(|&id| id.to_owned()).collect()
}

fn tcp(number: u16, action: AclAction, from: i64, to: i64, source: &str) -> AclEntry {
    AclEntry { number, action, traffic: Traffic::parse("6", Some(from), Some(to)), source: Source::from_cidr(source) }
}

/// Two subnets share an ACL. The result contains the final deny entries, and no egress entry.
#[tokio::test]
async fn the_acls_of_subnets_are_read_over_all_pages_each_once_and_sorted() {
    let entries = [
        entry(90, "deny", false, "<protocol>6</protocol><cidrBlock>0.0.0.0/0</cidrBlock><portRange><from>22</from><to>25</to></portRange>"),
        entry(95, "allow", false, "<protocol>1</protocol><cidrBlock>0.0.0.0/0</cidrBlock><icmpTypeCode><type>8</type><code>-1</code></icmpTypeCode>"),
        entry(100, "allow", false, "<protocol>-1</protocol><ipv6CidrBlock>::/0</ipv6CidrBlock>"),
        entry(100, "allow", true, "<protocol>-1</protocol><cidrBlock>0.0.0.0/0</cidrBlock>"),
        entry(32768, "deny", false, "<protocol>-1</protocol><ipv6CidrBlock>::/0</ipv6CidrBlock>"),
    ]
    .concat();
    let aws = Canned::serve([
        (200, &described(&acl("acl-2", &entries), "<nextToken>more</nextToken>")),
        (200, &described(&[acl("acl-1", ""), acl("acl-2", &entries)].concat(), "")),
    ])
    .await;
    let acls = Ec2::new(&aws.sdk).network_acls_of_subnets(&subnets(&["subnet-1", "subnet-2"])).await.unwrap();
    let ids: Vec<_> = acls.iter().map(|acl| (acl.acl.id.as_str(), acl.vpc_id.as_str())).collect();
    assert_eq!(ids, [("acl-1", "vpc-1"), ("acl-2", "vpc-1")]);
    let lines: Vec<_> = acls[1].acl.ingress.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "90 deny tcp 22-25 from 0.0.0.0/0",
            "95 allow icmp from 0.0.0.0/0",
            "100 allow all traffic from ::/0",
            "32768 deny all traffic from ::/0"
        ]
    );
    let filter = "Filter.1.Name=association.subnet-id&Filter.1.Value.1=subnet-1&Filter.1.Value.2=subnet-2";
    let action = "Action=DescribeNetworkAcls&Version=2016-11-15";
    assert_eq!(aws.requests(), [format!("{action}&{filter}"), format!("{action}&NextToken=more&{filter}")]);
}

/// A filter takes 200 values.
#[tokio::test]
async fn many_subnets_are_asked_for_in_several_calls() {
    let ids: Vec<String> = (0..201).map(|number| format!("subnet-{number:03}")).collect();
    let aws = Canned::serve([(200, &described(&acl("acl-1", ""), "")), (200, &described(&acl("acl-1", ""), ""))]).await;
    let acls = Ec2::new(&aws.sdk).network_acls_of_subnets(&ids.into_iter().collect()).await.unwrap();
    assert_eq!(acls.len(), 1);
    let requests = aws.requests();
    assert!(requests[0].contains("Filter.1.Value.200=subnet-199"), "{requests:?}");
    assert!(requests[1].contains("Filter.1.Value.1=subnet-200"), "{requests:?}");
    assert!(!requests[1].contains("Filter.1.Value.2="), "{requests:?}");
}

/// A malformed entry is an error: a quarantine does not guess.
#[rstest]
#[case(entry(70000, "allow", false, "<protocol>-1</protocol>"), "`70000` is not a rule number")]
#[case("<item><ruleAction>allow</ruleAction></item>".to_owned(), "an entry has no rule number")]
#[tokio::test]
async fn an_entry_without_a_rule_number_is_malformed(#[case] entries: String, #[case] expected: &str) {
    let aws = Canned::serve([(200, &described(&acl("acl-1", &entries), ""))]).await;
    let error = Ec2::new(&aws.sdk).network_acls(&["acl-1".to_owned()]).await.unwrap_err().to_string();
    assert_eq!(error, format!("ec2:DescribeNetworkAcls on acl-1 failed: the answer is malformed: {expected}"));
}

/// Unknown values from EC2 are kept: the planner refuses the entry.
#[tokio::test]
async fn an_entry_that_is_not_understood_is_kept() {
    let odd = entry(5, "log", false, "<protocol>hopopt</protocol><cidrBlock>everywhere</cidrBlock>");
    let aws = Canned::serve([(200, &described(&acl("acl-1", &odd), ""))]).await;
    let acls = Ec2::new(&aws.sdk).network_acls(&["acl-1".to_owned()]).await.unwrap();
    let [entry] = acls[0].acl.ingress.as_slice() else { unreachable!("{acls:?}") };
    assert_eq!(entry.action, AclAction::Unrecognized("log".into()));
    assert_eq!(entry.source, Source::Unrecognized("everywhere".into()));
    assert!(!entry.is_understood());
}

#[tokio::test]
async fn acls_are_read_by_id_and_sorted() {
    let aws = Canned::serve([
        (200, &described(&[acl("acl-2", ""), acl("acl-1", "")].concat(), "")),
        (400, &ec2_error("InvalidNetworkAclID.NotFound")),
    ])
    .await;
    let ec2 = Ec2::new(&aws.sdk);
    let ids = ["acl-2".to_owned(), "acl-1".to_owned()];
    let acls = ec2.network_acls(&ids).await.unwrap();
    assert_eq!(acls.iter().map(|acl| acl.acl.id.as_str()).collect::<Vec<_>>(), ["acl-1", "acl-2"]);
    assert!(aws.requests()[0].contains("NetworkAclId.1=acl-2&NetworkAclId.2=acl-1"), "{:?}", aws.requests());
    let error = ec2.network_acls(&ids).await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidNetworkAclID.NotFound"));
    assert!(error.to_string().starts_with("ec2:DescribeNetworkAcls on acl-2, acl-1 failed"), "{error}");
}

#[tokio::test]
async fn the_subnets_of_a_group_s_interfaces_are_read_over_all_pages() {
    let page = |subnet: &str, rest: &str| {
        let interface = format!("<item><networkInterfaceId>eni-1</networkInterfaceId>{subnet}</item>");
        xml("DescribeNetworkInterfaces", &format!("<networkInterfaceSet>{interface}</networkInterfaceSet>{rest}"))
    };
    let aws = Canned::serve([
        (200, &page("<subnetId>subnet-2</subnetId>", "<nextToken>more</nextToken>")),
        (200, &page("<subnetId>subnet-1</subnetId>", "<nextToken>end</nextToken>")),
        (200, &page("<subnetId>subnet-2</subnetId>", "")),
        (403, &ec2_error("UnauthorizedOperation")),
    ])
    .await;
    let ec2 = Ec2::new(&aws.sdk);
    assert_eq!(ec2.subnets_of_group("sg-1").await.unwrap(), subnets(&["subnet-1", "subnet-2"]));
    let requests = aws.requests();
    let filter = "Filter.1.Name=group-id&Filter.1.Value.1=sg-1";
    assert!(requests[0].contains(filter), "{requests:?}");
    assert!(requests[2].contains("NextToken=end"), "{requests:?}");
    assert!(requests[..3].iter().all(|request| request.contains("MaxResults=1000")), "{requests:?}");
    assert!(ec2.subnets_of_group("sg-1").await.unwrap_err().is_denied());
}

#[tokio::test]
async fn the_addresses_of_a_vpc_are_all_its_cidrs() {
    let vpc = "<item><vpcId>vpc-1</vpcId><cidrBlock>10.0.0.0/16</cidrBlock>
        <cidrBlockAssociationSet><item><cidrBlock>10.0.0.0/16</cidrBlock></item><item><cidrBlock>20.0.0.0/24</cidrBlock></item></cidrBlockAssociationSet>
        <ipv6CidrBlockAssociationSet><item><ipv6CidrBlock>2001:db8::/56</ipv6CidrBlock></item></ipv6CidrBlockAssociationSet></item>";
    let described = |vpcs: &str| xml("DescribeVpcs", &format!("<vpcSet>{vpcs}</vpcSet>"));
    let aws = Canned::serve([
        (200, &described(vpc)),
        (200, &described("<item><cidrBlock>ten</cidrBlock></item>")),
        (200, &described("")),
    ])
    .await;
    let ec2 = Ec2::new(&aws.sdk);
    let cidrs = ["10.0.0.0/16", "20.0.0.0/24", "2001:db8::/56"].map(|cidr| cidr.parse::<IpNetwork>().unwrap());
    assert_eq!(ec2.vpc_addresses("vpc-1").await.unwrap(), AddressSet::from_iter(cidrs));
    assert!(aws.requests()[0].contains("Action=DescribeVpcs&Version=2016-11-15&VpcId.1=vpc-1"), "{:?}", aws.requests());
    let malformed = "ec2:DescribeVpcs on vpc-1 failed: the answer is malformed: ";
    assert_eq!(ec2.vpc_addresses("vpc-1").await.unwrap_err().to_string(), format!("{malformed}`ten` is not a CIDR"));
    assert_eq!(ec2.vpc_addresses("vpc-1").await.unwrap_err().to_string(), format!("{malformed}it contains no VPC"));
}

/// Protocols are sent by number, ports only if the protocol has them, and one CIDR of either family.
#[rstest]
#[case(
    tcp(90, AclAction::Deny, 22, 25, "0.0.0.0/0"),
    "&CidrBlock=0.0.0.0%2F0&Egress=false&NetworkAclId=acl-1&PortRange.From=22&PortRange.To=25&Protocol=6&RuleAction=deny&RuleNumber=90"
)]
#[case(
    AclEntry { number: 1, action: AclAction::Allow, traffic: Traffic::All, source: "2001:db8::/56".into() },
    "&Egress=false&Ipv6CidrBlock=2001%3Adb8%3A%3A%2F56&NetworkAclId=acl-1&Protocol=-1&RuleAction=allow&RuleNumber=1"
)]
#[case(
    AclEntry { traffic: Traffic::parse("17", Some(0), Some(65535)), ..tcp(2, AclAction::Deny, 0, 0, "::/0") },
    "&Egress=false&Ipv6CidrBlock=%3A%3A%2F0&NetworkAclId=acl-1&PortRange.From=0&PortRange.To=65535&Protocol=17&RuleAction=deny&RuleNumber=2"
)]
#[tokio::test]
async fn an_entry_is_created_as_planned(#[case] entry: AclEntry, #[case] expected: &str) {
    let aws = Canned::serve([(200, &xml("CreateNetworkAclEntry", "<return>true</return>"))]).await;
    Ec2::new(&aws.sdk).create_acl_entry("acl-1", &entry).await.unwrap();
    let requests = aws.requests();
    let (action, parameters) = requests[0].split_at("Action=CreateNetworkAclEntry&Version=2016-11-15".len());
    assert_eq!(action, "Action=CreateNetworkAclEntry&Version=2016-11-15");
    let mut parameters: Vec<_> = parameters.split('&').collect();
    parameters.sort_unstable();
    assert_eq!(parameters.join("&"), expected);
}

#[rstest]
#[case("NetworkAclEntryAlreadyExists")]
#[case("NetworkAclEntryLimitExceeded")]
#[case("InvalidNetworkAclID.NotFound")]
#[tokio::test]
async fn a_refused_entry_keeps_the_error_code(#[case] code: &str) {
    let aws = Canned::serve([(400, &ec2_error(code))]).await;
    let entry = tcp(90, AclAction::Deny, 22, 22, "0.0.0.0/0");
    let error = Ec2::new(&aws.sdk).create_acl_entry("acl-1", &entry).await.unwrap_err();
    assert_eq!((error.code(), error.is_denied()), (Some(code), false));
    assert_eq!(error.to_string(), format!("ec2:CreateNetworkAclEntry on acl-1 failed: {code}: no"));
}

#[tokio::test]
async fn a_denied_entry_says_which_permission_is_missing() {
    let denied = ec2_error("UnauthorizedOperation");
    let aws = Canned::serve([(403, &denied), (403, &denied)]).await;
    let ec2 = Ec2::new(&aws.sdk);
    let created = ec2.create_acl_entry("acl-1", &tcp(90, AclAction::Deny, 22, 22, "0.0.0.0/0")).await.unwrap_err();
    assert!(created.to_string().ends_with("(allow ec2:CreateNetworkAclEntry to this role or user)"), "{created}");
    let deleted = ec2.delete_acl_entry("acl-1", 90).await.unwrap_err();
    assert!(deleted.to_string().ends_with("(allow ec2:DeleteNetworkAclEntry to this role or user)"), "{deleted}");
}

/// An entry that cannot be expressed as planned is not sent.
#[rstest]
#[case(tcp(90, AclAction::Unrecognized("log".into()), 22, 22, "0.0.0.0/0"), "action `log` is not understood")]
#[case(tcp(90, AclAction::Deny, 22, 22, "everywhere"), "source `everywhere` is not a CIDR")]
#[case(AclEntry { source: "pl-1".into(), ..tcp(90, AclAction::Deny, 22, 22, "::/0") }, "source pl-1 is not a CIDR")]
#[case(
    AclEntry { traffic: Traffic::parse("1", Some(8), Some(-1)), ..tcp(90, AclAction::Deny, 0, 0, "::/0") },
    "a quarantine has no entries for icmp"
)]
#[tokio::test]
async fn an_entry_that_is_not_understood_is_not_sent(#[case] entry: AclEntry, #[case] expected: &str) {
    let aws = Canned::serve([]).await;
    let error = Ec2::new(&aws.sdk).create_acl_entry("acl-1", &entry).await.unwrap_err();
    assert_eq!(error.to_string(), format!("ec2:CreateNetworkAclEntry on acl-1 failed: {expected}"));
    assert!(aws.received().is_empty());
}

/// A number may have an ingress and an egress entry: only the ingress one is deleted. A missing entry is an error, which the
/// caller handles.
#[tokio::test]
async fn an_entry_is_deleted_by_number_and_direction() {
    let aws = Canned::serve([
        (200, &xml("DeleteNetworkAclEntry", "<return>true</return>")),
        (400, &ec2_error("InvalidNetworkAclEntry.NotFound")),
    ])
    .await;
    let ec2 = Ec2::new(&aws.sdk);
    ec2.delete_acl_entry("acl-1", 90).await.unwrap();
    let request = &aws.requests()[0];
    assert!(request.starts_with("Action=DeleteNetworkAclEntry&"), "{request}");
    for parameter in ["NetworkAclId=acl-1", "Egress=false", "RuleNumber=90"] {
        assert!(request.split('&').any(|sent| sent == parameter), "{request}");
    }
    let error = ec2.delete_acl_entry("acl-1", 90).await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidNetworkAclEntry.NotFound"));
}
