//! Groups that a command names, or that match its filters.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use aws_adapters::terminal::inventory::GroupFilter;
use exposure::SecurityGroup;
use findings::ComplianceType;

use super::account::Group;
use super::lookup;
use crate::args::SelectionArgs;
use crate::aws::live_scan::{self, LiveScan, tags};
use crate::aws::policy::CommandPolicy;
use crate::aws::session::Target;
use crate::exit::{Usage, in_one_line};

/// A group as the command line names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Named {
    Id(String),
    Name(String),
    InVpc { vpc_id: String, name: String },
}

impl Named {
    pub(crate) fn parse(text: &str) -> Result<Self, Usage> {
        if exposure::is_security_group_id(text) {
            return Ok(Self::Id(text.to_owned()));
        }
        // No name begins so: EC2 reserves it.
        if text.starts_with("sg-") {
            let problem = format!("`{text}` is not the id of a security group, such as sg-0123456789abcdef0");
            return Err(Usage(problem));
        }
        if let Some((vpc_id, name)) = text.split_once(':')
            && vpc_id.starts_with("vpc-")
            && !name.is_empty()
        {
            return Ok(Self::InVpc { vpc_id: vpc_id.to_owned(), name: name.to_owned() });
        }
        if text.trim().is_empty() {
            return Err(Usage("the name of a group is empty: pass sg-…, a name, or vpc-…:name".to_owned()));
        }
        Ok(Self::Name(text.to_owned()))
    }

    /// Id of the one group that is meant, which need not exist if it is named by its id.
    pub(crate) async fn id(&self, target: &Target) -> Result<String> {
        if let Self::Id(id) = self {
            return Ok(id.clone());
        }
        let Found { groups, problems } = of_names(std::slice::from_ref(self), std::slice::from_ref(target)).await?;
        match (groups.into_iter().next(), problems.into_iter().next()) {
            (Some(group), _) => Ok(group.id),
            (None, problem) => bail!(problem.unwrap_or_default()),
        }
    }

    fn is(&self, group: &SecurityGroup) -> bool {
        match self {
            Self::Id(id) => group.id == *id,
            Self::Name(name) => group.name.as_deref() == Some(name),
            Self::InVpc { vpc_id, name } => {
                group.name.as_deref() == Some(name) && group.vpc_id.as_deref() == Some(vpc_id)
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Id(id) => id.clone(),
            Self::Name(name) => format!("`{name}`"),
            Self::InVpc { vpc_id, name } => format!("`{vpc_id}:{name}`"),
        }
    }
}

/// Groups that a command is about.
pub(super) enum Selection {
    Named(Vec<Named>),
    /// Every open group that matches, and the filters as the user typed them.
    Open {
        filter: GroupFilter,
        typed: String,
    },
}

/// Groups that were found, and what could not be read.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) groups: Vec<Group>,
    pub(super) problems: Vec<String>,
}

impl Selection {
    pub(super) fn new(args: &SelectionArgs) -> Result<Self, Usage> {
        if args.groups.is_empty() {
            let typed: Vec<String> = args
                .vpc_id
                .iter()
                .map(|id| format!("--vpc-id {id}"))
                .chain(args.tag.iter().map(|tag| format!("--tag {tag}")))
                .collect();
            let filter = GroupFilter { vpc_ids: args.vpc_id.clone(), tags: tags(&args.tag), ..GroupFilter::default() };
            return Ok(Self::Open { filter, typed: typed.join(" ") });
        }
        let mut named: Vec<Named> = Vec::new();
        for text in &args.groups {
            let group = Named::parse(text)?;
            if !named.contains(&group) {
                named.push(group);
            }
        }
        Ok(Self::Named(named))
    }

    /// Finds the groups, in the order of the command line, or in that of the targets.
    pub(super) async fn find(&self, places: &[(Target, CommandPolicy)]) -> Result<Found> {
        let targets: Vec<Target> = places.iter().map(|(target, _)| target.clone()).collect();
        match self {
            Self::Named(named) => of_names(named, &targets).await,
            Self::Open { filter, typed } => open(filter, typed, &targets, places).await,
        }
    }
}

