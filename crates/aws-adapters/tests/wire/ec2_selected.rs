//! EC2: groups by what they have in common, and prefix lists that are being changed.

use aws_adapters::Ec2;
use aws_traits::ec2::{PrefixListChanges, SelectedGroups, Selection};
use exposure::Source;
use rstest::rstest;

use crate::canned::{Canned, ec2_error, xml};

const ACCOUNT: &str = "111122223333";
const LIST: &str = "pl-0123456789abcdef0";

#[rstest]
#[case::prefix_list(
    Selection::AdmitsPrefixList(LIST),
    "Filter.2.Name=ip-permission.prefix-list-id&Filter.2.Value.1=pl-0123456789abcdef0"
)]
#[case::tag(Selection::HasTag("Exempt"), "Filter.2.Name=tag-key&Filter.2.Value.1=Exempt")]
#[tokio::test]
async fn own_groups_are_selected_by_a_filter(#[case] selection: Selection<'_>, #[case] expected: &str) {
    let first = xml(
        "DescribeSecurityGroups",
        "<securityGroupInfo><item><ownerId>111122223333</ownerId><groupId>sg-0aaaaaaaaaaaaaaaa</groupId><groupName>web</groupName><vpcId>vpc-0a1b2c3d</vpcId><tagSet><item><key>Exempt</key><value>2026-12-31 x</value></item></tagSet><ipPermissions><item><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort><groups/><ipRanges/><ipv6Ranges/><prefixListIds><item><prefixListId>pl-0123456789abcdef0</prefixListId></item></prefixListIds></item></ipPermissions></item></securityGroupInfo><nextToken>more</nextToken>",
    );
    let last = xml("DescribeSecurityGroups", "<securityGroupInfo/><nextToken></nextToken>");
    let aws = Canned::serve([(200, &first), (200, &last)]).await;
    let ec2 = Ec2::new(&aws.sdk);
    let (groups, next) = ec2.selected_groups(ACCOUNT, selection, None).await.unwrap();
    let [group] = groups.as_slice() else { panic!("{groups:?}") };
    assert_eq!((group.id.as_str(), group.owner_id.as_deref()), ("sg-0aaaaaaaaaaaaaaaa", Some(ACCOUNT)));
    assert_eq!(group.tags.get("Exempt").map(String::as_str), Some("2026-12-31 x"));
    assert_eq!(group.ingress[0].source, Source::PrefixList(LIST.into()));
    assert_eq!(next.as_deref(), Some("more"));
    let (groups, next) = ec2.selected_groups(ACCOUNT, selection, next).await.unwrap();
    assert_eq!((groups.len(), next), (0, None));
    let requests = aws.requests();
    for request in &requests {
        assert!(request.contains("Action=DescribeSecurityGroups&"), "{request}");
        assert!(request.contains("Filter.1.Name=owner-id&Filter.1.Value.1=111122223333"), "{request}");
        assert!(request.contains(expected), "{request}");
    }
    assert!(requests[1].contains("NextToken=more"), "{requests:?}");
}

#[tokio::test]
async fn a_failed_selection_names_the_filter() {
    let aws = Canned::serve([(400, &ec2_error("UnauthorizedOperation"))]).await;
    let error = Ec2::new(&aws.sdk).selected_groups(ACCOUNT, Selection::HasTag("Exempt"), None).await.unwrap_err();
    assert_eq!(error.code(), Some("UnauthorizedOperation"));
    assert!(
        error.to_string().starts_with("ec2:DescribeSecurityGroups on groups by tag-key Exempt failed: "),
        "{error}"
    );
}

#[rstest]
#[case("modify-in-progress", true)]
#[case("restore-in-progress", true)]
#[case("create-in-progress", true)]
#[case("modify-complete", false)]
#[case("restore-complete", false)]
#[case("modify-failed", false)]
#[case("a-state-of-tomorrow", false)]
#[tokio::test]
async fn a_list_is_changing_while_its_state_says_so(#[case] state: &str, #[case] expected: bool) {
    let reply = xml(
        "DescribeManagedPrefixLists",
        &format!(
            "<prefixListSet><item><prefixListId>{LIST}</prefixListId><ownerId>{ACCOUNT}</ownerId><state>{state}</state><version>2</version></item></prefixListSet>"
        ),
    );
    let aws = Canned::serve([(200, &reply)]).await;
    assert_eq!(Ec2::new(&aws.sdk).is_changing(LIST).await, Ok(expected));
    let request = &aws.requests()[0];
    assert!(request.contains("Action=DescribeManagedPrefixLists&"), "{request}");
    assert!(request.contains("PrefixListId.1=pl-0123456789abcdef0"), "{request}");
}

#[tokio::test]
async fn a_list_that_is_gone_is_not_changing() {
    let aws = Canned::serve([(400, &ec2_error("InvalidPrefixListID.NotFound"))]).await;
    assert_eq!(Ec2::new(&aws.sdk).is_changing(LIST).await, Ok(false));
    let aws = Canned::serve([(400, &ec2_error("UnauthorizedOperation"))]).await;
    let error = Ec2::new(&aws.sdk).is_changing(LIST).await.unwrap_err();
    assert!(
        error.to_string().starts_with("ec2:DescribeManagedPrefixLists on pl-0123456789abcdef0 failed: "),
        "{error}"
    );
}
