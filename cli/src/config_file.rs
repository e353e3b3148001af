//! Options from a TOML file, by their long names. The file can set every option of every command, because its keys are looked up
//! in the definition of the command line.
//!
//! Top-level keys apply to all commands that have the option; a table with the name of a command applies to that command. The
//! command line takes precedence.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::{Table, Value};

/// Options that skip a confirmation. They are not allowed in a file, where a user may not be aware of them.
const MUST_BE_TYPED: [&str; 2] = ["yes", "all"];

/// Options and commands that a build without the AWS SDK does not have. A file with them serves both builds.
const ONLY_WITH_SDK: &[&str] = &[
    "account-id",
    "all-regions",
    "assume-role-arn",
    "close",
    "concurrency",
    "dry-run",
    "exception-hours",
    "exempt",
    "exemptions-parameter",
    "expires",
    "group-id",
    "ignore-hold",
    "ignore-pace",
    "limit",
    "no-rule",
    "organization",
    "owner",
    "plan",
    "profile",
    "reason",
    "replace",
    "replacement-cidr",
    "restore",
    "rule",
    "run",
    "snapshot",
    "snapshot-bucket",
    "snapshot-dir",
    "snapshots",
    "strategy",
    "tag",
    "verbose",
    "vpc-id",
    "with-context",
];

/// Returns the arguments that `file` adds to the command line in `matches`.
pub(crate) fn arguments(file: &Path, command: &Command, matches: &ArgMatches) -> Result<Vec<OsString>> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read the configuration file {name}"))?;
    let table: Table = text
        .parse()
        .map_err(|problem| not_toml(&text, &problem))
        .with_context(|| format!("the configuration file {name} is not TOML"))?;
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
            if for_this_command && !is_left_out(key) {
                bail!("the configuration file {name}: `portcullis {}` has no option `{key}`", path.join(" "));
            }
            continue;
        };
        if MUST_BE_TYPED.contains(&key.as_str()) {
            bail!("the configuration file {name}: `{key}` is not allowed in a file: pass --{key} on the command line");
        }
        let is_given = |argument: &Arg| {
            let source = matches.value_source(argument.get_id().as_str());
            matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
        };
        // An option on the command line that conflicts takes precedence, too, whichever of the two declares the conflict.
        let is_excluded = command.get_arguments().filter(|other| is_given(other)).any(|other| {
            command.get_arg_conflicts_with(other).contains(&argument)
                || command.get_arg_conflicts_with(argument).contains(&other)
        });
        if is_given(argument) || is_excluded {
            continue;
        }
        if value.as_array().is_some_and(|values| values.len() > 1)
            && !matches!(argument.get_action(), ArgAction::Append)
        {
            bail!(
                "the configuration file {name}: `{key}` of `portcullis {}` takes one value, not a list",
                path.join(" ")
            );
        }
        let is_switch = matches!(argument.get_action(), ArgAction::SetTrue);
        add(&mut arguments, key, value, is_switch)
            .with_context(|| format!("the configuration file {name}, option `{key}`"))?;
    }
    Ok(arguments)
}

/// The error of the parser on one line, without the text of the file.
fn not_toml(text: &str, problem: &toml::de::Error) -> anyhow::Error {
    let before = problem.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    anyhow!("line {}: {}", before.matches('\n').count() + 1, problem.message().lines().collect::<Vec<_>>().join(", "))
}

/// Refuses keys that are not an option or a command, so that a misspelt option does not go unnoticed.
fn check_keys(file: &Path, command: &Command, table: &Table) -> Result<()> {
    let name = file.display();
    for (key, value) in table {
        let known = if value.is_table() { command.find_subcommand(key).is_some() } else { knows(command, key) };
        if !known && !is_left_out(key) {
            bail!("the configuration file {name}: `{key}` is neither an option nor a command");
        }
    }
    Ok(())
}

/// Whether this build has no such option or command, and the other one has.
fn is_left_out(key: &str) -> bool {
    !cfg!(feature = "aws") && ONLY_WITH_SDK.contains(&key)
}

/// Whether the command or one of its subcommands has the option.
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
        _ if is_switch => bail!("use true or false"),
        Value::String(text) => arguments.push(format!("--{key}={text}").into()),
        Value::Integer(number) => arguments.push(format!("--{key}={number}").into()),
        Value::Array(values) => {
            for value in values {
                if value.is_array() {
                    bail!("nested lists are not supported");
                }
                add(arguments, key, value, is_switch)?;
            }
        }
        Value::Datetime(time) => arguments.push(format!("--{key}={time}").into()),
        Value::Boolean(_) | Value::Float(_) | Value::Table(_) => bail!("use a string, a number or a list of them"),
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

    /// Arguments that a file adds to a command line, or the text of the error.
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
    fn options_that_conflict_with_the_command_line_are_ignored(#[case] toml: &str, #[case] line: &str) {
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
    fn a_file_serves_a_build_with_the_sdk_and_one_without() {
        let toml = "profile = 'audit'\nports = 22\n[close]\nstrategy = 'carve'\n[exempt.add]\nowner = 'network'";
        assert_eq!(added(toml, "portcullis scan --input template.yaml").unwrap(), ["--ports=22"]);
        let command = Cli::command();
        for name in ONLY_WITH_SDK {
            let is_known = knows(&command, name) || command.find_subcommand(name).is_some();
            assert_eq!(is_known, cfg!(feature = "aws"), "{name}");
        }
    }

    #[test]
    fn a_subcommand_has_its_own_table() {
        let toml = "[exempt.add]\nowner = 'network'";
        let line = "portcullis exempt add sg-0aaaaaaaaaaaaaaaa --expires 2099-01-01 --reason r";
        assert_eq!(added(toml, line).unwrap(), ["--owner=network"]);
    }

    #[rstest]
    #[case::unknown("prots = 22", "`prots` is neither an option nor a command")]
    #[case::unknown_table("[scna]\nports = 22", "`scna`")]
    #[case::not_of_this_command("[scan]\nstrategy = 'carve'", "`portcullis scan` has no option `strategy`")]
    #[case::not_a_switch("with-context = 'yes'", "use true or false")]
    #[case::not_a_value("ports = 22.5", "use a string, a number or a list of them")]
    #[case::not_toml("ports = ", "is not TOML: line 1: ")]
    #[case::list_of_one("fail-on = ['high', 'low']", "`fail-on` of `portcullis scan` takes one value, not a list")]
    fn invalid_files_are_refused(#[case] toml: &str, #[case] expected: &str) {
        let problem = added(toml, "portcullis scan").unwrap_err();
        assert!(problem.contains(expected), "{problem}");
    }
}
