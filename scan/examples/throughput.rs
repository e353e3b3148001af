//! How many groups a second are read and judged, and in how much memory:
//!
//! ```text
//! cargo run --release -p scan --example throughput -- generate 1000000 > groups.json
//! cargo run --release -p scan --example throughput -- read groups.json
//! ```

#![allow(clippy::print_stdout, reason = "a program of its own")]

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::time::Instant;

use exposure::{Exemptions, Policy, PrefixLists};
use jiff::Timestamp;
use scan::input::{Options, read};
use scan::{Judge, Summary};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["generate", count] => Ok(generate(count.parse()?)?),
        ["read", file] => measure(file),
        _ => Err("give `generate COUNT` or `read FILE`".into()),
    }
}

/// What `aws ec2 describe-security-groups` prints, indentation included: every tenth group is open to the world.
fn generate(count: u64) -> io::Result<()> {
    let mut output = BufWriter::new(io::stdout().lock());
    output.write_all(b"{\n    \"SecurityGroups\": [\n")?;
    for number in 0..count {
        let source = if number % 10 == 0 { "0.0.0.0/0" } else { "10.1.0.0/16" };
        let group = serde_json::json!({
            "GroupId": format!("sg-{number:017x}"),
            "IpPermissionsEgress": [{
                "IpProtocol": "-1", "UserIdGroupPairs": [], "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [],
                "PrefixListIds": []
            }],
            "Tags": [{"Key": "Name", "Value": format!("service-{number}")}, {"Key": "team", "Value": "platform"}],
            "VpcId": "vpc-0a1b2c3d4e5f60718",
            "SecurityGroupArn": format!("arn:aws:ec2:eu-west-1:111122223333:security-group/sg-{number:017x}"),
            "OwnerId": "111122223333",
            "GroupName": format!("service-{number}"),
            "Description": "Traffic of a service",
            "IpPermissions": [
                {
                    "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [],
                    "IpRanges": [{"Description": "operators", "CidrIp": source}], "Ipv6Ranges": [], "PrefixListIds": []
                },
                {
                    "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
                    "UserIdGroupPairs": [{"UserId": "111122223333", "GroupId": "sg-0bbbbbbbbbbbbbbbb"}],
                    "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}], "PrefixListIds": []
                }
            ]
        });
        let mut serializer =
            serde_json::Serializer::with_formatter(&mut output, serde_json::ser::PrettyFormatter::with_indent(b"    "));
        serde::Serialize::serialize(&group, &mut serializer)?;
        output.write_all(if number + 1 < count { b",\n" } else { b"\n" })?;
    }
    output.write_all(b"    ]\n}\n")?;
    output.flush()
}

fn measure(file: &str) -> Result<(), Box<dyn Error>> {
    let judge = Judge {
        policy: Policy::new("22,3389".parse()?),
        exemptions: Exemptions::default(),
        prefix_lists: PrefixLists::default(),
        now: Timestamp::now(),
    };
    let mut summary = Summary::default();
    let begun = Instant::now();
    let stats = read(File::open(file)?, file, &Options::default(), &mut |record| {
        match record {
            Ok(record) => summary.count(&judge.judge(&record)),
            Err(error) => summary.not_scanned.push((&error).into()),
        }
        ControlFlow::Continue(())
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    println!("{stats:?}");
    println!("{} non-compliant, {} not scanned", summary.noncompliant, summary.not_scanned.len());
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let rate = summary.groups_evaluated as f64 / seconds;
    println!("{seconds:.2} s, {rate:.0} groups/s");
    // Linux only; elsewhere the figure is left out.
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("{line}"));
    }
    Ok(())
}
