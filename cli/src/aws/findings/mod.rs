//! `portcullis findings`: the findings that the stack for findings remembers.

mod export;
mod list;
mod mute;
mod select;
mod show;

use anyhow::{Context, Result, bail};
use aws_adapters::{FindingTable, RETENTION_DAYS, Ssm};
use aws_traits::ssm::Parameters;
use findings::finding::{Finding, FindingKey};
use findings::store::FindingStore;
use serde::Deserialize;

use super::session::{self, Target};
use crate::args::{FindingArgs, Findings, TableArgs, check_group_id};
use crate::exit::{Exit, Usage};

/// Runs the subcommand.
pub(crate) async fn run(args: &Findings) -> Result<Exit> {
    match args {
        Findings::List(args) => list::list(args).await,
        Findings::Export(args) => export::export(args).await,
        Findings::Show { finding, json } => show::show(finding, *json).await,
        Findings::Mute { finding, reason, until } => mute::mute(finding, reason, until.as_deref()).await,
        Findings::Unmute { finding } => mute::unmute(finding).await,
    }
}

/// The table of an account and region.
struct Table {
    target: Target,
    store: FindingTable,
}

impl Table {
    async fn open(args: &TableArgs) -> Result<Self> {
        let target = session::one(&args.account).await?;
        let Stated { table, retention_days } = match &args.table {
            Some(name) => Stated { table: name.clone(), retention_days: RETENTION_DAYS },
            None => stated(&target, &args.rule).await?,
        };
        let store = FindingTable::new(&target.sdk, table, retention_days);
        Ok(Self { target, store })
    }

    /// The finding that the arguments name.
    async fn finding(&self, args: &FindingArgs) -> Result<Finding> {
        let key = self.key(args)?;
        let found = self.store.get(&key).await?;
        found.with_context(|| format!("there is no finding `{key}`: `portcullis findings list --json` prints the keys"))
    }

    fn key(&self, args: &FindingArgs) -> Result<FindingKey> {
        if args.group.contains('/') {
            return args.group.parse().map_err(|problem| Usage(format!("{problem}")).into());
        }
        check_group_id(&args.group)?;
        let Target { account, region, .. } = &self.target;
        let key = FindingKey::new(account, region, &args.group, &args.table.rule);
        key.map_err(|problem| Usage(problem.to_string()).into())
    }
}

/// What the stack for findings states in SSM. Fields that a later version adds are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stated {
    table: String,
    retention_days: u16,
}

/// What the stack for findings states for a rule.
async fn stated(target: &Target, rule: &str) -> Result<Stated> {
    let parameter = format!("/portcullis/findings/{rule}");
    match Ssm::new(&target.sdk).parameter(&parameter).await {
        Ok(text) => serde_json::from_str(&text)
            .with_context(|| format!("parameter {parameter} is malformed: deploy the stack for findings again")),
        Err(problem) if problem.code() == Some("ParameterNotFound") => bail!(
            "no stack {} remembers findings of rule `{rule}`: deploy it with make deploy FINDINGS=yes, or name the rule \
             with --rule or the table with --table",
            target.place()
        ),
        Err(problem) => Err(problem.into()),
    }
}
