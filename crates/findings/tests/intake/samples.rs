//! What the samples say.

use findings::finding::{
    AssessedVerdict, ConfigVerdict, Deferred, Finding, Gone, GroupFacts, News, Observed, Outcome, OwnerSource,
    Remediated, Revoked, RuleContent, Source, State, Swept,
};
use findings::intake::read;
use findings::{Openness, Severity};
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{changed, key, moment, observed, sample, statement};

/// The verdict of an assessment, after a look at the rest of it.
fn verdict(event: Value, source: Source) -> AssessedVerdict {
    let Observed::Assessed(assessed) = observed(event) else { panic!("not an assessment") };
    assert_eq!(assessed.source, source);
    let group = GroupFacts {
        name: Some("web".into()),
        vpc_id: Some("vpc-0a1b2c3d".into()),
        owner_account: Some("111122223333".into()),
        ..GroupFacts::default()
    };
    assert_eq!(assessed.group, group.with_tags([("Name", "web"), ("owner", "shop@example.com")]));
    assessed.verdict
}

#[rstest]
#[case::open("open")]
#[case::exempt("exempt")]
#[case::unknown("unknown")]
fn an_assessment_is_dated_by_its_state_and_its_event(#[case] name: &str) {
    let said = statement(sample(name));
    assert_eq!((said.key, said.observation.at), (key(), moment("10:15:30.123", "10:15:42")));
}

#[test]
fn an_open_group_has_its_exposures() {
    let AssessedVerdict::Open { exposures, exempted } = verdict(sample("open"), Source::Change) else { panic!() };
    assert_eq!((exposures.total, exposures.openness, exempted), (2, Some(Openness::World), 0));
    let sources: Vec<&str> = exposures.listed.iter().map(|exposure| exposure.rule.source.as_str()).collect();
    assert_eq!(sources, ["0.0.0.0/0", "::/0"]);
    assert_eq!(exposures.listed[0].description.as_ref().unwrap().as_str(), "temporary");
}

/// An event has no room for all exposures of a large group, or for any, and still says how many there are.
#[rstest]
#[case::some(json!(1_000), None, 1_000)]
#[case::none(json!(3), Some(json!([])), 3)]
fn exposures_without_room_are_counted(#[case] count: Value, #[case] listed: Option<Value>, #[case] total: usize) {
    let mut changes = vec![("/detail/exposureCount", count)];
    changes.extend(listed.map(|listed| ("/detail/exposures", listed)));
    let event = changed("open", &changes);
    let AssessedVerdict::Open { exposures, .. } = verdict(event.clone(), Source::Change) else { panic!() };
    assert_eq!((exposures.total, exposures.openness), (total, Some(Openness::World)));
    let mut finding = Finding::new(key());
    finding.apply(&statement(event.clone()).observation);
    assert_eq!((finding.openness(), finding.severity()), (Openness::World, Some(Severity::High)));
    let one_more = json!(event["detail"]["exposureCount"].as_u64().unwrap() + 1);
    let mut grown = event;
    grown["detail"]["exposureCount"] = one_more;
    assert!(finding.apply(&statement(grown).observation).is_news());
}

#[test]
fn an_exempt_group_has_the_exemption_that_ends_first() {
    let later = json!({"reason": "until it moved", "expires": "2027-01-01T12:00:00+01:00", "owner": null});
    let never = json!({"reason": "for ever", "expires": null, "owner": null});
    let mut event = changed("exempt", &[("/detail/exemption", later), ("/detail/trigger", json!("scheduled"))]);
    let mut second = event["detail"]["exempted"][0].clone();
    second["exemption"] = never;
    second["source"] = json!("::/0");
    event["detail"]["exempted"].as_array_mut().unwrap().insert(0, second);
    event["detail"]["exemptedCount"] = json!(2);
    let AssessedVerdict::Exempt { exempted, exemption } = verdict(event, Source::Periodic) else { panic!() };
    assert_eq!((exempted.total, exemption.reason.as_str()), (2, "bastion of the platform team"));
    assert_eq!(exemption.expires.unwrap().as_str(), "2026-12-31");
    assert_eq!(exemption.owner.unwrap().as_str(), "platform");
}

#[test]
fn a_group_that_could_not_be_judged_has_the_reason() {
    let event = changed("unknown", &[("/detail/unjudgedCount", json!(3)), ("/detail/trigger", json!("oversized"))]);
    let AssessedVerdict::Unjudged { reason } = verdict(event, Source::Change) else { panic!() };
    assert!(reason.as_str().starts_with("prefix list pl-0f00ba4 could not be read: "), "{reason}");
    assert!(reason.as_str().ends_with(" (and 2 more)"), "{reason}");
}

