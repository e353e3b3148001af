//! Questions to the user.

use std::io::{self, Write};

use anyhow::{Context, Result, bail};

use crate::exit::Usage;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    All,
    Quit,
}

/// Asks on standard error, so that standard output can be redirected to a file.
pub(crate) fn ask(text: &str) -> Result<Answer> {
    loop {
        eprint!("{text}");
        io::stderr().flush()?;
        let mut line = String::new();
        if io::stdin().read_line(&mut line).context("cannot read the answer")? == 0 {
            eprintln!();
            bail!(Usage(
                "standard input has no answer: nothing was changed; pass --yes to skip the question".to_owned()
            ));
        }
        match line.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => return Ok(Answer::Yes),
            "n" | "no" => return Ok(Answer::No),
            "a" | "all" => return Ok(Answer::All),
            "q" | "quit" => return Ok(Answer::Quit),
            _ => {}
        }
    }
}
