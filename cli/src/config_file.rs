//! Options from a TOML file: every option of every command, by its long name, so that there is nothing to keep in step.
//!
//! Top-level keys are for all commands that know them; a table with the name of a command is for that command. What stands
//! on the command line wins.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::{Table, Value};

/// What lets firewalls be changed without a question: nobody should find out afterwards that a file has said so.
const MUST_BE_TYPED: [&str; 2] = ["yes", "all"];

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
        if MUST_BE_TYPED.contains(&key.as_str()) {
            bail!("the configuration file {name}: `{key}` is not taken from a file: give --{key} on the command line");
        }
        let is_given = |argument: &Arg| {
            let source = matches.value_source(argument.get_id().as_str());
            matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
        };
        // What excludes it wins as well, whichever of the two says so.
        let is_excluded = command.get_arguments().filter(|other| is_given(other)).any(|other| {
            command.get_arg_conflicts_with(other).contains(&argument)
                || command.get_arg_conflicts_with(argument).contains(&other)
        });
        if is_given(argument) || is_excluded {
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use clap::CommandFactory;
    use rstest::rstest;

    use super::*;
    use crate::args::Cli;

    /// What a file adds to a command line; the error, if there is one.
    fn added(toml: &str, line: &str) -> Result<Vec<String>, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(toml.as_bytes()).unwrap();
        let mut command = Cli::command();
        let matches = command.try_get_matches_from_mut(line.split(' ')).unwrap();
        arguments(file.path(), &command, &matches)
            .map(|arguments| arguments.into_iter().map(|argument| argument.into_string().unwrap()).collect())
            .map_err(|problem| format!("{problem:#}"))
    }

    #[rstest]
    #[case::text("scope = 'public'", &["--scope=public"])]
    #[case::number("concurrency = 4", &["--concurrency=4"])]
    #[case::list("ports = [22, 'tcp/3389']", &["--ports=22", "--ports=tcp/3389"])]
    #[case::switch("with-context = true\nno-fail = false", &["--with-context"])]
    #[case::of_this_command("scope = 'world'\n[scan]\nscope = 'public'", &["--scope=public"])]
    #[case::of_another_command("strategy = 'carve'\n[close]\nyes = true", &[])]
    #[case::nothing("", &[])]
    fn options_become_arguments(#[case] toml: &str, #[case] expected: &[&str]) {
        assert_eq!(added(toml, "portcullis scan").unwrap(), expected);
    }

    #[test]
    fn the_command_line_wins() {
        assert_eq!(added("scope = 'public'\nports = 22", "portcullis scan --scope world").unwrap(), ["--ports=22"]);
    }

    #[rstest]
    #[case("region = 'eu-central-1'", "portcullis scan --all-regions")]
    #[case("all-regions = true", "portcullis scan --region eu-central-1")]
    #[case("rule = 'portcullis'", "portcullis scan --ports 22")]
    #[case("profile = 'audit'", "portcullis scan --input template.yaml")]
    fn what_the_command_line_excludes_is_left_out(#[case] toml: &str, #[case] line: &str) {
        assert!(added(toml, line).unwrap().is_empty());
    }

    #[rstest]
    #[case("yes = true")]
    #[case("[close]\nall = true")]
    fn a_file_does_not_answer_questions(#[case] toml: &str) {
        let problem = added(toml, "portcullis close sg-0aaaaaaaaaaaaaaaa").unwrap_err();
        assert!(problem.contains("on the command line"), "{problem}");
    }

    #[test]
    fn a_command_of_a_command_has_a_table_of_its_own() {
        let toml = "[exempt.add]\nowner = 'network'";
        let line = "portcullis exempt add sg-0aaaaaaaaaaaaaaaa --expires 2099-01-01 --reason r";
        assert_eq!(added(toml, line).unwrap(), ["--owner=network"]);
    }

    #[rstest]
    #[case::unknown("prots = 22", "no command has an option, and there is no command, `prots`")]
    #[case::unknown_table("[scna]\nports = 22", "`scna`")]
    #[case::not_of_this_command("[scan]\nstrategy = 'carve'", "`portcullis scan` has no option `strategy`")]
    #[case::not_a_switch("with-context = 'yes'", "write true or false")]
    #[case::not_a_value("ports = 22.5", "write a text, a number or a list of them")]
    #[case::not_toml("ports = ", "is not TOML")]
    fn what_is_not_understood_is_refused(#[case] toml: &str, #[case] expected: &str) {
        let problem = added(toml, "portcullis scan").unwrap_err();
        assert!(problem.contains(expected), "{problem}");
    }
}
