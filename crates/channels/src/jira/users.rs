//! The user to whom a ticket is assigned.

use routing::{Address, OwnerKind, Ticket as Wanted};
use serde_json::{Value, json};

use super::client::{Answer, Call, Client, encoded};
use super::dialect::Dialect;
use crate::answer::Effect;
use crate::channel::Failure;
use crate::http::Http;

/// Users that may be assigned, the best one first, and what there is to say of the others.
#[derive(Debug, Default)]
pub(super) struct Assignees {
    pub(super) ids: Vec<String>,
    pub(super) notes: Vec<String>,
}

impl<H: Http> Client<'_, H> {
    /// The assignee, and the default one for the case that Jira does not know or take the first.
    pub(super) async fn assignees(&self, wanted: &Wanted) -> Result<Assignees, Failure> {
        let mut found = Assignees::default();
        let mut seen: Vec<&Address> = Vec::new();
        for address in [&wanted.assignee, &wanted.default_assignee].into_iter().flatten() {
            if seen.contains(&address) {
                continue;
            }
            seen.push(address);
            match self.user(address).await? {
                Ok(id) if found.ids.contains(&id) => {}
                Ok(id) => found.ids.push(id),
                Err(why) => {
                    found.notes.push(format!("Not assigned to {}: {why}.", plain_text::one_line(&address.value, 100)));
                }
            }
        }
        Ok(found)
    }

    /// Value of the field `assignee`.
    pub(super) fn assignee(&self, id: &str) -> Value {
        json!({ self.dialect.user_id(): id })
    }

    /// The id of a user; `Err` says why there is none.
    async fn user(&self, address: &Address) -> Result<Result<String, String>, Failure> {
        let parameter = match (self.dialect, address.kind) {
            (Dialect::Cloud, OwnerKind::JiraUser) => return Ok(Ok(address.value.clone())),
            (Dialect::DataCenter, OwnerKind::JiraUser) => {
                return Ok(Err("Jira Data Center has no account ids".to_owned()));
            }
            (Dialect::Cloud, _) => "query",
            (Dialect::DataCenter, _) => "username",
        };
        let call =
            Call { what: "look up the assignee", permission: "Browse users and groups", effect: Effect::Harmless };
        let path = format!("/user/search?{parameter}={}&maxResults=50", encoded(&address.value));
        // Without the permission to look users up, tickets can be made all the same.
        let users = match self.get(call, &path).await? {
            Answer::Done(users) => users,
            Answer::Missing => Value::Null,
            Answer::Denied => return Ok(Err(call.denied())),
            Answer::Invalid(problems) => return Ok(Err(format!("Jira refused to look it up: {problems}"))),
        };
        let users = users.as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(self.choose(users, address))
    }

    /// The one user who is meant. Jira finds users by the beginnings of names and addresses, which may be other people's.
    fn choose(&self, users: &[Value], address: &Address) -> Result<String, String> {
        let people: Vec<&Value> = users.iter().filter(|user| is_person(user)).collect();
        let matching: Vec<&&Value> = people.iter().filter(|user| is_meant(user, address)).collect();
        let hidden = |user: &&&Value| text(user, "emailAddress").is_empty();
        let chosen = match (matching.as_slice(), people.as_slice()) {
            ([user], _) => **user,
            // Cloud may hide the address by which it found a user.
            ([], [user]) if address.kind == OwnerKind::Email && hidden(&user) => user,
            ([], _) => return Err("Jira does not know this user".to_owned()),
            _ => return Err("Jira knows several users by this name".to_owned()),
        };
        let id = text(chosen, self.dialect.user_id());
        if id.is_empty() { Err("Jira does not know this user".to_owned()) } else { Ok(id.to_owned()) }
    }
}

fn text<'v>(user: &'v Value, name: &str) -> &'v str {
    user.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Not an app, not a customer of a service desk, not a user who has left.
fn is_person(user: &Value) -> bool {
    let kind = text(user, "accountType");
    let is_active = user.get("active").and_then(Value::as_bool).unwrap_or(true);
    is_active && (kind.is_empty() || kind == "atlassian")
}

fn is_meant(user: &Value, address: &Address) -> bool {
    let is = |text: &str| text.eq_ignore_ascii_case(&address.value);
    let email = text(user, "emailAddress");
    if address.kind == OwnerKind::Email {
        return is(email) || is(text(user, "name"));
    }
    let local = email.split_once('@').map_or("", |(local, _)| local);
    is(text(user, "name")) || is(text(user, "displayName")) || is(local)
}
