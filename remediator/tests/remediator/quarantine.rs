//! Network ACLs: quarantine and release.

use aws::fakes::FakeAws;
use exposure::Traffic;
use remediator::Status;
use serde_json::{Value, json};

use crate::account::{GROUP, PUT, aws, handle, incomplete, ports};

fn entry(number: u16, source: &str) -> exposure::AclEntry {
    let (action, traffic) = (exposure::AclAction::Allow, Traffic::All);
    exposure::AclEntry { number, action, traffic, source: source.into() }
}

fn aws_in_subnets() -> FakeAws {
    let aws = aws();
    {
        let mut account = aws.account();
        let acl = exposure::NetworkAcl {
            id: "acl-0a1b2c3d".into(),
            ingress: vec![entry(100, "0.0.0.0/0"), entry(101, "::/0")],
        };
        let acl = aws::network_acl::VpcNetworkAcl { vpc_id: "vpc-0a1b2c3d".into(), acl };
        account.network_acls.insert("acl-0a1b2c3d".into(), acl);
        account.subnets.insert(GROUP.into(), vec![("subnet-1".into(), "acl-0a1b2c3d".into())]);
    }
    aws
}

fn acl_request(action: &str) -> Value {
    json!({"action":action,"securityGroupId":GROUP,"configRuleName":"portcullis","ports":"","networkAclIds":[],
        "snapshot":"latest","dryRun":false,"executionId":"7e3f"})
}

fn entries(aws: &FakeAws) -> Vec<String> {
    let account = aws.account();
    let mut entries = account.network_acls["acl-0a1b2c3d"].acl.ingress.clone();
    entries.sort_by_key(|entry| entry.number);
    entries.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_quarantine_keeps_the_internet_away_and_a_release_undoes_it() {
    let aws = aws_in_subnets();
    let before = entries(&aws);
    let response = handle(&aws, acl_request("quarantine")).await.unwrap();
    assert_eq!(response.status, Status::Quarantined);
    let after = entries(&aws);
    assert!(after.iter().any(|entry| entry.ends_with("deny tcp 22 from 0.0.0.0/0")), "{after:?}");
    assert!(after.iter().any(|entry| entry.ends_with("deny tcp 22 from ::/0")), "{after:?}");
    assert!(after.iter().any(|entry| entry.contains("allow") && entry.ends_with("10.0.0.0/8")), "{after:?}");
    assert!(response.snapshot.unwrap().contains("/network-acls/111122223333/us-east-1/acl-0a1b2c3d/"));
    assert_eq!(handle(&aws, acl_request("quarantine")).await.unwrap().status, Status::NothingToDo);
    assert_eq!(handle(&aws, acl_request("release")).await.unwrap().status, Status::Released);
    assert_eq!(entries(&aws), before);
    assert_eq!(handle(&aws, acl_request("release")).await.unwrap().status, Status::NothingToDo);
}

/// A quarantine that was cut off is finished by the next, and released as a whole.
#[tokio::test(start_paused = true)]
async fn a_quarantine_gets_over_a_lost_answer() {
    let aws = aws_in_subnets();
    let before = entries(&aws);
    aws.lose_answer("ec2:CreateNetworkAclEntry");
    assert_eq!(handle(&aws, acl_request("quarantine")).await.unwrap().status, Status::Quarantined);
    handle(&aws, acl_request("release")).await.unwrap();
    assert_eq!(entries(&aws), before);
}

/// A full ACL is reported before anything is changed.
#[tokio::test]
async fn a_full_acl_is_reported() {
    let aws = aws_in_subnets();
    {
        let mut account = aws.account();
        let acl = &mut account.network_acls.get_mut("acl-0a1b2c3d").unwrap().acl;
        acl.ingress.extend((1..=18).map(|number| entry(number + 200, "192.0.2.0/24")));
    }
    let before = entries(&aws);
    let response = incomplete(handle(&aws, acl_request("quarantine")).await);
    assert_eq!(response.status, Status::Failed);
    assert!(response.message.contains("20"), "{}", response.message);
    assert_eq!(entries(&aws), before);
    assert_eq!(aws.count(PUT), 0);
}
