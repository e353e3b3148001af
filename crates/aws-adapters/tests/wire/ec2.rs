//! EC2: groups, rules and prefix lists.

use aws_adapters::Ec2;
use aws_traits::ec2::{GroupsById, ManagedPrefixLists, SecurityGroupRules, SecurityGroups};
use exposure::{IngressRule, PrefixList, Source, Traffic};
use rstest::rstest;

use crate::canned::{Canned, ec2_error, xml};

/// Rules come from all pages, without egress; EC2 returns ports -1 for all traffic.
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

/// Groups are selected by a filter: with `GroupId`, EC2 would refuse the whole call for one group that is gone.
#[tokio::test]
async fn groups_and_rules_of_several_groups_are_read_at_once() {
    let groups = xml(
        "DescribeSecurityGroups",
        "<securityGroupInfo><item><groupId>sg-1</groupId><groupName>web</groupName></item></securityGroupInfo>",
    );
    let rules = xml(
        "DescribeSecurityGroupRules",
        "<securityGroupRuleSet>
            <item><securityGroupRuleId>sgr-1</securityGroupRuleId><groupId>sg-1</groupId><isEgress>false</isEgress><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort><cidrIpv4>0.0.0.0/0</cidrIpv4></item>
            <item><securityGroupRuleId>sgr-2</securityGroupRuleId><groupId>sg-2</groupId><isEgress>true</isEgress><ipProtocol>-1</ipProtocol><cidrIpv4>0.0.0.0/0</cidrIpv4></item>
            <item><securityGroupRuleId>sgr-3</securityGroupRuleId><groupId>sg-2</groupId><isEgress>false</isEgress><ipProtocol>tcp</ipProtocol><fromPort>80</fromPort><toPort>80</toPort><cidrIpv6>::/0</cidrIpv6></item>
        </securityGroupRuleSet>",
    );
    let aws = Canned::serve([(200, &groups), (200, &rules)]).await;
    let ec2 = Ec2::new(&aws.sdk);
    let groups = ec2.groups_with_ids(&["sg-1", "sg-gone"]).await.unwrap();
    assert_eq!(groups.iter().map(|group| group.id.as_str()).collect::<Vec<_>>(), ["sg-1"]);
    let rules = ec2.ingress_rules(&["sg-1", "sg-2"]).await.unwrap();
    let ids = |group: &str| rules[group].iter().map(|rule| rule.id.clone().unwrap()).collect::<Vec<_>>();
    assert_eq!((ids("sg-1"), ids("sg-2")), (vec!["sgr-1".to_owned()], vec!["sgr-3".to_owned()]));
    let filter = |other| format!("Filter.1.Name=group-id&Filter.1.Value.1=sg-1&Filter.1.Value.2={other}");
    let requests = aws.requests();
    assert!(requests[0].contains(&filter("sg-gone")), "{requests:?}");
    assert!(requests[1].contains(&filter("sg-2")), "{requests:?}");
}

#[tokio::test]
async fn revoke_sends_the_content_and_returns_the_rules_that_ec2_revoked() {
    let reply = xml(
        "RevokeSecurityGroupIngress",
        "<return>true</return><revokedSecurityGroupRuleSet>
            <item><securityGroupRuleId>sgr-1</securityGroupRuleId><groupId>sg-0aaaaaaaaaaaaaaaa</groupId><isEgress>false</isEgress><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort><cidrIpv4>0.0.0.0/0</cidrIpv4></item>
        </revokedSecurityGroupRuleSet>
        <unknownIpPermissionSet>
            <item><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort><groups/><ipRanges/><ipv6Ranges><item><cidrIpv6>::/0</cidrIpv6></item></ipv6Ranges><prefixListIds/></item>
        </unknownIpPermissionSet>",
    );
    let aws = Canned::serve([(200, &reply)]).await;
    let rules = [tcp("0.0.0.0/0".into()), tcp("::/0".into())];
    let revocation = Ec2::new(&aws.sdk).revoke("sg-0aaaaaaaaaaaaaaaa", &rules).await.unwrap();
    assert_eq!(revocation.revoked.len(), 1);
    assert_eq!(revocation.revoked[0].id.as_deref(), Some("sgr-1"));
    assert_eq!(revocation.revoked[0].source, Source::from("0.0.0.0/0"));
    assert_eq!(revocation.absent.iter().map(|rule| rule.source.to_string()).collect::<Vec<_>>(), ["::/0"]);
    let request = &aws.requests()[0];
    assert!(request.contains("Action=RevokeSecurityGroupIngress"), "{request}");
    assert!(request.contains("IpRanges.1.CidrIp=0.0.0.0%2F0"), "{request}");
    assert!(request.contains("Ipv6Ranges.1.CidrIpv6=%3A%3A%2F0"), "{request}");
    assert!(!request.contains("SecurityGroupRuleId") && !request.contains("Description"), "{request}");
}

