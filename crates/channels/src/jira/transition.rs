//! Closes and reopens tickets by the transitions of their workflows.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::client::{Answer, Call, Client};
use super::ticket::{Named, Ticket};
use crate::answer::Effect;
use crate::channel::Failure;
use crate::http::{Http, Method};

/// Resolutions that say that the work is done, the best one first.
const RESOLUTIONS: [&str; 3] = ["Done", "Fixed", "Resolved"];

/// Whether and how a ticket can take a transition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Plan {
    /// By the transition with this id.
    Ready {
        /// Its id.
        id: String,
        /// Fields that it demands.
        fields: Map<String, Value>,
    },
    /// Not, for this reason, which is a sentence with a remedy.
    Not(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Transitions {
    transitions: Vec<Transition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Transition {
    id: String,
    name: String,
    to: Option<Named>,
    fields: BTreeMap<String, Field>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Field {
    name: String,
    required: bool,
    has_default_value: bool,
    allowed_values: Vec<Named>,
}

impl<H: Http> Client<'_, H> {
    /// How the ticket can take the transition with this name, or to the status with this name, in any case.
    pub(super) async fn plan(&self, ticket: &Ticket, name: &str) -> Result<Plan, Failure> {
        let what = format!("read the transitions of `{}`", ticket.key);
        let call = Call { what: &what, permission: "Transition issues", effect: Effect::Harmless };
        let path = format!("/issue/{}/transitions?expand=transitions.fields", ticket.id);
        let known: Transitions = call.read(call.done(self.get(call, &path).await?)?)?;
        Ok(plan(&known.transitions, ticket, name))
    }

    /// Carries out a transition. `Err(reason)` if the workflow refuses it.
    pub(super) async fn go(
        &self,
        ticket: &Ticket,
        id: &str,
        mut fields: Map<String, Value>,
    ) -> Result<Result<(), String>, Failure> {
        let what = format!("change the status of `{}`", ticket.key);
        let call = Call { what: &what, permission: "Transition issues", effect: Effect::Repeated };
        let path = format!("/issue/{}/transitions", ticket.id);
        loop {
            let mut body = json!({"transition": {"id": id}});
            if let Some(body) = body.as_object_mut().filter(|_| !fields.is_empty()) {
                body.insert("fields".to_owned(), Value::Object(fields.clone()));
            }
            match self.call(call, Method::Post, &path, &body).await? {
                // A validator of the workflow may demand a resolution that the screen does not.
                Answer::Invalid(problems) if problems.errors.contains_key("resolution") && fields.is_empty() => {
                    fields.insert("resolution".to_owned(), json!({"name": "Done"}));
                }
                Answer::Invalid(problems) => return Ok(Err(problems.to_string())),
                Answer::Denied => return Ok(Err(call.denied())),
                answer => return call.done(answer).map(|_| Ok(())),
            }
        }
    }
}

fn plan(known: &[Transition], ticket: &Ticket, name: &str) -> Plan {
    let is = |text: &str| text.trim().to_lowercase() == name.trim().to_lowercase();
    let by_name = known.iter().find(|transition| is(&transition.name));
    let by_status = || known.iter().find(|transition| transition.to.as_ref().is_some_and(|to| is(&to.name)));
    let Some(transition) = by_name.or_else(by_status) else {
        let status = ticket.fields.status.as_ref().map_or("unknown", |status| status.name.as_str());
        let names: Vec<&str> = known.iter().map(|transition| transition.name.as_str()).collect();
        let remedy = match plain_text::one_line(&names.join(", "), 100) {
            names if names.is_empty() => "give the user the permission Transition issues".to_owned(),
            names => format!("name one of {names}"),
        };
        let status = plain_text::one_line(status, 40);
        return Plan::Not(format!("there is no transition `{name}` from the status `{status}`: {remedy}"));
    };
    let mut fields = Map::new();
    let mut missing = Vec::new();
    for (key, field) in transition.fields.iter().filter(|(_, field)| field.required && !field.has_default_value) {
        match (key.as_str(), resolution(field)) {
            ("resolution", Some(value)) => drop(fields.insert(key.clone(), json!({"name": value}))),
            _ => missing.push(if field.name.is_empty() { key.as_str() } else { field.name.as_str() }),
        }
    }
    if !missing.is_empty() {
        let missing = plain_text::one_line(&missing.join(", "), 100);
        return Plan::Not(format!(
            "the transition `{name}` demands {missing}: give it a default value, or name another transition"
        ));
    }
    Plan::Ready { id: transition.id.clone(), fields }
}

fn resolution(field: &Field) -> Option<&str> {
    let allowed = || field.allowed_values.iter().map(|value| value.name.as_str());
    let best = RESOLUTIONS.iter().find_map(|best| allowed().find(|name| name.eq_ignore_ascii_case(best)));
    best.or_else(|| allowed().next())
}
