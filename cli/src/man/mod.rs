//! `portcullis man`.

mod pages;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_mangen::Man;
use roff::{Roff, bold, roman};

use self::pages::{ENVIRONMENT, EXIT_STATUS, FILES, examples};
use crate::args::Cli;
use crate::exit::Exit;

pub(crate) fn run(directory: Option<&Path>) -> Result<Exit> {
    // There is no page for `help`.
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    if let Some(directory) = directory {
        fs::create_dir_all(directory)
            .and_then(|()| write_all(&command, directory))
            .with_context(|| format!("cannot write the manual pages into {}", directory.display()))?;
    } else {
        let mut text = Vec::new();
        page(&command, &mut text)?;
        io::stdout().write_all(&text)?;
    }
    Ok(Exit::Success)
}

/// Writes the page of a command, and those of its subcommands.
fn write_all(command: &clap::Command, directory: &Path) -> io::Result<()> {
    for subcommand in command.get_subcommands() {
        write_all(subcommand, directory)?;
    }
    let mut text = Vec::new();
    page(command, &mut text)?;
    File::create(directory.join(Man::new(command.clone()).get_filename()))?.write_all(&text)
}

/// The page of a command. The generator knows names, synopsis and options; the other sections are ours.
fn page(command: &clap::Command, out: &mut dyn Write) -> io::Result<()> {
    let man = Man::new(command.clone()).manual("Portcullis");
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if command.get_subcommands().next().is_some() {
        man.render_subcommands_section(out)?;
    }
    let mut roff = Roff::new();
    terms(&mut roff, "EXIT STATUS", EXIT_STATUS);
    terms(&mut roff, "ENVIRONMENT", ENVIRONMENT);
    terms(&mut roff, "FILES", FILES);
    roff.control("SH", ["EXAMPLES"]);
    for (purpose, line) in examples(command.get_display_name().unwrap_or_else(|| command.get_name())) {
        roff.control("TP", []).text([roman(*purpose)]).text([bold(*line)]);
    }
    roff.to_writer(out)?;
    man.render_version_section(out)
}

/// A section of terms, each with its meaning.
fn terms(roff: &mut Roff, title: &str, terms: &[(&str, &str)]) {
    roff.control("SH", [title]);
    for (term, meaning) in terms {
        roff.control("TP", []).text([bold(*term)]).text([roman(*meaning)]);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn names(command: &clap::Command) -> Vec<String> {
        let own = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        command.get_subcommands().flat_map(names).chain([own]).collect()
    }

    #[test]
    fn every_command_has_examples_that_it_accepts() {
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        for name in names(&command) {
            let examples = examples(&name);
            assert!(!examples.is_empty(), "{name}");
            for (_, line) in examples {
                // Without redirections, which are the shell's.
                let words = line.split(" >").next().unwrap().split(' ').map(|word| word.trim_matches('\''));
                assert!(Cli::try_parse_from(words).is_ok(), "{line}");
            }
        }
    }
}
