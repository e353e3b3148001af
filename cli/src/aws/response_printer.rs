//! Prints responses of the remediation, with a minus for each revoked rule and a plus for each authorised one.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use remediation::{Details, Remaining, Response, RuleRecord};

use crate::terminal;

/// Format and stream for responses.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Printer {
    /// JSON on standard output, one line per response.
    Json,
    /// Text on standard output.
    Text,
    /// Text on standard error, before a question: standard output may be redirected to a file.
    Aside,
}

impl Printer {
    pub(crate) fn new(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }

    /// Prints a response.
    pub(crate) fn print(self, response: &Response) -> anyhow::Result<()> {
        let mut out: Box<dyn Write> = match self {
            Self::Json | Self::Text => Box::new(io::stdout().lock()),
            Self::Aside => Box::new(io::stderr().lock()),
        };
        if let Self::Json = self {
            writeln!(out, "{}", serde_json::to_string(response)?)?;
            return Ok(());
        }
        let (removed, added, problems) = match &response.details {
            Details::Close(closed) => {
                (&closed.revoked, &closed.authorized, [&closed.not_authorized, &closed.remaining])
            }
            Details::Restore(restored) => {
                const NONE: &Vec<Remaining> = &Vec::new();
                (&restored.revoked, &restored.authorized, [&restored.remaining, NONE])
            }
            Details::Quarantine(_) => return Ok(()),
        };
        writeln!(out, "{}", self.styled(Style::new().bold(), &response.security_group_id))?;
        for rule in removed {
            writeln!(out, "{}", self.styled(AnsiColor::Red.on_default(), &line('-', rule)))?;
        }
        for rule in added {
            writeln!(out, "{}", self.styled(AnsiColor::Green.on_default(), &line('+', rule)))?;
        }
        for problem in problems.into_iter().flatten() {
            let text = format!("{}  {}", line('!', &problem.rule), problem.reason);
            writeln!(out, "{}", self.styled(AnsiColor::Yellow.on_default(), &text))?;
        }
        // Before a question, the response is only a plan: it has no status to show.
        if !matches!(self, Self::Aside) {
            writeln!(out, "  {}: {}", response.status, response.message)?;
        }
        if let Some(snapshot) = &response.snapshot {
            writeln!(out, "  snapshot: {snapshot}")?;
        }
        Ok(())
    }

    fn styled(self, style: Style, text: &str) -> String {
        let is_terminal = match self {
            Self::Json | Self::Text => io::stdout().is_terminal(),
            Self::Aside => io::stderr().is_terminal(),
        };
        if is_terminal && terminal::allows_color() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

fn line(sign: char, rule: &RuleRecord) -> String {
    let RuleRecord { security_group_rule_id, protocol, from_port, to_port, source } = rule;
    let ports = match (from_port, to_port) {
        (Some(from), Some(to)) if from == to => format!("{protocol}/{from}"),
        (Some(from), Some(to)) => format!("{protocol}/{from}-{to}"),
        _ if protocol == "-1" => "all traffic".to_owned(),
        _ => protocol.clone(),
    };
    let id = security_group_rule_id.as_deref().unwrap_or_default();
    format!("  {sign} {ports:<16} {source:<24} {id}").trim_end().to_owned()
}
