//! `portcullis exempt`: the exemptions document in an SSM parameter.

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, Result, bail};
use aws_adapters::Ssm;
use aws_adapters::terminal::FunctionRule;
use aws_traits::ssm::Parameters;
use exposure::{Exemption, Exemptions, Expiry, GroupSelector, PortSet};
use jiff::Timestamp;
use judgement::RuleParameters;
use plain_text::{error_chain, printable};
use serde_json::{Map, Value, json};

use super::deployed_rule;
use super::session::{self, Target};
use crate::args::{EXEMPTIONS_PARAMETER, Exempt, ParameterArgs};
use crate::exit::{Exit, Usage, in_one_line};
use crate::terminal;
use crate::values::check_account;

pub(crate) async fn run(args: &Exempt) -> Result<Exit> {
    match args {
        Exempt::Add { group, expires, reason, owner, ports, replace, account_id, parameter } => {
            let mut entry = selector(group)?;
            check_values(expires, reason, ports.as_deref())?;
            account_id.iter().try_for_each(|id| check_account("--account-id", id))?;
            entry.insert("expires".into(), json!(expires));
            entry.insert("reason".into(), json!(reason));
            let optional = [("owner", owner), ("ports", ports), ("accountId", account_id)];
            for (key, value) in optional {
                if let Some(value) = value {
                    entry.insert(key.into(), json!(value));
                }
            }
            add(entry, group, *replace, parameter).await
        }
        Exempt::List { parameter, json } => list(parameter, *json).await,
        Exempt::Remove { group, parameter } => remove(&selector(group)?, group, parameter).await,
    }
}

/// Checks the values in the words of the options. The document would name its keys.
fn check_values(expires: &str, reason: &str, ports: Option<&str>) -> Result<(), Usage> {
    match Expiry::parse(expires) {
        None => Err(Usage(format!(
            "--expires: `{expires}` is neither a date such as 2026-12-31 nor a time such as 2026-12-31T12:00:00Z"
        ))),
        Some(expiry) if expiry.at() <= Timestamp::now() => Err(Usage(format!("--expires: {expires} is in the past"))),
        Some(_) => Ok(()),
    }?;
    if reason.trim().is_empty() {
        return Err(Usage("--reason is empty".to_owned()));
    }
    match ports.map(str::parse::<PortSet>) {
        Some(Err(problem)) => Err(Usage(format!("--ports: {problem}"))),
        Some(Ok(_)) | None => Ok(()),
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

/// Keys that identify an entry.
const IDENTITY: [&str; 5] = ["securityGroupId", "vpcId", "groupName", "ports", "accountId"];

fn is_same(one: &Value, other: &Map<String, Value>, keys: &[&str]) -> bool {
    keys.iter().all(|key| one.get(*key).filter(|value| !value.is_null()) == other.get(*key))
}

async fn add(entry: Map<String, Value>, group: &str, replace: bool, args: &ParameterArgs) -> Result<Exit> {
    // Reports a malformed entry before any call to AWS.
    check(&json!({"version": 1, "exemptions": [entry]}))?;
    let store = Stored::open(args).await?;
    let mut document = store.document(true).await?;
    let exemptions = document.entries(&args.parameter)?;
    let parameter = &args.parameter;
    let done = match exemptions.iter_mut().find(|known| is_same(known, &entry, &IDENTITY)) {
        Some(known) if known.as_object() == Some(&entry) => {
            println!("{group} is exempt already in {parameter}, with the same end, reason and owner");
            return Ok(Exit::Success);
        }
        Some(known) if !replace => bail!(
            "{parameter} was not changed: {group} has an exemption already, {}; pass --replace to replace end, reason and owner",
            described(known)
        ),
        Some(known) => {
            let before = described(known);
            *known = Value::Object(entry);
            format!("replaced in {parameter}; the exemption was {before}")
        }
        None => {
            exemptions.push(Value::Object(entry));
            format!("added in {parameter}")
        }
    };
    store.write(&document.0).await?;
    println!("{done}; {}", store.readers().await);
    Ok(Exit::Success)
}

/// `until 2027-03-31: bastion until the VPN is there [network team]`.
fn described(entry: &Value) -> String {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    let owner = match text("owner") {
        "" => String::new(),
        owner => format!(" [{owner}]"),
    };
    printable(&format!("until {}: {}{owner}", text("expires"), text("reason"))).into_owned()
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
    let is_terminal = io::stdout().is_terminal();
    let titles = ["GROUP", "PORTS", "ACCOUNT", "EXPIRES", "REASON", "OWNER"];
    let color = is_terminal && terminal::allows_color();
    write!(out, "{}", reports::text_table(titles, &rows, terminal::width(is_terminal), color))?;
    Ok(Exit::Success)
}

fn row(exemption: &Exemption, now: Timestamp) -> [String; 6] {
    let group = match &exemption.group {
        GroupSelector::Id(name) | GroupSelector::Resource(name) => name.clone(),
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
    target: Target,
    parameter: String,
}

impl Stored {
    async fn open(args: &ParameterArgs) -> Result<Self> {
        let target = session::one(&args.account).await?;
        Ok(Self { ssm: Ssm::new(&target.sdk), target, parameter: args.parameter.clone() })
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
                self.target.region
            ),
            Err(error) => return Err(error.into()),
        };
        Exemptions::from_json(&text)
            .with_context(|| format!("SSM parameter {} is malformed, and was not changed", self.parameter))?;
        Ok(Document(serde_json::from_str(&text)?))
    }

    /// What will read the document: a deployed rule, or a command.
    async fn readers(&self) -> String {
        let parameter = Some(self.parameter.as_str());
        let rules = match deployed_rule::rules(&self.target).await {
            Ok(rules) => rules,
            Err(problem) => {
                let problem = in_one_line(&anyhow::Error::new(problem));
                return format!("whether a deployed rule reads it is unknown: {problem}");
            }
        };
        let reads = |rule: &&FunctionRule| {
            let parameters = RuleParameters::from_json(rule.input_parameters.as_deref());
            parameters.is_ok_and(|parameters| parameters.exemptions_parameter.as_deref() == parameter)
        };
        let (reading, others): (Vec<_>, Vec<_>) = rules.iter().partition(reads);
        let names = |rules: &[&FunctionRule]| {
            let names: Vec<_> = rules.iter().map(|rule| format!("`{}`", rule.name)).collect();
            names.join(", ")
        };
        let place = self.target.place();
        if !reading.is_empty() {
            let names = names(&reading);
            return format!("AWS Config rule {names} reads it {place}, at its next evaluation; this program at once");
        }
        if !others.is_empty() {
            return format!(
                "AWS Config rule {} does not read it: set the stack parameter ExemptionsParameter to {}",
                names(&others),
                self.parameter
            );
        }
        let command = if parameter == Some(EXEMPTIONS_PARAMETER) {
            "`portcullis scan`, `plan` and `close` without options of the policy read it".to_owned()
        } else {
            format!("`portcullis scan`, `plan` and `close` read it with --exemptions-parameter {}", self.parameter)
        };
        format!("{command}; there is no AWS Config rule of Portcullis {place}")
    }

    async fn write(&self, document: &Value) -> Result<()> {
        check(document)?;
        Ok(self.ssm.put_parameter(&self.parameter, &document.to_string()).await?)
    }
}