#[test]
fn a_compliant_group_without_exemption_is_compliant() {
    let event = changed(
        "exempt",
        &[("/detail/exemption", Value::Null), ("/detail/exempted", json!([])), ("/detail/exemptedCount", json!(0))],
    );
    assert_eq!(verdict(event, Source::Change), AssessedVerdict::Compliant);
}

/// A group of a shared VPC belongs to another account than the rule. The key has the account of the rule.
#[test]
fn the_account_of_the_rule_is_that_of_the_key() {
    let event = changed("open", &[("/detail/securityGroup/ownerId", json!("444455556666"))]);
    assert_eq!(statement(event).key, key());
    let event = changed("open", &[("/detail/account", Value::Null)]);
    assert_eq!(statement(event).key, key());
    let event = changed("open", &[("/detail/account", Value::Null), ("/detail/securityGroup/ownerId", Value::Null)]);
    assert_eq!(statement(event).key, key());
}

/// EventBridge keeps account and region of the sender when it forwards an event to another region.
#[test]
fn the_region_is_that_of_the_group() {
    assert_eq!(statement(changed("open", &[("/region", json!("us-east-1"))])).key, key());
}

fn remediated(event: Value) -> Remediated {
    let said = statement(event);
    assert_eq!(said.key, key());
    match said.observation.what {
        Observed::Remediated(remediated) => remediated,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_closing_has_its_rules() {
    let said = statement(sample("closed"));
    assert_eq!(said.observation.at, moment("10:16:02.481", "10:16:02.481"));
    let remediated = remediated(sample("closed"));
    let rule = |source| RuleContent::new("tcp", Some(22), Some(22), source);
    assert_eq!(remediated.outcome, Outcome::Closed(vec![rule("0.0.0.0/0"), rule("::/0")].into()));
    assert_eq!(remediated.execution_id.as_str(), "6f1d2c3b-1111-4222-8333-444455556666");
    assert_eq!((remediated.message.as_str(), remediated.dry_run), ("revoked 2 rules", false));
}

/// Rules that remain come first in the event, and may leave no room for those that were revoked.
#[test]
fn a_closing_whose_rules_have_no_room_still_is_one() {
    let event = changed("closed", &[("/detail/response/revoked", json!([]))]);
    assert_eq!(remediated(event).outcome, Outcome::Closed(Revoked { listed: vec![], total: 2 }));
    let event = changed("closed", &[("/detail/response/revoked", json!([])), ("/detail/counts/revoked", json!(0))]);
    assert_eq!(remediated(event).outcome, Outcome::Closed(Revoked::default()));
}

#[rstest]
#[case("close", "NOTHING_TO_DO", Outcome::NothingToClose)]
#[case("close", "EXEMPT", Outcome::LeftOpen)]
#[case("close", "PARTIAL", Outcome::PartlyClosed)]
#[case("close", "FAILED", Outcome::CloseFailed)]
#[case("restore", "RESTORED", Outcome::Restored)]
#[case("quarantine", "QUARANTINED", Outcome::Quarantined)]
#[case("release", "RELEASED", Outcome::Released)]
fn an_outcome_belongs_to_its_action(#[case] action: &str, #[case] status: &str, #[case] outcome: Outcome) {
    let event = changed("closed", &[("/detail/action", json!(action)), ("/detail/status", json!(status))]);
    assert_eq!(remediated(event).outcome, outcome);
}

#[rstest]
#[case::whole(
    json!("2026-03-01T11:00:00Z"), json!(100),
    Deferred { until: Some("2026-03-01T11:00:00Z".parse().unwrap()), closings: Some(100) }
)]
#[case::cut(Value::Null, Value::Null, Deferred { until: None, closings: None })]
fn a_deferred_closing_says_until_when(#[case] until: Value, #[case] closings: Value, #[case] deferred: Deferred) {
    let response = json!({"status": "DEFERRED", "deferredUntil": until, "closingsPerHour": closings});
    let event = changed("closed", &[("/detail/status", json!("DEFERRED")), ("/detail/response", response)]);
    assert_eq!(remediated(event).outcome, Outcome::Deferred(deferred));
}

