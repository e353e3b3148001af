//! `portcullis explain`.

use std::collections::HashSet;
use std::io::{self, Write};
use std::mem;
use std::ops::ControlFlow;

use anyhow::{Context, Result, bail};
use exposure::{
    Assessment, FamilySizes, IngressRule, Policy, PrefixList, PrefixLists, Reach, SecurityGroup, Source, Verdict,
};
use findings::{kept_sentence, policy_sentence};
use inventory::{Record, RecordError};
use jiff::Timestamp;
use judgement::{Criteria, JudgedGroup};
use plain_text::{counted, printable};

use crate::args::Explain;
use crate::exit::{Exit, Usage};
use crate::policy::OptionsPolicy;
use crate::scan::{is_directory, list, open, options};

/// Most groups that an error names.
const NAMES_SHOWN: usize = 10;

pub(crate) fn run(args: &Explain) -> Result<Exit> {
    #[cfg(feature = "aws")]
    if args.input.is_empty() {
        return crate::aws::block_on(crate::aws::explain::run(args));
    }
    #[cfg(not(feature = "aws"))]
    crate::scan::check_inputs(&args.input)?;
    files(args)
}

/// A group of a file, with its place.
struct Found {
    judged: JudgedGroup,
    /// The rest of the record.
    record: Record,
    place: String,
}

/// Groups of files, as far as they concern the one that is explained.
#[derive(Default)]
struct Search {
    found: Vec<Found>,
    /// The first groups that are other ones, for an error.
    others: Vec<String>,
    /// Records that were not understood.
    unreadable: Vec<String>,
}

/// Explains the groups of this id or name in files.
fn files(args: &Explain) -> Result<Exit> {
    let policy = OptionsPolicy::new(&args.policy)?;
    let options = options(args.region(), args.account.as_deref(), args.ignore_template_exemptions)?;
    if args.group.trim().is_empty() {
        bail!(Usage("the name of the group is empty".to_owned()));
    }
    let criteria = policy.criteria(Timestamp::now());
    let mut search = Search::default();
    let mut scan = inventory::Scan::new(&options, &|record| record);
    let mut known = HashSet::new();
    for file in &args.input {
        if is_directory(file) {
            for file in list(file, &mut known).files {
                let name = file.display().to_string();
                scan.read_found(&file, &mut |record| search.record(record, &args.group, &name, &criteria))?;
            }
            continue;
        }
        let name = file.display().to_string();
        let input = open(file).with_context(|| format!("cannot read {name}"))?;
        scan.read(input, &name, &mut |record| search.record(record, &args.group, &name, &criteria))?;
    }
    let names: Vec<String> = args.input.iter().map(|file| file.display().to_string()).collect();
    let names = names.join(", ");
    // Configuration items: which of the files has the newest is not known any more.
    scan.finish(&mut |record| search.record(record, &args.group, &names, &criteria))?;
    if search.found.is_empty() {
        let more = if search.others.len() > NAMES_SHOWN { ", …" } else { "" };
        let others: Vec<&str> = search.others.iter().take(NAMES_SHOWN).map(String::as_str).collect();
        let hint = match (others.is_empty(), search.unreadable.first()) {
            (_, Some(problem)) => {
                format!("; {} could not be read: {problem}", counted(search.unreadable.len(), "record"))
            }
            (false, None) => format!("; it has {}{more}", others.join(", ")),
            (true, None) => "; it has no security groups".to_owned(),
        };
        bail!("there is no security group `{}` in {names}{hint}", printable(&args.group));
    }
    let mut out = io::stdout().lock();
    let mut exit = Exit::Success;
    for (at, Found { judged, record, place }) in search.found.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        let mut assessment = judged.assess();
        record.exempt(&mut assessment, &judged.group, &judged.criteria.parameters.policy, judged.criteria.at);
        exit = worse(exit, explain(&mut out, judged, &assessment, place)?);
    }
    // A rule of the group may be among them.
    for problem in &search.unreadable {
        eprintln!("error: not scanned: {problem}");
    }
    Ok(if search.unreadable.is_empty() { exit } else { worse(exit, Exit::Error) })
}

