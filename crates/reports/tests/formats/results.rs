//! A fixed set of results that covers all cases of the formats.

use exposure::Reach;
use findings::{
    AttachedTo, ComplianceType, Context, ExemptedExposure, FoundExposure, GroupResult, Location, NotScanned, Openness,
    PolicyOptions, ScanRecord, ScanTotals, Severity, UnjudgedRule,
};
use jiff::Timestamp;
use reports::ReportOptions;

/// Text that is a script, a formula, an attribute, a terminal sequence and a shell command, and that ends an SVG.
pub(crate) const HOSTILE: &str =
    "=<script>alert(1)</script></svg>\"' onload=x \u{1b}[31m\u{202e}$(id)`id`;'{{7*7}}\n& 网络";

/// Options of every test, with a fixed date.
pub(crate) fn options() -> ReportOptions {
    ReportOptions {
        created: Timestamp::constant(1_795_243_500, 0),
        all: false,
        color: false,
        width: 120,
        record: record(),
        input: None,
    }
}

/// The record of a scan of one file for SSH and RDP.
pub(crate) fn record() -> ScanRecord {
    let policy = PolicyOptions::new("22,3389".parse().unwrap_or_default());
    ScanRecord::of_files(policy.into(), vec!["groups.json".into()])
}

/// A compliant group.
pub(crate) fn group(id: &str, name: &str) -> GroupResult {
    GroupResult {
        group_id: id.into(),
        group_name: Some(name.into()),
        vpc_id: Some("vpc-0123456789abcdef0".into()),
        account: Some("123456789012".into()),
        region: Some("eu-central-1".into()),
        compliance: ComplianceType::Compliant,
        openness: Openness::Restricted,
        exposures: Vec::new(),
        exempted: Vec::new(),
        unjudged: Vec::new(),
        severity: None,
        context: None,
        location: None,
        snippet: None,
    }
}

/// A non-compliant group.
pub(crate) fn open(id: &str, name: &str, exposures: Vec<FoundExposure>) -> GroupResult {
    let is_world = exposures.iter().any(|exposure| exposure.reach == Reach::World);
    GroupResult {
        compliance: ComplianceType::NonCompliant,
        openness: if is_world { Openness::World } else { Openness::Partial },
        severity: Some(if is_world { Severity::High } else { Severity::Medium }),
        exposures,
        ..group(id, name)
    }
}

/// An exposure of TCP ports.
pub(crate) fn exposure(
    rule_id: Option<&str>,
    from: i64,
    to: i64,
    source: &str,
    port: &str,
    reach: Reach,
) -> FoundExposure {
    FoundExposure {
        rule_id: rule_id.map(str::to_owned),
        protocol: "tcp".into(),
        from_port: Some(from),
        to_port: Some(to),
        source: source.into(),
        ports: vec![port.into()],
        reach,
        description: None,
        location: None,
    }
}

/// A group that could not be judged.
pub(crate) fn undecided(id: &str, name: &str) -> GroupResult {
    GroupResult {
        compliance: ComplianceType::InsufficientData,
        openness: Openness::Unknown,
        unjudged: vec![UnjudgedRule {
            rule_id: Some("sgr-0dddddddddddddddd".into()),
            source: "pl-0123456789abcdef0".into(),
            reason: "the prefix list was not looked up".into(),
            location: None,
        }],
        ..group(id, name)
    }
}

fn attached(address: Option<&str>) -> Context {
    Context {
        attached_to: vec![AttachedTo {
            network_interface_id: "eni-0123456789abcdef0".into(),
            resource: Some("i-0123456789abcdef0".into()),
            public_addresses: address.into_iter().map(str::to_owned).collect(),
        }],
    }
}