#[test]
fn a_deferred_closing_with_a_malformed_end_names_the_field() {
    let response = json!({"status": "DEFERRED", "deferredUntil": "noon"});
    let event = changed("closed", &[("/detail/status", json!("DEFERRED")), ("/detail/response", response)]);
    let error = read(event.to_string().as_bytes()).unwrap_err().to_string();
    assert!(error.contains("field `detail.response.deferredUntil`") && !error.contains("noon"), "{error}");
}

#[test]
fn a_failure_without_response_has_the_message_of_the_error() {
    let message = sample("failed")["detail"]["error"]["message"].as_str().unwrap().to_owned();
    let remediated = remediated(sample("failed"));
    assert_eq!((remediated.outcome, remediated.message), (Outcome::CloseFailed, message.into()));
}

/// Two copies of the event of a request by hand are one closing.
#[test]
fn a_request_without_execution_is_named_by_its_time() {
    let event = changed("closed", &[("/detail/executionId", Value::Null)]);
    let copy = changed("closed", &[("/detail/executionId", Value::Null), ("/id", json!("another"))]);
    assert_eq!(remediated(event.clone()), remediated(copy));
    assert_eq!(remediated(event).execution_id.as_str(), "invocation 2026-03-01T10:16:02.481Z");
}

#[rstest]
#[case("COMPLIANT", None, ConfigVerdict::Compliant)]
#[case("COMPLIANT", Some("no blocked port is open to the world"), ConfigVerdict::Compliant)]
#[case("COMPLIANT", Some("exempt until 2026-12-31: bastion (tcp/22 open to 0.0.0.0/0)"), ConfigVerdict::Exempt)]
#[case("COMPLIANT", Some("exempt: bastion"), ConfigVerdict::Exempt)]
#[case("NON_COMPLIANT", Some("exempt until"), ConfigVerdict::NonCompliant)]
#[case("NOT_APPLICABLE", None, ConfigVerdict::Gone(Gone::NotApplicable))]
#[case("NOT_APPLICABLE", Some("the security group no longer exists"), ConfigVerdict::Gone(Gone::Deleted))]
#[case(
    "NOT_APPLICABLE",
    Some("the security group has left the scope of the rule"),
    ConfigVerdict::Gone(Gone::LeftScope)
)]
#[case("INSUFFICIENT_DATA", None, ConfigVerdict::InsufficientData)]
fn a_compliance_change_is_the_word_of_aws_config(
    #[case] compliance: &str,
    #[case] annotation: Option<&str>,
    #[case] verdict: ConfigVerdict,
) {
    let result = |member: &str| format!("/detail/newEvaluationResult/{member}");
    let (kind, why) = (result("complianceType"), result("annotation"));
    let said = statement(changed("compliance", &[(&kind, json!(compliance)), (&why, json!(annotation))]));
    assert_eq!((said.key, said.observation.at), (key(), moment("10:15:30.123", "10:16:04.900")));
    assert_eq!(said.observation.what, Observed::Compliance(verdict, Source::Change));
}

fn swept(event: Value) -> Swept {
    match observed(event) {
        Observed::Swept(swept) => *swept,
        other => panic!("{other:?}"),
    }
}

/// The same result as in the event of AWS Config: what heals a lost event is no other statement.
#[test]
fn a_sweep_repeats_the_word_of_aws_config_with_its_times() {
    let said = statement(sample("swept-open"));
    assert_eq!((said.key, said.observation.at), (key(), statement(sample("compliance")).observation.at));
    let expected = Swept {
        verdict: ConfigVerdict::NonCompliant,
        first_open: moment("10:15:30.123", "10:16:04.900"),
        looked: moment("11:00:07.250", "11:00:07.250").ordering,
        parked: Some(None),
        closes: None,
        reminder_days: None,
    };
    assert_eq!(swept(sample("swept-open")), expected);
    let parked = Some(Some("Automatic remediation attempts exceeded the maximum.".into()));
    assert_eq!(swept(sample("swept-parked")), Swept { parked, ..expected });
    assert_eq!(swept(sample("swept-closed")).verdict, ConfigVerdict::Compliant);
}

#[test]
fn a_sweep_says_when_a_group_is_closed() {
    let day = "2026-12-01T10:15:00Z";
    let mut event = sample("swept-open");
    (event["detail"]["closes"], event["detail"]["reminderDays"]) = (json!(day), json!(7));
    let said = swept(event);
    assert_eq!((said.closes, said.reminder_days), (Some(day.parse().unwrap()), Some(7)));
}

