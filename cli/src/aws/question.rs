//! Questions to the user.

use std::io::{self, Write};

use anyhow::{Context, Result};

use super::stop::{self, Line};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    All,
    Quit,
    /// Standard input has ended.
    None,
    /// A signal asked to stop.
    Interrupted,
}

/// Asks on standard error, so that standard output can be redirected to a file.
pub(crate) fn ask(text: &str) -> Result<Answer> {
    loop {
        eprint!("{text}");
        io::stderr().flush()?;
        let line = match stop::read_line().context("cannot read the answer")? {
            Line::Text(line) => line,
            ended @ (Line::End | Line::Interrupted) => {
                eprintln!();
                return Ok(if ended == Line::End { Answer::None } else { Answer::Interrupted });
            }
        };
        match line.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => return Ok(Answer::Yes),
            "n" | "no" => return Ok(Answer::No),
            "a" | "all" => return Ok(Answer::All),
            "q" | "quit" => return Ok(Answer::Quit),
            _ => {}
        }
    }
}
