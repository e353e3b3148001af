//! Quarantine and release when something is in the way.

use aws::fakes::Account;
use remediator::Status;
use rstest::rstest;
use serde_json::json;

use crate::account::{PUT, handle, incomplete};
use crate::network_acl::{
    ACL, CREATE, DESCRIBE_ACLS, OTHER_ACL, acl_request, acl_request_with, aws_in_subnets, aws_in_two_subnets, changes,
    entries, entries_of, entry, texts,
};

// --- Others are at work too

/// Where a test keeps an ACL that somebody puts back.
const TEMPLATE: &str = "acl-0template";

fn somebody_puts_the_acl_back(account: &mut Account) {
    let template = account.network_acls[TEMPLATE].acl.ingress.clone();
    account.network_acls.get_mut(ACL).unwrap().acl.ingress = template;
}

/// Somebody's program puts the ACL back as often as it is changed. That is told, after a few attempts, and what was done
/// several times is told once.
#[tokio::test(start_paused = true)]
async fn an_acl_that_somebody_puts_back_is_not_called_quarantined_or_released() {
    let aws = aws_in_subnets();
    let before = entries(&aws);
    let put_back = || {
        let acl = aws.account().network_acls[ACL].clone();
        aws.account().network_acls.insert(TEMPLATE.into(), acl);
        // The first read is the one that is planned on.
        aws.meanwhile(DESCRIBE_ACLS, |_| {});
        (0..4).for_each(|_| aws.meanwhile(DESCRIBE_ACLS, somebody_puts_the_acl_back));
    };
    put_back();
    let response = incomplete(handle(&aws, acl_request("quarantine")).await);
    assert_eq!(response.status, Status::Partial);
    assert_eq!(
        response.message,
        "sg-0aaaaaaaaaaaaaaaa: 7 entries changed in 1 network ACL; acl-0a1b2c3d: its entries do not show after 4 attempts"
    );
    let added = texts(&changes(&response)[0].added);
    assert_eq!(added.len(), 7, "{added:?}");
    assert_eq!(entries(&aws), before);

    let by_another = |action| acl_request_with(action, "executionId", json!("8f40"));
    handle(&aws, by_another("quarantine")).await.unwrap();
    let quarantined = entries(&aws);
    put_back();
    let response = incomplete(handle(&aws, by_another("release")).await);
    assert_eq!(response.status, Status::Partial);
    assert_eq!(
        response.message,
        "sg-0aaaaaaaaaaaaaaaa: 7 entries changed in 1 network ACL; \
         acl-0a1b2c3d: its entries are still listed after 4 attempts"
    );
    assert_eq!(changes(&response)[0].removed.len(), 7);
    assert_eq!(entries(&aws), quarantined);
}

// --- Full ACLs

/// A full ACL does not hold up the others. Nor does a dry run say that they were changed.
#[rstest]
#[case(false, Status::Partial, "7 entries changed in 2 network ACLs; network ACL acl-0a1b2c3d is full: ")]
#[case(true, Status::Failed, "7 entries would be changed in 2 network ACLs; network ACL acl-0a1b2c3d is full: ")]
#[tokio::test]
async fn beside_a_full_acl_the_others_are_quarantined(
    #[case] dry_run: bool,
    #[case] status: Status,
    #[case] expected: &str,
) {
    let aws = aws_in_two_subnets();
    {
        let mut account = aws.account();
        let acl = &mut account.network_acls.get_mut(ACL).unwrap().acl;
        acl.ingress.extend((1..=18).map(|number| entry(number + 200, "192.0.2.0/24")));
    }
    let (full, other) = (entries(&aws), entries_of(&aws, OTHER_ACL));
    let response = incomplete(handle(&aws, acl_request_with("quarantine", "dryRun", json!(dry_run))).await);
    assert_eq!(response.status, status);
    assert!(response.message.contains(expected), "{}", response.message);
    assert_eq!(changes(&response).iter().map(|change| change.added.len()).collect::<Vec<_>>(), [0, 7]);
    assert_eq!(entries(&aws), full);
    assert_eq!(entries_of(&aws, OTHER_ACL).len(), if dry_run { other.len() } else { other.len() + 7 });
    assert_eq!(aws.count(PUT), usize::from(!dry_run));
}

// --- Cut off

/// A function that has no time left says how far it has come; the next run does the rest.
#[tokio::test(start_paused = true)]
async fn out_of_time_it_says_how_far_it_has_come() {
    let aws = aws_in_subnets();
    let before = entries(&aws);
    aws.meanwhile(CREATE, |_| {});
    aws.hang(CREATE);
    let response = incomplete(handle(&aws, acl_request("quarantine")).await);
    assert_eq!(response.status, Status::Partial);
    assert_eq!(
        response.message,
        "sg-0aaaaaaaaaaaaaaaa: 1 entry changed in 1 network ACL; out of time before the function's deadline: \
         run this again to finish"
    );
    assert_eq!(changes(&response)[0].added.len(), 1);
    assert!(response.snapshot.is_some());
    assert_eq!(entries(&aws).len(), before.len() + 1);
    assert_eq!(handle(&aws, acl_request("quarantine")).await.unwrap().status, Status::Quarantined);
    assert_eq!(handle(&aws, acl_request("release")).await.unwrap().status, Status::Released);
    assert_eq!(entries(&aws), before);
}