pub(crate) fn worse(one: Exit, other: Exit) -> Exit {
    // An exposure is known, whatever else could not be judged.
    if one == Exit::Exposed || other == Exit::Success { one } else { other }
}

impl Search {
    fn record(
        &mut self,
        record: Result<Record, RecordError>,
        wanted: &str,
        file: &str,
        criteria: &Criteria,
    ) -> ControlFlow<()> {
        match record {
            Ok(record) => self.take(record, wanted, file, criteria),
            Err(problem) => self.unreadable.push(plain_text::error_chain(&problem)),
        }
        ControlFlow::Continue(())
    }

    fn take(&mut self, mut record: Record, wanted: &str, file: &str, criteria: &Criteria) {
        let group = mem::take(&mut record.group);
        if group.id == wanted || group.name.as_deref() == Some(wanted) {
            // The template of a nested stack may be a file of its own.
            let (file, line) = match &record.location {
                Some(location) => (location.file.as_str(), location.line),
                None => (file, None),
            };
            let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
            let region = record.region.as_ref().map(|region| format!(", region {region}")).unwrap_or_default();
            let place = format!("{file}{line}{region}");
            self.found.push(Found { judged: criteria.judge_offline(group, &record.known), record, place });
        } else if self.others.len() <= NAMES_SHOWN {
            self.others.push(title(&group));
        }
    }
}

/// `sg-… (web)`.
fn title(group: &SecurityGroup) -> String {
    let name = group.name.as_deref().filter(|name| *name != group.id);
    let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
    printable(&format!("{}{name}", group.id)).into_owned()
}

/// Explains the verdict on a group that is in `place`.
pub(crate) fn explain(
    out: &mut impl Write,
    judged: &JudgedGroup,
    assessment: &Assessment<'_>,
    place: &str,
) -> io::Result<Exit> {
    let (group, policy) = (&judged.group, &judged.criteria.parameters.policy);
    writeln!(out, "{} in {place}", title(group))?;
    writeln!(out, "Policy: {}", policy_sentence(&policy.focus_ports, policy.scope))?;
    writeln!(out)?;
    if group.ingress.is_empty() {
        writeln!(out, "  no ingress rules")?;
    }
    for rule in &group.ingress {
        let id = rule.id.as_deref().unwrap_or("rule");
        writeln!(out, "  {id}  {} from {}", rule.traffic, rule.source)?;
        writeln!(out, "    {}", reason(rule, assessment, policy, &judged.prefix_lists))?;
    }
    writeln!(out)?;
    let kept = kept_sentence(policy.scope, &judged.criteria.parameters.authorized);
    let (verdict, exit) = match assessment.verdict() {
        Verdict::NonCompliant => ("NON_COMPLIANT: at least one rule opens a blocked port".to_owned(), Exit::Exposed),
        Verdict::Unknown => (
            "INSUFFICIENT_DATA: at least one rule could not be judged, and no other rule opens a blocked port"
                .to_owned(),
            Exit::Error,
        ),
        Verdict::Exempt => ("COMPLIANT: every rule that opens a blocked port is exempt".to_owned(), Exit::Success),
        Verdict::Compliant => (format!("COMPLIANT: no {kept}"), Exit::Success),
    };
    writeln!(out, "{verdict}")?;
    Ok(exit)
}

