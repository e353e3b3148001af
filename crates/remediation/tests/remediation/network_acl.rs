//! Network ACLs of the account in memory, and requests for them.

use aws_traits::fakes::FakeAws;
use exposure::Traffic;
use remediation::{AclChange, AclEntryRecord, Details, Quarantined, Response};
use serde_json::{Value, json};

use crate::account::{GROUP, aws};

pub(crate) const ACL: &str = "acl-0a1b2c3d";
pub(crate) const OTHER_ACL: &str = "acl-0e0f0a0b";
pub(crate) const DESCRIBE_ACLS: &str = "ec2:DescribeNetworkAcls";
pub(crate) const CREATE: &str = "ec2:CreateNetworkAclEntry";
pub(crate) const DELETE: &str = "ec2:DeleteNetworkAclEntry";

pub(crate) fn entry(number: u16, source: &str) -> exposure::AclEntry {
    let (action, traffic) = (exposure::AclAction::Allow, Traffic::All);
    exposure::AclEntry { number, action, traffic, source: source.into() }
}

pub(crate) fn aws_in_subnets() -> FakeAws {
    let aws = aws();
    {
        let mut account = aws.account();
        let acl = exposure::NetworkAcl { id: ACL.into(), ingress: vec![entry(100, "0.0.0.0/0"), entry(101, "::/0")] };
        let acl = aws_traits::network_acl::VpcNetworkAcl { vpc_id: "vpc-0a1b2c3d".into(), acl };
        account.network_acls.insert(ACL.into(), acl);
        account.subnets.insert(GROUP.into(), vec![("subnet-1".into(), ACL.into())]);
    }
    aws
}

/// An account in which the group is also used in a second subnet, with its own ACL.
pub(crate) fn aws_in_two_subnets() -> FakeAws {
    let aws = aws_in_subnets();
    {
        let mut account = aws.account();
        let mut other = account.network_acls[ACL].clone();
        other.acl.id = OTHER_ACL.into();
        account.network_acls.insert(OTHER_ACL.into(), other);
        account.subnets.get_mut(GROUP).unwrap().push(("subnet-2".into(), OTHER_ACL.into()));
    }
    aws
}

pub(crate) fn acl_request(action: &str) -> Value {
    json!({"action":action,"securityGroupId":GROUP,"configRuleName":"portcullis","ports":"","networkAclIds":[],
        "snapshot":"latest","dryRun":false,"executionId":"7e3f"})
}

pub(crate) fn acl_request_with(action: &str, field: &str, value: Value) -> Value {
    let mut request = acl_request(action);
    request[field] = value;
    request
}

pub(crate) fn entries(aws: &FakeAws) -> Vec<String> {
    entries_of(aws, ACL)
}

pub(crate) fn entries_of(aws: &FakeAws, acl: &str) -> Vec<String> {
    let account = aws.account();
    let mut entries = account.network_acls[acl].acl.ingress.clone();
    entries.sort_by_key(|entry| entry.number);
    entries.iter().map(ToString::to_string).collect()
}

pub(crate) fn changes(response: &Response) -> &[AclChange] {
    let Details::Quarantine(Quarantined { network_acls }) = &response.details else { panic!("{response:?}") };
    network_acls
}

pub(crate) fn texts(entries: &[AclEntryRecord]) -> Vec<String> {
    entries.iter().map(|entry| format!("{} {} {}", entry.rule_number, entry.rule_action, entry.source)).collect()
}