/// Results that are compliant, open to the world, partly open, exempt, undecided and hostile, with and without context and
/// location.
pub(crate) fn results() -> Vec<GroupResult> {
    let ssh = || exposure(Some("sgr-0aaaaaaaaaaaaaaaa"), 22, 22, "0.0.0.0/0", "tcp/22", Reach::World);
    let everything = FoundExposure {
        protocol: "-1".into(),
        from_port: None,
        to_port: None,
        ports: vec!["tcp/22".into(), "tcp/3389".into(), "udp/22".into(), "udp/3389".into()],
        ..exposure(None, 0, 0, "::/0", "", Reach::World)
    };
    let partner = FoundExposure {
        description: Some("partner VPN, ticket 1234".into()),
        ..exposure(Some("sgr-0bbbbbbbbbbbbbbbb"), 20, 25, "203.0.113.0/24", "tcp/22", Reach::Partial)
    };
    let list = exposure(None, 3389, 3389, "pl-0fedcba9876543210", "tcp/3389", Reach::Partial);
    let hostile = FoundExposure {
        description: Some(HOSTILE.into()),
        ..exposure(None, 8000, 8100, "0.0.0.0/0", "tcp/8000-8100", Reach::World)
    };
    let bastion = GroupResult {
        exempted: vec![ExemptedExposure {
            exposure: ssh(),
            reason: "bastion until the VPN is there".into(),
            expires: Some("2026-12-31".into()),
            owner: Some("platform@example.com".into()),
        }],
        ..group("sg-0000000000000002", "bastion")
    };
    let template = GroupResult {
        vpc_id: None,
        account: None,
        region: None,
        location: Some(Location {
            file: "infra/web app.yaml".into(),
            resource: Some("WebSecurityGroup".into()),
            line: Some(17),
        }),
        ..open(
            "WebSecurityGroup",
            "WebSecurityGroup",
            vec![exposure(None, 22, 22, "0.0.0.0/0", "tcp/22", Reach::World)],
        )
    };
    let plan = GroupResult {
        group_name: None,
        vpc_id: None,
        account: None,
        region: None,
        location: Some(Location {
            file: "plan.json".into(),
            resource: Some("module.net.aws_security_group.db".into()),
            line: None,
        }),
        unjudged: vec![UnjudgedRule {
            rule_id: None,
            source: "known after apply".into(),
            reason: "the source is no CIDR, prefix list or security group".into(),
            location: None,
        }],
        ..undecided("module.net.aws_security_group.db", "")
    };
    let elsewhere = |result: GroupResult, region: &str| GroupResult { region: Some(region.into()), ..result };
    vec![
        group("sg-0000000000000001", "web"),
        bastion,
        open("sg-0000000000000003", "ssh-world", vec![ssh(), partner.clone()])
            .with_context(attached(Some("198.51.100.7"))),
        open("sg-0000000000000004", "everything", vec![everything]).with_context(attached(None)),
        elsewhere(open("sg-0000000000000005", "partner", vec![partner]), "us-east-1"),
        elsewhere(
            open("sg-0000000000000006", "rdp-list", vec![list]).with_context(Context::default()),
            "ap-southeast-1",
        ),
        elsewhere(undecided("sg-0000000000000007", "by-list"), "us-east-1"),
        elsewhere(open("sg-0000000000000008", HOSTILE, vec![hostile]), "us-east-1"),
        template,
        plan,
    ]
}

/// Totals of `results` and of the parts that could not be scanned.
pub(crate) fn totals(results: &[GroupResult], not_scanned: Vec<NotScanned>) -> ScanTotals {
    let mut totals = ScanTotals { not_scanned, ..ScanTotals::default() };
    for result in results {
        totals.count(result);
    }
    totals
}

/// A region and a record that could not be scanned.
pub(crate) fn not_scanned() -> Vec<NotScanned> {
    vec![
        NotScanned {
            account: Some("123456789012".into()),
            region: Some("eu-west-1".into()),
            target: None,
            reason: "DescribeSecurityGroups: not authorized; allow ec2:DescribeSecurityGroups".into(),
        },
        NotScanned {
            account: None,
            region: None,
            target: Some("groups.json: record 7".into()),
            reason: HOSTILE.into(),
        },
    ]
}
