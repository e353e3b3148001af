//! Who opened a rule.

use aws_events::cloudtrail::{ChangedRule, RuleChange};
use exposure::IngressRule;

/// The call since which `rule` admits what it admits now; `None` if none of the `changes` tells.
///
/// Of several calls that left the rule as it is, the first one counts: who only edits a description opened nothing. A rule
/// that was revoked and added again has another id, and who added it first did not open the group this time. So of a rule
/// whose id is not known, the newest call about such a rule tells the id.
#[must_use]
pub fn opened_by<'c>(rule: &IngressRule, changes: &'c [RuleChange]) -> Option<&'c RuleChange> {
    let mut newest_first: Vec<&RuleChange> = changes.iter().collect();
    newest_first.sort_by_key(|change| std::cmp::Reverse(change.at));
    let such = |change: &&'c RuleChange| change.rules.iter().rfind(|changed| admits_the_same(changed, rule));
    let id = match &rule.id {
        Some(id) => id,
        // EC2 refuses a second rule with the same content, so a call without ids made the rule anew.
        None => match newest_first.iter().find_map(|change| Some((*change, such(change)?)))? {
            (change, ChangedRule { id: None, .. }) => return Some(change),
            (_, ChangedRule { id: Some(id), .. }) => id,
        },
    };
    let of_rule = newest_first.into_iter().filter_map(|change| {
        let left = change.rules.iter().rfind(|changed| is_about(changed, id, rule))?;
        Some((change, admits_the_same(left, rule)))
    });
    of_rule.take_while(|(_, is_same)| *is_same).last().map(|(change, _)| change)
}

/// Ids are certain. An event without them is about the rule that it describes.
fn is_about(changed: &ChangedRule, id: &str, rule: &IngressRule) -> bool {
    changed.id.as_deref().map_or_else(|| admits_the_same(changed, rule), |changed| changed == id)
}

fn admits_the_same(changed: &ChangedRule, rule: &IngressRule) -> bool {
    IngressRule::new(changed.traffic.clone(), changed.source.clone()).admits_the_same_as(rule)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use aws_events::cloudtrail::Identity;
    use exposure::Traffic;

    use super::*;

    /// A call by `event` at this hour that left the rule `id` open to `source` on a port of TCP.
    fn change(event: &str, hour: i8, id: Option<&str>, port: i64, source: &str) -> RuleChange {
        let traffic = Traffic::parse("tcp", Some(port), Some(port));
        RuleChange {
            name: "AuthorizeSecurityGroupIngress".to_owned(),
            event_id: Some(event.to_owned()),
            at: format!("2026-11-28T{hour:02}:00:00Z").parse().unwrap(),
            by: Identity::default(),
            source_address: None,
            user_agent: None,
            rules: vec![ChangedRule { id: id.map(str::to_owned), traffic, source: source.into() }],
        }
    }

    fn opener(changes: &[RuleChange]) -> Option<String> {
        let traffic = Traffic::parse("tcp", Some(22), Some(22));
        let rule = IngressRule { id: Some("sgr-1".into()), ..IngressRule::new(traffic, "0.0.0.0/0".into()) };
        opened_by(&rule, changes)?.event_id.clone()
    }

    /// Somebody added the rule for an office, somebody else opened it, and a third one edited its description.
    #[test]
    fn the_opener_is_who_made_the_rule_what_it_is() {
        let changes = [
            change("describe", 3, Some("sgr-1"), 22, "0.0.0.0/0"),
            change("open", 2, Some("sgr-1"), 22, "0.0.0.0/0"),
            change("office", 1, Some("sgr-1"), 22, "198.51.100.0/24"),
        ];
        assert_eq!(opener(&changes).as_deref(), Some("open"));
        let [describe, open, office] = changes;
        assert_eq!(opener(&[office, describe, open]).as_deref(), Some("open"));
    }

    #[test]
    fn a_rule_of_another_id_or_content_is_another_rule() {
        assert_eq!(opener(&[change("other", 1, Some("sgr-2"), 22, "0.0.0.0/0")]), None);
        assert_eq!(opener(&[change("other", 1, None, 23, "0.0.0.0/0")]), None);
        assert_eq!(opener(&[change("before", 1, Some("sgr-1"), 22, "10.0.0.0/8")]), None);
        assert_eq!(opener(&[]), None);
    }

    /// AWS Config does not tell the ids of rules. A rule that was revoked and added again is another one.
    #[test]
    fn a_rule_without_an_id_is_the_newest_with_its_content() {
        let traffic = Traffic::parse("tcp", Some(22), Some(22));
        let rule = IngressRule::new(traffic, "0.0.0.0/0".into());
        let named = |changes: &[RuleChange]| opened_by(&rule, changes)?.event_id.clone();
        let changes = [
            change("first", 1, Some("sgr-1"), 22, "0.0.0.0/0"),
            change("again", 2, Some("sgr-2"), 22, "0.0.0.0/0"),
            change("describe", 3, Some("sgr-2"), 22, "0.0.0.0/0"),
        ];
        assert_eq!(named(&changes).as_deref(), Some("again"));
        let modified =
            [change("open", 2, Some("sgr-1"), 22, "0.0.0.0/0"), change("office", 1, Some("sgr-1"), 22, "10.0.0.0/8")];
        assert_eq!(named(&modified).as_deref(), Some("open"));
        let cut = [change("first", 1, Some("sgr-1"), 22, "0.0.0.0/0"), change("cut", 2, None, 22, "0.0.0.0/0")];
        assert_eq!(named(&cut).as_deref(), Some("cut"));
    }

    #[test]
    fn an_event_without_ids_is_about_the_rule_that_it_describes() {
        assert_eq!(opener(&[change("request", 1, None, 22, "0.0.0.0/0")]).as_deref(), Some("request"));
    }
}
