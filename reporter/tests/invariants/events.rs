//! Events, as EventBridge puts them into the queue of the recorder.

use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "eu-west-1";

/// What is said of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// It is open at so many ports.
    Open(u8),
    Compliant,
    Exempt,
    /// It could not be judged.
    Unjudged,
    /// A remediation closed it.
    Remediated,
    /// AWS Config says so.
    NonCompliantByConfig,
    CompliantByConfig,
}

pub(crate) fn group(number: usize) -> String {
    format!("sg-{number:017x}")
}

/// The event that says it, of the state at a time.
pub(crate) fn event(number: usize, said: Said, at: Timestamp) -> Value {
    match said {
        Said::Open(ports) => assessment(number, "NON_COMPLIANT", "open_completely", ports, at),
        Said::Compliant => assessment(number, "COMPLIANT", "restricted", 0, at),
        Said::Exempt => exempt(number, at),
        Said::Unjudged => unjudged(number, at),
        Said::Remediated => remediation(number, at),
        Said::NonCompliantByConfig => compliance(number, "NON_COMPLIANT", at),
        Said::CompliantByConfig => compliance(number, "COMPLIANT", at),
    }
}

fn exposure(port: u8) -> Value {
    json!({
        "securityGroupRuleId": null, "protocol": "tcp", "fromPort": port, "toPort": port, "source": "0.0.0.0/0",
        "ports": [format!("tcp/{port}")], "reach": "world", "description": "for <!channel> & *all*",
    })
}

fn assessment(number: usize, compliance: &str, status: &str, ports: u8, at: Timestamp) -> Value {
    let exposures: Vec<Value> = (22..22 + ports).map(exposure).collect();
    json!({
        "version": "0", "id": "6f1d2c3b-0000-4000-8000-000000000001",
        "source": "portcullis", "detail-type": "Portcullis Assessment",
        "account": ACCOUNT, "region": REGION, "time": at, "resources": [],
        "detail": {
            "schema": "portcullis.assessment/1", "account": ACCOUNT, "region": REGION,
            "configRuleName": "portcullis",
            "securityGroup": {
                "id": group(number), "name": format!("web-{number}"), "vpcId": "vpc-0a1b2c3d", "ownerId": ACCOUNT,
                "tagCount": 1, "tags": {"owner": "ana@example.com"},
            },
            "orderingTimestamp": at, "trigger": "change", "compliance": compliance, "status": status,
            "severity": (ports > 0).then_some("high"),
            "exposureCount": ports, "exposures": exposures,
            "exemption": null, "exemptedCount": 0, "exempted": [], "unjudgedCount": 0, "unjudged": [],
        },
    })
}

fn exempt(number: usize, at: Timestamp) -> Value {
    let mut event = assessment(number, "COMPLIANT", "restricted", 0, at);
    let exemption = json!({"reason": "bastion", "expires": "2027-12-31", "owner": "platform"});
    let mut exempted = exposure(22);
    exempted["exemption"] = exemption.clone();
    event["detail"]["exemption"] = exemption;
    event["detail"]["exemptedCount"] = json!(1);
    event["detail"]["exempted"] = json!([exempted]);
    event
}

fn unjudged(number: usize, at: Timestamp) -> Value {
    let mut event = assessment(number, "INSUFFICIENT_DATA", "unknown", 0, at);
    event["detail"]["unjudgedCount"] = json!(1);
    event["detail"]["unjudged"] =
        json!([{"securityGroupRuleId": null, "source": "pl-0f00ba4", "reason": "pl-0f00ba4 could not be read"}]);
    event
}

fn compliance(number: usize, compliance: &str, at: Timestamp) -> Value {
    json!({
        "source": "aws.config", "detail-type": "Config Rules Compliance Change",
        "account": ACCOUNT, "region": REGION, "time": at,
        "detail": {
            "resourceId": group(number), "awsRegion": REGION, "awsAccountId": ACCOUNT,
            "configRuleName": "portcullis", "resourceType": "AWS::EC2::SecurityGroup",
            "newEvaluationResult": {
                "evaluationResultIdentifier": {
                    "evaluationResultQualifier": {"evaluationMode": "DETECTIVE"}, "orderingTimestamp": at,
                },
                "complianceType": compliance, "resultRecordedTime": at,
            },
        },
    })
}

fn remediation(number: usize, at: Timestamp) -> Value {
    let rule = json!({
        "securityGroupRuleId": "sgr-0123456789abcdef0", "protocol": "tcp", "fromPort": 22, "toPort": 22,
        "source": "0.0.0.0/0",
    });
    json!({
        "source": "portcullis", "detail-type": "Portcullis Remediation",
        "account": ACCOUNT, "region": REGION, "time": at,
        "detail": {
            "schema": "portcullis.remediation/1", "account": ACCOUNT, "region": REGION,
            "configRuleName": "portcullis", "securityGroupId": group(number), "action": "close", "dryRun": false,
            "executionId": format!("e-{number}-{at}"), "time": at, "status": "CLOSED",
            "response": {
                "status": "CLOSED", "securityGroupId": group(number), "revoked": [rule], "authorized": [],
                "alreadyAbsent": [], "notAuthorized": [], "remaining": [], "snapshot": null, "message": "revoked 1 rule",
            },
            "counts": {"alreadyAbsent": 0, "authorized": 0, "notAuthorized": 0, "remaining": 0, "revoked": 1},
            "error": null,
        },
    })
}
