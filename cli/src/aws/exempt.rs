//! `portcullis exempt`: the exemptions document in an SSM parameter.

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, Result, bail};
use aws_adapters::Ssm;
use aws_traits::ssm::Parameters;
use exposure::{Exemption, Exemptions, Expiry, GroupSelector};
use jiff::Timestamp;
use plain_text::{error_chain, printable};
use serde_json::{Map, Value, json};

use super::session;
use crate::args::{Exempt, ParameterArgs};
use crate::exit::{Exit, Usage};
use crate::terminal;

pub(crate) async fn run(args: &Exempt) -> Result<Exit> {
    match args {
        Exempt::Add { group, expires, reason, owner, ports, account_id, parameter } => {
            let mut entry = selector(group)?;
            entry.insert("expires".into(), json!(expires));
            entry.insert("reason".into(), json!(reason));
            let optional = [("owner", owner), ("ports", ports), ("accountId", account_id)];
            for (key, value) in optional {
                if let Some(value) = value {
                    entry.insert(key.into(), json!(value));
                }
            }
            add(entry, expires, parameter).await
        }
        Exempt::List { parameter, json } => list(parameter, *json).await,
        Exempt::Remove { group, parameter } => remove(&selector(group)?, group, parameter).await,
    }
}

/// Parses `sg-…`, or `vpc-…:name` as in Dow Jones Hammer.
fn selector(group: &str) -> Result<Map<String, Value>, Usage> {
    let entry = match group.split_once(':') {
        None if exposure::is_security_group_id(group) => json!({"securityGroupId": group}),
        Some((vpc, name)) if vpc.starts_with("vpc-") && !name.is_empty() => json!({"vpcId": vpc, "groupName": name}),
        _ => return Err(Usage(format!("`{group}` is neither sg-… nor vpc-…:name"))),
    };
    match entry {
        Value::Object(entry) => Ok(entry),
        _ => Ok(Map::new()),
    }
}

/// Keys that identify an entry. Adding an entry with the same values replaces the existing one.
const IDENTITY: [&str; 5] = ["securityGroupId", "vpcId", "groupName", "ports", "accountId"];

fn is_same(one: &Value, other: &Map<String, Value>, keys: &[&str]) -> bool {
    keys.iter().all(|key| one.get(*key).filter(|value| !value.is_null()) == other.get(*key))
}

async fn add(entry: Map<String, Value>, expires: &str, args: &ParameterArgs) -> Result<Exit> {
    let expiry = Expiry::parse(expires);
    if expiry.is_some_and(|expiry| expiry.at() <= Timestamp::now()) {
        bail!(Usage(format!("--expires {expires} is in the past")));
    }
    // Reports a malformed entry before any call to AWS.
    check(&json!({"version": 1, "exemptions": [entry]}))?;
    let store = Stored::open(args).await?;
    let mut document = store.document(true).await?;
    let exemptions = document.entries(&args.parameter)?;
    let text = if let Some(known) = exemptions.iter_mut().find(|known| is_same(known, &entry, &IDENTITY)) {
        *known = Value::Object(entry);
        "changed"
    } else {
        exemptions.push(Value::Object(entry));
        "added"
    };
    store.write(&document.0).await?;
    println!(
        "{text} in {}; takes effect at the next evaluation: a change, the schedule, or Re-evaluate",
        args.parameter
    );
    Ok(Exit::Success)
}

async fn remove(selector: &Map<String, Value>, group: &str, args: &ParameterArgs) -> Result<Exit> {
    let store = Stored::open(args).await?;
    let mut document = store.document(false).await?;
    let exemptions = document.entries(&args.parameter)?;
    let before = exemptions.len();
    exemptions.retain(|known| !is_same(known, selector, &["securityGroupId", "vpcId", "groupName"]));
    let removed = before - exemptions.len();
    if removed == 0 {
        bail!("{} has no exemption for {group}: list the existing ones with `portcullis exempt list`", args.parameter);
    }
    store.write(&document.0).await?;
    println!("{removed} removed from {}", args.parameter);
    Ok(Exit::Success)
}

