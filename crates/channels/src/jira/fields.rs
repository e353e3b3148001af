//! Sends the fields of a ticket, without those that the screens of its project do not have.

use serde_json::{Map, Value, json};

use super::client::{Answer, Call, Client, Problems};
use super::users::Assignees;
use crate::channel::Failure;
use crate::http::{Http, Method};

/// Fields that a ticket can do without.
const OPTIONAL: [&str; 3] = ["priority", "assignee", "description"];

/// What became of a try.
#[derive(Debug)]
pub(super) enum Tried {
    /// An answer that no smaller try would change.
    Answered(Answer),
    /// Jira refused fields, and changed nothing. They are left out or replaced now, for these reasons.
    Less(Vec<String>),
}

impl<H: Http> Client<'_, H> {
    /// Creates or updates a ticket, and if that is refused, leaves out the fields for the next try: a ticket without its
    /// priority is better than none. A refused assignee is replaced by the next one.
    ///
    /// Each try that returns [`Tried::Less`] has fewer fields or assignees, so tries come to an end.
    pub(super) async fn try_fields(
        &self,
        call: Call<'_>,
        (method, path): (Method, &str),
        fields: &mut Map<String, Value>,
        assignees: &mut Assignees,
    ) -> Result<Tried, Failure> {
        let assigned = assignees.ids.first().cloned();
        match &assigned {
            Some(id) => fields.insert("assignee".to_owned(), self.assignee(id)),
            None => fields.remove("assignee"),
        };
        if fields.is_empty() {
            return Ok(Tried::Answered(Answer::Done(Value::Null)));
        }
        let answer = self.call(call, method, path, &json!({"fields": fields})).await?;
        let Answer::Invalid(problems) = answer else { return Ok(Tried::Answered(answer)) };
        let refused = refused(&problems, fields);
        if refused.is_empty() {
            return Ok(Tried::Answered(Answer::Invalid(problems)));
        }
        let mut notes = Vec::new();
        for (field, error) in refused {
            let is_screen = error.contains("screen");
            match assigned.as_ref().filter(|_| field == "assignee") {
                Some(user) if !is_screen => {
                    assignees.ids.remove(0);
                    notes.push(format!("Not assigned to {user}: {error}"));
                }
                Some(_) => {
                    assignees.ids.clear();
                    notes.push(format!("Without {field}: {error}"));
                }
                None => notes.push(format!("Without {field}: {error}")),
            }
            fields.remove(&field);
        }
        Ok(Tried::Less(notes))
    }
}

/// Fields that were sent, are refused and can be left out, with the reasons: none if another one is refused, too.
fn refused(problems: &Problems, fields: &Map<String, Value>) -> Vec<(String, String)> {
    let can_go = |field: &String| OPTIONAL.contains(&field.as_str()) && fields.contains_key(field);
    if !problems.errors.keys().all(can_go) {
        return Vec::new();
    }
    problems.errors.iter().map(|(field, error)| (field.clone(), plain_text::one_line(error, 200))).collect()
}