/// What could not be read is not known, and neither parks a finding nor ends that.
#[test]
fn exceptions_that_were_not_read_are_no_statement() {
    let event = changed("swept-open", &[("/detail/exceptionsRead", json!(false))]);
    assert_eq!(swept(event.clone()).parked, None);
    let mut finding = Finding::new(key());
    finding.apply(&statement(sample("swept-parked")).observation);
    assert!(!finding.apply(&statement(event).observation).is_news());
    assert!(finding.parked().is_some());
}

#[test]
fn a_group_that_is_gone_is_no_longer_judged() {
    let event = changed("swept-open", &[("/detail/compliance", json!("NOT_APPLICABLE"))]);
    assert_eq!(swept(event).verdict, ConfigVerdict::Gone(Gone::NotApplicable));
}

/// The events of one group, in any order, each one twice, end in the same finding.
#[test]
fn the_events_of_a_closing_tell_one_story_in_any_order() {
    let quiet = changed(
        "compliance",
        &[
            ("/detail/newEvaluationResult/complianceType", json!("COMPLIANT")),
            ("/detail/newEvaluationResult/evaluationResultIdentifier/orderingTimestamp", json!("2026-03-01T10:16:01Z")),
            ("/detail/newEvaluationResult/resultRecordedTime", json!("2026-03-01T10:17:00Z")),
        ],
    );
    let events = [sample("compliance"), sample("open"), sample("closed"), quiet];
    let mut seen = Vec::new();
    for first in 0..events.len() {
        let mut finding = Finding::new(key());
        for index in 0..2 * events.len() {
            finding.apply(&statement(events[(first + index * 3) % events.len()].clone()).observation);
        }
        assert_eq!((finding.state(), finding.episodes().total), (State::Closed, 1));
        let mut stored = serde_json::to_value(&finding).unwrap();
        stored.as_object_mut().unwrap().retain(|name, _| name != "revision" && name != "newest_news");
        seen.push(stored);
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(seen[0]["closed"]["by"]["remediation"], "6f1d2c3b-1111-4222-8333-444455556666");
}

/// A group is opened, its interfaces are looked up, and later CloudTrail says who it was. What one event leaves out, the other
/// has said.
#[test]
fn a_context_says_who_owns_and_who_opened() {
    let mut finding = Finding::new(key());
    finding.apply(&statement(sample("open")).observation);
    assert_eq!((finding.severity(), finding.attachment()), (Some(Severity::High), None));
    let said = statement(sample("context"));
    assert_eq!((said.key, said.observation.at), (key(), moment("10:15:43.5", "10:15:43.5")));
    finding.apply(&said.observation);
    let attachment = finding.attachment().unwrap();
    assert_eq!((attachment.interfaces, attachment.public), (2, true));
    assert!(attachment.example.as_ref().unwrap().as_str().contains(":loadbalancer/app/web/"));
    assert_eq!(finding.severity(), Some(Severity::Critical));
    let news = finding.apply(&statement(sample("opener")).observation).news;
    assert_eq!(news, [News::OpenerChanged]);
    let (owner, opener) = (finding.owner().unwrap(), finding.opener().unwrap());
    assert_eq!((owner.name.as_str(), owner.source), ("shop@example.com", OwnerSource::GroupTag));
    assert_eq!((opener.principal.as_str(), opener.stack.as_ref()), ("alice@example.com", None));
    assert_eq!(finding.attachment().unwrap().interfaces, 2);
}

/// A message about a group that was just opened waits for what surrounds it, for a while, and once in each episode.
#[test]
fn a_new_episode_waits_for_its_context() {
    let wait = SignedDuration::from_secs(15);
    let mut finding = Finding::new(key());
    assert_eq!(finding.waits(wait), None);
    finding.apply(&statement(sample("open")).observation);
    assert_eq!(finding.waits(wait), Some("2026-03-01T10:15:57Z".parse().unwrap()));
    finding.apply(&statement(sample("opener")).observation);
    assert!(finding.waits(wait).is_some(), "who opened it is known later than the rest");
    finding.apply(&statement(sample("context")).observation);
    assert_eq!(finding.waits(wait), None);
    finding.apply(&statement(sample("swept-closed")).observation);
    assert_eq!(finding.waits(wait), None);
    let reopened =
        [("/time", json!("2026-03-01T14:00:10Z")), ("/detail/orderingTimestamp", json!("2026-03-01T14:00:00Z"))];
    finding.apply(&statement(changed("open", &reopened)).observation);
    assert_eq!(finding.waits(wait), Some("2026-03-01T14:00:25Z".parse().unwrap()));
}