async fn list(args: &ParameterArgs, json: bool) -> Result<Exit> {
    let store = Stored::open(args).await?;
    let Document(document) = store.document(false).await?;
    let text = document.to_string();
    let exemptions = Exemptions::from_json(&text).with_context(|| format!("SSM parameter {}", args.parameter))?;
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&document)?)?;
        return Ok(Exit::Success);
    }
    let now = Timestamp::now();
    let rows: Vec<[String; 6]> = exemptions.iter().map(|exemption| row(exemption, now)).collect();
    let is_terminal = out.is_terminal();
    let titles = ["GROUP", "PORTS", "ACCOUNT", "EXPIRES", "REASON", "OWNER"];
    let color = is_terminal && terminal::allows_color();
    write!(out, "{}", reports::text_table(titles, &rows, terminal::width(is_terminal), color))?;
    Ok(Exit::Success)
}

fn row(exemption: &Exemption, now: Timestamp) -> [String; 6] {
    let group = match &exemption.group {
        GroupSelector::Id(id) => id.clone(),
        GroupSelector::Name { vpc_id, group_name } => format!("{vpc_id}:{group_name}"),
    };
    let expires = match &exemption.expires {
        None => "never".to_owned(),
        Some(expires) if expires.at() <= now => format!("{expires} (expired)"),
        Some(expires) => expires.to_string(),
    };
    let or = |text: Option<&String>, otherwise: &str| text.cloned().unwrap_or_else(|| otherwise.to_owned());
    let ports = exemption.ports.as_ref().map(ToString::to_string);
    // Text from users may contain anything, including escape sequences for the terminal.
    [
        group,
        or(ports.as_ref(), "all"),
        or(exemption.account_id.as_ref(), "any"),
        expires,
        exemption.reason.clone(),
        or(exemption.owner.as_ref(), ""),
    ]
    .map(|text| printable(&text).into_owned())
}

fn check(document: &Value) -> Result<()> {
    Exemptions::from_json(&document.to_string()).map_err(|problem| anyhow::Error::new(Usage(error_chain(&problem))))?;
    Ok(())
}

/// The document as JSON, so that a change keeps all other content.
struct Document(Value);

impl Document {
    fn entries(&mut self, parameter: &str) -> Result<&mut Vec<Value>> {
        match self.0.get_mut("exemptions") {
            Some(Value::Array(entries)) => Ok(entries),
            _ => bail!(
                "{parameter} contains a Dow Jones Hammer whitelist, which this command can only list: edit the parameter directly"
            ),
        }
    }
}

struct Stored {
    ssm: Ssm,
    region: String,
    parameter: String,
}

impl Stored {
    async fn open(args: &ParameterArgs) -> Result<Self> {
        let target = session::one(&args.account).await?;
        Ok(Self { ssm: Ssm::new(&target.sdk), region: target.region, parameter: args.parameter.clone() })
    }

    /// Reads the document. A missing parameter is an empty document if `may_be_new`, and an error otherwise, as is a malformed
    /// document.
    async fn document(&self, may_be_new: bool) -> Result<Document> {
        let text = match self.ssm.parameter(&self.parameter).await {
            Ok(text) => text,
            Err(error) if may_be_new && error.code() == Some("ParameterNotFound") => {
                return Ok(Document(json!({"version": 1, "exemptions": []})));
            }
            Err(error) if error.code() == Some("ParameterNotFound") => bail!(
                "there is no SSM parameter {} in {}: `portcullis exempt add` creates it",
                self.parameter,
                self.region
            ),
            Err(error) => return Err(error.into()),
        };
        Exemptions::from_json(&text)
            .with_context(|| format!("SSM parameter {} is malformed, and was not changed", self.parameter))?;
        Ok(Document(serde_json::from_str(&text)?))
    }

    async fn write(&self, document: &Value) -> Result<()> {
        check(document)?;
        Ok(self.ssm.put_parameter(&self.parameter, &document.to_string()).await?)
    }
}