/// Explains the verdict on a rule, in one line.
fn reason(rule: &IngressRule, assessment: &Assessment<'_>, policy: &Policy, lists: &PrefixLists) -> String {
    let is_it = |other: &IngressRule| std::ptr::eq(other, rule);
    if let Some(exposure) = assessment.exposures.iter().find(|exposure| is_it(exposure.rule)) {
        let reached = reached(&rule.source, policy, lists);
        let alone = match exposure.reach {
            Reach::World if reached.reach != Reach::World => {
                "; together with other rules for the same port, at least half of the internet"
            }
            Reach::World | Reach::Partial | Reach::None => "",
        };
        return format!("OPEN: allows {} from {}{alone}", exposure.ports, reached.text);
    }
    if let Some(exempted) = assessment.exempted.iter().find(|exempted| is_it(exempted.exposure.rule)) {
        let exemption = &exempted.exemption;
        let until = exemption.expires.as_ref().map(|expires| format!(" until {expires}")).unwrap_or_default();
        return format!("exempt{until}: allows {}; reason: {}", exempted.exposure.ports, exemption.reason);
    }
    if let Some(unjudged) = assessment.unjudged.iter().find(|unjudged| is_it(unjudged.rule)) {
        return format!("NOT JUDGED: {}", unjudged.cause);
    }
    match rule.traffic.carries(&policy.focus_ports) {
        Some(ports) if ports.is_empty() => "fine: allows none of these ports".to_owned(),
        Some(ports) => {
            let reached = reached(&rule.source, policy, lists);
            match reached.reach {
                Reach::None => format!("fine: allows {ports} only from {}", reached.text),
                Reach::Partial | Reach::World => format!(
                    "{ports} open to {}: allowed by --scope world, flagged by --scope public",
                    internet_addresses(reached.sizes)
                ),
            }
        }
        None => "exempt on every port".to_owned(),
    }
}

struct Reached {
    reach: Reach,
    sizes: FamilySizes,
    text: String,
}

fn reached(source: &Source, policy: &Policy, lists: &PrefixLists) -> Reached {
    let nothing = |text: &str| Reached { reach: Reach::None, sizes: FamilySizes::default(), text: text.to_owned() };
    let sizes = match source {
        Source::Cidr(network) => policy.internet.reach_of(*network),
        Source::PrefixList(id) => match lists.get(id) {
            Some(PrefixList::Entries(entries)) => policy.internet.reached_by(entries).sizes(),
            Some(PrefixList::AwsOwned) => return nothing("an AWS service"),
            Some(PrefixList::Unreadable { .. }) | None => return nothing("unknown addresses"),
        },
        Source::SecurityGroup { .. } => return nothing("members of that group"),
        Source::Unrecognized(_) => return nothing("unknown addresses"),
    };
    let reach = Reach::of(sizes);
    let text = match reach {
        Reach::None => "private or authorised addresses".to_owned(),
        Reach::Partial => format!("part of the internet ({})", addresses(sizes)),
        Reach::World => format!("the world ({})", addresses(sizes)),
    };
    Reached { reach, sizes, text }
}

/// A number of internet addresses in words: `1 internet address`, `16.7 million internet addresses`.
fn internet_addresses(sizes: FamilySizes) -> String {
    match u128::from(sizes.v4).saturating_add(sizes.v6) {
        1 => "1 internet address".to_owned(),
        some => format!("{} internet addresses", readable(some)),
    }
}

fn addresses(sizes: FamilySizes) -> String {
    let of = |count: String, family: &str| format!("{count} {family} addresses");
    match (sizes.v4, sizes.v6) {
        (v4, 0) => of(readable(v4.into()), "IPv4"),
        (0, v6) => of(readable(v6), "IPv6"),
        (v4, v6) => format!("{}, {}", of(readable(v4.into()), "IPv4"), of(readable(v6), "IPv6")),
    }
}

/// Rounds a count of addresses, which has up to 39 digits, to one that is easy to read.
fn readable(count: u128) -> String {
    let in_units_of = |unit: u128, name: &str| {
        let tenths = count / (unit / 10);
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    };
    match count {
        0..1_000_000 => count.to_string(),
        1_000_000..1_000_000_000 => in_units_of(1_000_000, "million"),
        1_000_000_000..1_000_000_000_000 => in_units_of(1_000_000_000, "billion"),
        _ => format!("about 2^{}", count.ilog2()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_singular() {
        let text = |v4, v6| internet_addresses(FamilySizes { v4, v6 });
        assert_eq!(text(1, 0), "1 internet address");
        assert_eq!(text(256, 0), "256 internet addresses");
    }

    #[test]
    fn large_numbers_of_addresses_are_rounded() {
        let texts = [0, 256, 999_999, 1_048_576, 16_777_216, 999_999_999, 3_702_258_434, 1 << 64];
        let texts = texts.map(readable);
        let wanted =
            ["0", "256", "999999", "1.0 million", "16.7 million", "999.9 million", "3.7 billion", "about 2^64"];
        assert_eq!(texts, wanted);
    }
}
