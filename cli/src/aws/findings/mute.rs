//! `portcullis findings mute` and `unmute`.

use anyhow::{Result, bail};
use channels::words;
use exposure::Expiry;
use findings::finding::{Moment, Mute, Observation, Observed, Text};
use findings::store::{Recorded, record};
use jiff::Timestamp;
use plain_text::printable;

use super::Table;
use crate::args::FindingArgs;
use crate::exit::{Exit, Usage};

pub(super) async fn mute(args: &FindingArgs, reason: &str, until: Option<&str>) -> Result<Exit> {
    if reason.trim().is_empty() {
        bail!(Usage("--reason: write why the finding is muted".to_owned()));
    }
    let now = Timestamp::now();
    let until = until.map(|text| end(text, now)).transpose()?;
    let table = Table::open(&args.table).await?;
    let mute = Mute { reason: reason.into(), by: caller(&table), until };
    let recorded = observe(&table, args, Observed::Muted(mute)).await?;
    let until = until.map_or_else(|| "until it is unmuted".to_owned(), |until| format!("until {}", words::time(until)));
    println!("muted {until}: {}", printable(&words::title(&recorded.finding)));
    Ok(Exit::Success)
}

pub(super) async fn unmute(args: &FindingArgs) -> Result<Exit> {
    let table = Table::open(&args.table).await?;
    let ended = Mute::ended(caller(&table), Timestamp::now());
    let recorded = observe(&table, args, Observed::Muted(ended)).await?;
    let title = words::title(&recorded.finding);
    if recorded.transition.news.is_empty() {
        println!("was not muted: {}", printable(&title));
    } else {
        println!("unmuted: {}", printable(&title));
        println!("The channels are told what they have missed by the next hourly sweep, or by the next news.");
    }
    Ok(Exit::Success)
}

/// Who does it, for the record.
fn caller(table: &Table) -> Text<128> {
    table.target.caller_arn.as_ref().unwrap_or(&table.target.account).as_str().into()
}

/// Records what a person did. The finding has to exist: a typing error in its key would make another one.
async fn observe(table: &Table, args: &FindingArgs, what: Observed) -> Result<Recorded> {
    let finding = table.finding(args).await?;
    let observation = Observation { at: Moment::live(Timestamp::now()), what };
    Ok(record(&table.store, finding.key(), &observation).await?)
}

/// The end of a mute: the end of a day, or a time, in the future.
fn end(text: &str, now: Timestamp) -> Result<Timestamp> {
    let Some(expiry) = Expiry::parse(text) else {
        bail!(Usage(format!("--until: `{text}` is no date and no time: write 2027-03-31 or 2027-03-31T12:00:00Z")));
    };
    if expiry.at() <= now {
        bail!(Usage(format!("--until: {text} is over: name a later time, or leave it out")));
    }
    Ok(expiry.at())
}