#[rstest]
#[case("InvalidPermission.NotFound")]
#[case("RequestLimitExceeded")]
#[tokio::test]
async fn revoke_keeps_the_error_code(#[case] code: &str) {
    let aws = Canned::serve([(400, &ec2_error(code))]).await;
    let error = Ec2::new(&aws.sdk).revoke("sg-1", &[tcp("0.0.0.0/0".into())]).await.unwrap_err();
    assert_eq!(error.code(), Some(code));
}

/// A change that EC2 may have made is not sent again; one that it has certainly not made is.
#[rstest]
#[case::unknown("InternalError", 1)]
#[case::throttled("RequestLimitExceeded", 2)]
#[tokio::test]
async fn a_change_is_sent_again_only_if_ec2_throttles(#[case] code: &str, #[case] requests: usize) {
    let done = xml("RevokeSecurityGroupIngress", "<return>true</return>");
    let aws = Canned::serve([(503, &ec2_error(code)), (200, &done)]).await;
    let sdk = aws.sdk.to_builder().retry_config(aws_smithy_types::retry::RetryConfig::standard()).build();
    let revoked = Ec2::new(&sdk).revoke("sg-1", &[tcp("0.0.0.0/0".into())]).await;
    assert_eq!((revoked.is_ok(), aws.requests().len()), (requests == 2, requests));
}

#[tokio::test]
async fn a_denied_call_says_which_permission_is_missing() {
    let aws = Canned::serve([(403, &ec2_error("UnauthorizedOperation"))]).await;
    let error = Ec2::new(&aws.sdk).revoke("sg-1", &[tcp("0.0.0.0/0".into())]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "ec2:RevokeSecurityGroupIngress on sg-1 failed: UnauthorizedOperation: no \
         (allow ec2:RevokeSecurityGroupIngress to this role or user)"
    );
}

/// Request that authorizes one rule: the fields of its permission, sorted, and the other fields.
async fn authorized(rule: IngressRule) -> (Vec<String>, Vec<String>) {
    let aws = Canned::serve([(200, &xml("AuthorizeSecurityGroupIngress", "<return>true</return>"))]).await;
    Ec2::new(&aws.sdk).authorize("sg-1", &[rule]).await.unwrap();
    let mut fields: Vec<_> = aws.requests()[0].split('&').map(str::to_owned).collect();
    fields.sort_unstable();
    fields.into_iter().partition(|field| field.starts_with("IpPermissions"))
}

/// Names these fields of the first permission, and sorts them.
fn permission(fields: &[&str]) -> Vec<String> {
    let mut fields: Vec<_> = fields.iter().map(|field| format!("IpPermissions.1.{field}")).collect();
    fields.sort_unstable();
    fields
}

fn tcp(source: Source) -> IngressRule {
    let traffic = Traffic::parse("tcp", Some(22), Some(23));
    IngressRule { description: Some("office & lab".into()), ..IngressRule::new(traffic, source) }
}

