//! Options from a TOML file: every option of every command, by its long name, so that there is nothing to keep in step.
//!
//! Top-level keys are for all commands that know them; a table with the name of a command is for that command. What stands
//! on the command line wins.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command};
use toml::{Table, Value};

/// The arguments that `file` adds to a command line that was parsed to `matches`.
pub(crate) fn arguments(file: &Path, command: &Command, matches: &ArgMatches) -> Result<Vec<OsString>> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read the configuration file {name}"))?;
    let table: Table = text.parse().with_context(|| format!("the configuration file {name} is not TOML"))?;
    let (mut command, mut matches) = (command, matches);
    let mut path = Vec::new();
    let mut values: Vec<(&String, &Value, bool)> = Vec::new();
    check_keys(file, command, &table)?;
    let mut tables = vec![&table];
    while let Some((subcommand, inner)) = matches.subcommand() {
        let Some(found) = command.find_subcommand(subcommand) else { break };
        (command, matches) = (found, inner);
        path.push(subcommand);
        if let Some(Value::Table(own)) = tables.last().and_then(|table| table.get(subcommand)) {
            tables.push(own);
        }
    }
    for (depth, table) in tables.iter().enumerate() {
        for (key, value) in table.iter().filter(|(_, value)| !value.is_table()) {
            values.retain(|(known, ..)| *known != key);
            values.push((key, value, depth > 0));
        }
    }
    let mut arguments = Vec::new();
    for (key, value, for_this_command) in values {
        let Some(argument) = command.get_arguments().find(|argument| argument.get_long() == Some(key)) else {
            if for_this_command {
                bail!("the configuration file {name}: `portcullis {}` has no option `{key}`", path.join(" "));
            }
            continue;
        };
        let given = matches.value_source(argument.get_id().as_str());
        if matches!(given, Some(ValueSource::CommandLine | ValueSource::EnvVariable)) {
            continue;
        }
        let is_switch = matches!(argument.get_action(), ArgAction::SetTrue);
        add(&mut arguments, key, value, is_switch)
            .with_context(|| format!("the configuration file {name}, option `{key}`"))?;
    }
    Ok(arguments)
}

/// Refuses what no command knows: a misspelt option must not go unnoticed.
fn check_keys(file: &Path, command: &Command, table: &Table) -> Result<()> {
    let name = file.display();
    for (key, value) in table {
        let known = if value.is_table() { command.find_subcommand(key).is_some() } else { knows(command, key) };
        if !known {
            bail!("the configuration file {name}: no command has an option, and there is no command, `{key}`");
        }
    }
    Ok(())
}

fn knows(command: &Command, long: &str) -> bool {
    command.get_arguments().any(|argument| argument.get_long() == Some(long))
        || command.get_subcommands().any(|subcommand| knows(subcommand, long))
}

fn add(arguments: &mut Vec<OsString>, key: &str, value: &Value, is_switch: bool) -> Result<()> {
    match value {
        Value::Boolean(on) if is_switch => {
            if *on {
                arguments.push(format!("--{key}").into());
            }
        }
        _ if is_switch => bail!("write true or false"),
        Value::String(text) => arguments.push(format!("--{key}={text}").into()),
        Value::Integer(number) => arguments.push(format!("--{key}={number}").into()),
        Value::Array(values) => {
            for value in values {
                if value.is_array() {
                    bail!("a list of lists is not understood");
                }
                add(arguments, key, value, is_switch)?;
            }
        }
        Value::Datetime(time) => arguments.push(format!("--{key}={time}").into()),
        Value::Boolean(_) | Value::Float(_) | Value::Table(_) => bail!("write a text, a number or a list of them"),
    }
    Ok(())
}
