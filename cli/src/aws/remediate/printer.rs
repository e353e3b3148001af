//! Prints responses of the remediation, with a minus for each revoked rule and a plus for each authorised one.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use plain_text::counted;
use remediation::{Closed, Details, Remaining, Response, Restored, RuleRecord, Status};

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

    /// Prints a response, under the title of its group.
    pub(crate) fn print(self, response: &Response, title: &str) -> anyhow::Result<()> {
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
        writeln!(out, "{}", self.styled(Style::new().bold(), title))?;
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
        writeln!(out, "  {}", outcome(response))?;
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

/// The outcome in one line, in the words of the command line. The message of the response is for the console of AWS.
fn outcome(response: &Response) -> Cow<'_, str> {
    match (&response.details, response.status) {
        (Details::Close(closed), Status::Planned) => would_close(closed).into(),
        (Details::Restore(restored), Status::Planned) => would_restore(restored).into(),
        (Details::Close(closed), Status::Exempt) if closed.held_until.is_some() => on_hold(closed).into(),
        (_, status) => {
            let id = response.security_group_id.as_str();
            // The title names the group already.
            let message = response
                .message
                .strip_prefix(id)
                .map_or(response.message.as_str(), |rest| rest.trim_start_matches(": ").trim_start());
            format!("{status}: {message}").into()
        }
    }
}

fn would_close(closed: &Closed) -> String {
    let added = match closed.authorized.len() {
        0 => String::new(),
        some => format!(" and add {some}"),
    };
    let narrowed = closed.facts.as_ref().and_then(|facts| facts.narrowed.as_deref()).unwrap_or_default();
    format!("would revoke {}{added}{narrowed} (nothing changed)", counted(closed.revoked.len(), "rule"))
}

fn would_restore(restored: &Restored) -> String {
    let other = |verb: &str, rules: &[RuleRecord]| match rules.len() {
        0 => String::new(),
        some => format!(", {verb} {some}"),
    };
    let (revoked, left) = (other("revoke", &restored.revoked), other("keep", &restored.left));
    format!("would restore {}{revoked}{left} (nothing changed)", counted(restored.authorized.len(), "rule"))
}

fn on_hold(closed: &Closed) -> String {
    let until = closed.held_until.map(|until| until.to_string()).unwrap_or_default();
    let by = match closed.facts.as_ref().and_then(|facts| facts.held_by.as_deref()) {
        // Runs of this program begin so.
        Some(run) if run.starts_with(super::account::RUN_PREFIX) => format!("restored by you ({run})"),
        Some(run) => format!("restored by {run}"),
        None => "restored".to_owned(),
    };
    format!("ON HOLD until {until}: {by}. --ignore-hold closes it now")
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
