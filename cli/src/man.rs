//! `portcullis man`.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use clap::CommandFactory;

use crate::args::Cli;
use crate::exit::Exit;

pub(crate) fn run(directory: Option<&Path>) -> Result<Exit> {
    let command = Cli::command();
    if let Some(directory) = directory {
        fs::create_dir_all(directory)
            .and_then(|()| clap_mangen::generate_to(command, directory))
            .with_context(|| format!("cannot write the manual pages into {}", directory.display()))?;
    } else {
        let mut page = Vec::new();
        // There is no page for `help`, as in `generate_to`.
        clap_mangen::Man::new(command.disable_help_subcommand(true)).render(&mut page)?;
        io::stdout().write_all(&page)?;
    }
    Ok(Exit::Success)
}