/// `us-east-1 and eu-west-1, account 123456789012`.
fn named_places(targets: &[Target]) -> String {
    let regions: Vec<&str> = targets.iter().map(|target| target.region.as_str()).collect();
    let account = targets.first().map(|target| target.account.as_str()).unwrap_or_default();
    format!("{}, account {account}", regions.join(", "))
}

async fn of_names(named: &[Named], targets: &[Target]) -> Result<Found> {
    let mut found = Found::default();
    let mut known: Vec<(usize, SecurityGroup)> = Vec::new();
    for (at, target) in targets.iter().enumerate() {
        match of_target(named, target).await {
            Ok(groups) => known.extend(groups.into_iter().map(|group| (at, group))),
            Err(problem) if targets.len() == 1 => return Err(problem),
            Err(problem) => found.problems.push(format!("{}: {}", target.place(), in_one_line(&problem))),
        }
    }
    for one in named {
        let matching: Vec<&(usize, SecurityGroup)> = known.iter().filter(|(_, group)| one.is(group)).collect();
        if matching.is_empty() && found.problems.is_empty() {
            let problem = format!("{}: there is no such security group in {}", one.text(), named_places(targets));
            found.problems.push(problem);
        }
        let mut in_target: BTreeMap<usize, Vec<&SecurityGroup>> = BTreeMap::new();
        for (at, group) in matching {
            in_target.entry(*at).or_default().push(group);
        }
        for (at, groups) in in_target {
            if let [_, _, ..] = groups.as_slice() {
                let ids: Vec<String> = groups
                    .iter()
                    .map(|group| format!("{} in {}", group.id, group.vpc_id.as_deref().unwrap_or("no VPC")))
                    .collect();
                let place = targets.get(at).map(Target::place).unwrap_or_default();
                bail!(Usage(format!(
                    "{} is the name of {} security groups {place}: {}; pass an id, or vpc-…:name",
                    one.text(),
                    groups.len(),
                    ids.join(", ")
                )));
            }
            for group in groups {
                if !found.groups.iter().any(|known| known.id == group.id && known.at == at) {
                    found.groups.push(Group { id: group.id.clone(), name: group.name.clone(), at });
                }
            }
        }
    }
    Ok(found)
}

/// The named groups of one account and region: one call for the ids and one for the names.
async fn of_target(named: &[Named], target: &Target) -> Result<Vec<SecurityGroup>> {
    let (mut by_id, mut by_name) = (Vec::new(), Vec::new());
    for one in named {
        match one {
            Named::Id(id) => by_id.push(id.clone()),
            Named::Name(name) | Named::InVpc { name, .. } => by_name.push(name.clone()),
        }
    }
    lookup::groups(target, &by_id, &by_name).await
}

async fn open(
    filter: &GroupFilter,
    typed: &str,
    targets: &[Target],
    places: &[(Target, CommandPolicy)],
) -> Result<Found> {
    let scan = LiveScan {
        typed: typed.to_owned(),
        wanted: filter.clone(),
        with_context: false,
        concurrency: 16,
        watch: Box::new(|_| {}),
    };
    let mut found = Found::default();
    live_scan::scan(scan, places.to_vec(), |page| {
        match page {
            Ok(results) => {
                for result in results.into_iter().filter(|result| result.compliance == ComplianceType::NonCompliant) {
                    let is_there = |target: &Target| Some(target.region.as_str()) == result.region.as_deref();
                    let at = targets.iter().position(is_there).context("a group of another region")?;
                    found.groups.push(Group { id: result.group_id, name: result.group_name, at });
                }
            }
            Err(problem) => found.problems.push(match problem.place() {
                Some(place) => format!("{place}: cannot be scanned: {}", problem.reason),
                // The filters match nothing.
                None => problem.reason,
            }),
        }
        Ok(())
    })
    .await?;
    Ok(found)
}
