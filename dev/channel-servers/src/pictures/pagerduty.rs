//! An incident of `PagerDuty`, from its beginning to its end.

use channels::fakes::pagerduty::{Incident, IncidentEvent};
use serde_json::{Map, Value};

use super::paper::Paper;
use super::style::{BOLD, CODE, GREEN, LABEL, NOTE, ORANGE, RED, TEXT, TITLE, severity_colour};
use super::text::{Run, run};
use super::{list, text, time};

/// An incident with the details of its first event, and all its events.
#[must_use]
pub fn pagerduty(incident: &Incident) -> String {
    let mut paper = Paper::new("An incident in PagerDuty");
    let column = Paper::column().right_of(16);
    let mark = paper.mark();
    paper.plain(column, &incident.summary, TITLE);
    paper.space(6);
    let colour = match incident.status {
        "resolved" => GREEN,
        "acknowledged" => ORANGE,
        _ => RED,
    };
    let x = paper.pill(column.x, paper.y, &incident.status.to_uppercase(), colour);
    let severity = format!("Severity: {}", incident.severity);
    paper.pill(x, paper.y, &severity, severity_colour(&incident.severity));
    paper.space(32);
    let none = Value::Null;
    let first = incident.events.first().map_or(&none, |event| &event.event);
    paper.buttons(column, list(first, "/links").iter().map(|link| text(link, "/text")));
    paper.space(14);
    paper.plain(column, "Details", BOLD);
    paper.space(4);
    let field = |name: &str, path: &str| (name.to_owned(), vec![run(text(first, path), TEXT)]);
    let mut fields = vec![field("Source", "/payload/source"), field("Dedup key", "/dedup_key")];
    fields.extend(first.pointer("/payload/custom_details").and_then(Value::as_object).into_iter().flat_map(details));
    paper.fields(column, 130, &fields, LABEL);
    paper.bar(Paper::column().x, mark, severity_colour(&incident.severity));
    paper.space(10);
    paper.plain(column, "Timeline", BOLD);
    paper.space(4);
    let entries: Vec<(String, Vec<Run>)> = incident.events.iter().map(entry).collect();
    paper.fields(column, 150, &entries, NOTE);
    paper.into_svg()
}

fn details(details: &Map<String, Value>) -> Vec<(String, Vec<Run>)> {
    let value = |label: &str, value: &Value| match value {
        Value::Array(lines) => {
            let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
            run(lines.join("\n"), if label == "Commands" { CODE } else { TEXT })
        }
        value => run(text(value, ""), TEXT),
    };
    details.iter().map(|(label, detail)| (label.clone(), vec![value(label, detail)])).collect()
}

fn entry(IncidentEvent { at, event }: &IncidentEvent) -> (String, Vec<Run>) {
    let (what, colour) = match text(event, "/event_action") {
        "trigger" => ("Triggered", RED),
        "acknowledge" => ("Acknowledged", ORANGE),
        _ => ("Resolved", GREEN),
    };
    (time(*at), vec![run(what, BOLD.coloured(colour)), run(" through the Events API", TEXT)])
}
