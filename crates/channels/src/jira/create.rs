//! Makes a ticket.

use routing::Ticket as Wanted;
use serde_json::{Map, Value, json};

use super::Task;
use super::client::{Answer, Call, Problems, encoded};
use super::fields::Tried;
use super::ticket::Ticket;
use super::users::Assignees;
use crate::answer::Effect;
use crate::channel::{Delivered, Failure};
use crate::http::{Http, Method};

/// Label of all tickets of Portcullis.
const LABEL: &str = "portcullis";

impl<H: Http> Task<'_, H> {
    /// Makes a ticket, and links it to the ticket of the last episode, if there is one. The caller has searched for one.
    pub(super) async fn create(&self, previous: Option<&Ticket>) -> Result<Delivered, Failure> {
        let wanted = self.notice.delivery.ticket.clone().unwrap_or_default();
        let what = format!("create a ticket in `{}`", wanted.project.as_deref().unwrap_or_default());
        let call = Call { what: &what, permission: "Create issues", effect: Effect::Repeated };
        let Some(project) = wanted.project.as_deref().filter(|project| is_key(project)) else {
            return Err(call.repair("there is no key of a project: name one as `project` of the channel"));
        };
        self.check_permissions(project, Call { effect: Effect::Harmless, ..call }).await?;
        let assignees = self.client.assignees(&wanted).await?;
        let mut notes = assignees.notes.clone();
        notes.extend(previous.map(|ticket| format!("Earlier ticket: {}.", ticket.key)));
        let answer = self.send_new(call, &wanted, project, &assignees, notes).await?;
        let created: Ticket = serde_json::from_value(answer).unwrap_or_default();
        if created.key.is_empty() {
            // Whatever it was that answered, there may be a ticket now.
            let error = format!("it is not known whether Jira took the call to {what}");
            return Err(Failure::Unanswered { error, wait: None });
        }
        let notes = self.link_all(&created, &wanted, previous).await?;
        if !notes.is_empty() {
            // The ticket is there, and its name is worth more than this comment.
            let _ = self.say(&created, None, &notes).await;
        }
        Ok(Self::took(&created.key))
    }

    async fn send_new(
        &self,
        call: Call<'_>,
        wanted: &Wanted,
        project: &str,
        assignees: &Assignees,
        mut notes: Vec<String>,
    ) -> Result<Value, Failure> {
        let mut fields = self.new_fields(wanted, project);
        let mut assignees = Assignees { ids: assignees.ids.clone(), notes: Vec::new() };
        loop {
            // The screen may have no description.
            if let Some(description) = fields.get_mut("description") {
                *description = self.description(Some(&self.mark.of), &notes);
            }
            match self.client.try_fields(call, (Method::Post, "/issue"), &mut fields, &mut assignees).await? {
                Tried::Less(more) => notes.extend(more),
                Tried::Answered(Answer::Invalid(problems)) => return Err(refusal(call, &problems)),
                Tried::Answered(Answer::Missing) => {
                    return Err(call.repair("Jira does not know the call: check `url` and `flavour`"));
                }
                Tried::Answered(answer) => return call.done(answer),
            }
        }
    }

    fn new_fields(&self, wanted: &Wanted, project: &str) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut set = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        set("project", json!({"key": project}));
        set("issuetype", json!({"name": self.settings.issue_type}));
        set("summary", json!(self.summary()));
        set("description", Value::Null);
        set("labels", json!([LABEL, self.label]));
        wanted.priority.iter().for_each(|name| set("priority", json!({"name": name})));
        fields
    }

    /// Without the permission to browse a project, each delivery would find no ticket and make one.
    async fn check_permissions(&self, project: &str, call: Call<'_>) -> Result<(), Failure> {
        let needed = [("BROWSE_PROJECTS", "Browse projects"), ("CREATE_ISSUES", "Create issues")];
        let path = format!(
            "/mypermissions?projectKey={}&permissions={}",
            encoded(project),
            needed.map(|(key, _)| key).join(",")
        );
        let unknown = || {
            call.repair(format_args!("there is no project `{project}`, or the user may not see it: check the key, and give the user the permission Browse projects"))
        };
        let answer = match self.client.get(call, &path).await? {
            Answer::Missing | Answer::Invalid(_) => return Err(unknown()),
            answer => call.done(answer)?,
        };
        for (key, name) in needed {
            let has = answer.pointer(&format!("/permissions/{key}/havePermission")).and_then(Value::as_bool);
            if has != Some(true) {
                return Err(call.repair(format_args!("give the user the permission {name} in the project `{project}`")));
            }
        }
        Ok(())
    }

    /// Links a ticket to its parent, and to the ticket of the last episode.
    pub(super) async fn link_all(
        &self,
        ticket: &Ticket,
        wanted: &Wanted,
        previous: Option<&Ticket>,
    ) -> Result<Vec<String>, Failure> {
        let mut notes = Vec::new();
        let others = wanted.parent.as_deref().into_iter().chain(previous.map(|ticket| ticket.key.as_str()));
        for other in others {
            let linked = self.client.link(ticket, other).await;
            // The ticket is there. It is found again by its label, and the link is tried again then.
            notes.extend(linked.map_err(Failure::in_doubt)?);
        }
        Ok(notes)
    }
}

/// Letters, digits and underscores, so that a key is no part of a path or a query.
fn is_key(project: &str) -> bool {
    !project.is_empty() && project.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn refusal(call: Call<'_>, problems: &Problems) -> Failure {
    let has = |field: &str| problems.errors.contains_key(field);
    let remedy = if has("issuetype") {
        "name a type of this project as `issueType`"
    } else if has("project") {
        "check the key of the project, and the permission Create issues"
    } else if has("labels") {
        "put the field Labels on the screen that creates tickets: by its label a ticket is found again"
    } else if has("assignee") {
        "permit unassigned tickets, or set a default assignee of the project"
    } else {
        "give the fields that Jira demands a default value, or make them optional"
    };
    call.repair(format_args!("Jira refused it: {problems}: {remedy}"))
}