/// Each kind of source goes into its own list, with the description; a group of another account has its account id.
#[rstest]
#[case("192.0.2.0/24".into(), &["IpRanges.1.CidrIp=192.0.2.0%2F24", "IpRanges.1.Description=office%20%26%20lab"])]
#[case("2001:db8::/32".into(), &["Ipv6Ranges.1.CidrIpv6=2001%3Adb8%3A%3A%2F32", "Ipv6Ranges.1.Description=office%20%26%20lab"])]
#[case("pl-1".into(), &["PrefixListIds.1.Description=office%20%26%20lab", "PrefixListIds.1.PrefixListId=pl-1"])]
#[case("sg-2".into(), &["Groups.1.Description=office%20%26%20lab", "Groups.1.GroupId=sg-2"])]
#[case(
    Source::SecurityGroup { id: "sg-2".into(), account_id: Some("444455556666".into()) },
    &["Groups.1.Description=office%20%26%20lab", "Groups.1.GroupId=sg-2", "Groups.1.UserId=444455556666"]
)]
#[tokio::test]
async fn a_rule_is_authorized_with_its_source_and_description(#[case] source: Source, #[case] expected: &[&str]) {
    let (fields, rest) = authorized(tcp(source)).await;
    assert_eq!(fields, permission(&[expected, &["FromPort=22", "IpProtocol=tcp", "ToPort=23"]].concat()));
    assert_eq!(rest, ["Action=AuthorizeSecurityGroupIngress", "GroupId=sg-1", "Version=2016-11-15"]);
}

/// Fields that EC2 requires for traffic without ports.
#[rstest]
#[case(Traffic::All, &["IpProtocol=-1"])]
#[case(Traffic::parse("icmp", Some(8), Some(-1)), &["FromPort=8", "IpProtocol=icmp", "ToPort=-1"])]
#[case(Traffic::parse("47", None, None), &["FromPort=-1", "IpProtocol=47", "ToPort=-1"])]
#[tokio::test]
async fn traffic_without_ports_is_authorized_with_the_fields_that_ec2_requires(
    #[case] traffic: Traffic,
    #[case] expected: &[&str],
) {
    let (fields, _) = authorized(IngressRule::new(traffic, "pl-1".into())).await;
    assert_eq!(fields, permission(&[expected, &["PrefixListIds.1.PrefixListId=pl-1"]].concat()));
}

/// The new rules get the tags, except those that only AWS can set. The result has the rules as EC2 returned them.
#[tokio::test]
async fn rules_are_authorized_with_tags_and_returned_as_created() {
    let reply = xml(
        "AuthorizeSecurityGroupIngress",
        "<return>true</return><securityGroupRuleSet>
            <item><securityGroupRuleId>sgr-7</securityGroupRuleId><isEgress>false</isEgress><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>23</toPort><description>office</description><referencedGroupInfo><groupId>sg-2</groupId><userId>444455556666</userId></referencedGroupInfo><tagSet><item><key>team</key><value>web</value></item></tagSet></item>
        </securityGroupRuleSet>",
    );
    let aws = Canned::serve([(200, &reply)]).await;
    let tags =
        [("team", "web"), ("aws:cloudformation:stack-name", "net")].map(|(key, value)| (key.into(), value.into()));
    let rule = IngressRule { tags: tags.into(), ..tcp("sg-2".into()) };
    let made = Ec2::new(&aws.sdk).authorize("sg-1", &[rule]).await.unwrap();
    let [made] = made.as_slice() else { unreachable!("{made:?}") };
    assert_eq!((made.id.as_deref(), made.description.as_deref()), (Some("sgr-7"), Some("office")));
    assert_eq!(made.source, Source::SecurityGroup { id: "sg-2".into(), account_id: Some("444455556666".into()) });
    assert_eq!(made.tags, [("team".to_owned(), "web".to_owned())].into());
    let request = &aws.requests()[0];
    let mut tags: Vec<_> = request.split('&').filter(|field| field.starts_with("TagSpecification")).collect();
    tags.sort_unstable();
    assert_eq!(
        tags,
        [
            "TagSpecification.1.ResourceType=security-group-rule",
            "TagSpecification.1.Tag.1.Key=team",
            "TagSpecification.1.Tag.1.Value=web"
        ]
    );
}

#[rstest]
#[case("InvalidPermission.Duplicate")]
#[case("RulesPerSecurityGroupLimitExceeded")]
#[case("InvalidGroup.NotFound")]
#[tokio::test]
async fn authorize_keeps_the_error_code(#[case] code: &str) {
    let aws = Canned::serve([(400, &ec2_error(code))]).await;
    let error = Ec2::new(&aws.sdk).authorize("sg-1", &[tcp("10.0.0.0/8".into())]).await.unwrap_err();
    assert_eq!(error.code(), Some(code));
    assert_eq!(error.to_string(), format!("ec2:AuthorizeSecurityGroupIngress on sg-1 failed: {code}: no"));
}

/// A rule that cannot be expressed exactly is not sent.
#[rstest]
#[case(tcp("everywhere".into()), "source `everywhere` is not understood")]
#[case(
    IngressRule::new(Traffic::parse("tcp", Some(5), None), "10.0.0.0/8".into()),
    "protocol `tcp` from port 5 to port none is not understood"
)]
#[tokio::test]
async fn a_rule_that_is_not_understood_is_not_sent(#[case] rule: IngressRule, #[case] expected: &str) {
    let aws = Canned::serve([]).await;
    let error = Ec2::new(&aws.sdk).authorize("sg-1", &[tcp("10.0.0.0/8".into()), rule]).await.unwrap_err();
    assert_eq!(error.to_string(), format!("ec2:AuthorizeSecurityGroupIngress on sg-1 failed: {expected}"));
    assert!(aws.received().is_empty());
}

#[tokio::test]
async fn return_false_is_a_failure() {
    let aws = Canned::serve([(200, &xml("RevokeSecurityGroupIngress", "<return>false</return>"))]).await;
    assert!(Ec2::new(&aws.sdk).revoke("sg-1", &[tcp("0.0.0.0/0".into())]).await.is_err());
    let aws = Canned::serve([(200, &xml("AuthorizeSecurityGroupIngress", "<return>false</return>"))]).await;
    assert!(Ec2::new(&aws.sdk).authorize("sg-1", &[tcp("10.0.0.0/8".into())]).await.is_err());
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

/// An unknown source is never treated as harmless.
#[tokio::test]
async fn a_missing_source_stays_visible() {
    let group = xml(
        "DescribeSecurityGroups",
        "<securityGroupInfo><item><groupId>sg-1</groupId><ipPermissions>
            <item><ipProtocol>-1</ipProtocol></item>
            <item><ipProtocol>-1</ipProtocol><groups><item><userId>111122223333</userId></item></groups></item>
            <item><ipProtocol>-1</ipProtocol><groups/><ipRanges/><ipv6Ranges/><prefixListIds/></item>
        </ipPermissions></item></securityGroupInfo>",
    );
    let rules = xml(
        "DescribeSecurityGroupRules",
        "<securityGroupRuleSet><item><securityGroupRuleId>sgr-1</securityGroupRuleId><isEgress>false</isEgress><ipProtocol>-1</ipProtocol><referencedGroupInfo/></item></securityGroupRuleSet>",
    );
    let aws = Canned::serve([(200, &group), (200, &rules)]).await;
    let ec2 = Ec2::new(&aws.sdk);
    let group = ec2.security_group("sg-1").await.unwrap().unwrap();
    let listed = ec2.rules("sg-1").await.unwrap().ingress;
    let sources: Vec<_> = group.ingress.iter().chain(&listed).map(|rule| &rule.source).collect();
    assert!(sources.iter().all(|source| matches!(source, Source::Unrecognized(_))), "{sources:?}");
    assert_eq!(sources.len(), 3);
}

#[tokio::test]
async fn a_deleted_group_is_none() {
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
async fn a_prefix_list_has_the_entries_of_all_pages() {
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
async fn the_entries_of_an_aws_owned_list_are_not_requested() {
    let aws = Canned::serve([(200, &described_list("AWS"))]).await;
    assert_eq!(Ec2::new(&aws.sdk).prefix_list("pl-1").await.unwrap(), PrefixList::AwsOwned);
    assert_eq!(aws.requests().len(), 1);
}

#[tokio::test]
async fn a_reply_that_is_not_xml_is_an_error_without_code() {
    let aws = Canned::serve([(200, "<html>busy"), (200, "")]).await;
    let ec2 = Ec2::new(&aws.sdk);
    assert_eq!(ec2.rules("sg-1").await.unwrap_err().code(), None);
    assert_eq!(ec2.rules("sg-1").await.unwrap_err().code(), None);
}
