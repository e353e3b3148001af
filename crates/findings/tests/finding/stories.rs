//! Lives of findings that a user would recognise.

use findings::finding::{
    ClosedBy, Closing, ConfigVerdict, Deferred, ExposureList, Finding, News, Observation, Outcome, Revoked, Source,
    State,
};
use findings::{Openness, Severity};
use jiff::SignedDuration;

use crate::observations::*;
use crate::schema::assert_valid;

/// Applies observations in the order of their arrival. Returns the news and the revision after each.
fn follow(finding: &mut Finding, observations: &[Observation]) -> Vec<(Vec<News>, u64)> {
    let mut told = Vec::new();
    for observation in observations {
        let transition = finding.apply(observation);
        assert_eq!(transition.history.len(), transition.news.len());
        told.push((transition.news, finding.revision()));
    }
    told
}

fn by(execution: &str) -> ClosedBy {
    ClosedBy::Remediation(execution.into())
}

#[test]
fn opened_by_terraform_closed_by_the_remediator_reopened_by_the_next_apply_and_contested() {
    let mut finding = new_finding();
    let told = follow(
        &mut finding,
        &[
            open("1 09:00", &[22]),
            opener("1 09:01", "arn:aws:sts::123456789012:assumed-role/ci/terraform"),
            closed("1 09:02", "e-1"),
            compliant("1 09:03"),
            open("1 12:00", &[22]),
            closed("1 12:02", "e-2"),
            compliant("1 12:03"),
            open("1 15:00", &[22]),
            closed("1 15:02", "e-3"),
            compliant("1 15:03"),
        ],
    );
    let expected = [
        (vec![News::Opened], 1),
        (vec![News::OpenerChanged], 2),
        (vec![News::Closed(by("e-1"))], 3),
        (vec![], 3),
        (vec![News::Reopened], 4),
        (vec![News::Closed(by("e-2"))], 5),
        (vec![], 5),
        (vec![News::Reopened], 6),
        (vec![News::Closed(by("e-3")), News::Contested], 7),
        (vec![], 7),
    ];
    assert_eq!(told, expected);
    assert_eq!((finding.state(), finding.is_contested()), (State::Closed, true));
    assert_eq!(finding.episodes().reopenings(), 2);
    assert_eq!((finding.first_seen(), finding.last_seen()), (Some(time("1 09:00")), Some(time("1 15:02"))));

    // Still closed, and not named again while the contest goes on.
    let told = follow(&mut finding, &[open("1 18:00", &[22]), closed("1 18:02", "e-4"), unjudged("2 20:00")]);
    assert_eq!(told[0], (vec![News::Reopened], 8));
    assert_eq!(told[1], (vec![News::Closed(by("e-4"))], 9));
    assert_eq!(told[2], (vec![News::ContestEnded], 10));
}

#[test]
fn a_contest_names_who_opened_the_group_with_what() {
    let mut finding = new_finding();
    let story = [
        open("1 09:00", &[22]),
        closed("1 09:02", "e-1"),
        open("1 12:00", &[22]),
        closed("1 12:02", "e-2"),
        open("1 15:00", &[22]),
        opener_of("1 15:01", "1 14:59", "ci"),
    ];
    follow(&mut finding, &story);
    let history = finding.apply(&closed("1 15:02", "e-3")).history;
    assert_eq!(
        history.last().unwrap().sentence.as_str(),
        "The same exposure of sg-0aaaaaaaaaaaaaaaa was closed three times within a day; it was last opened by ci with terraform."
    );
}

#[test]
fn config_and_the_evaluator_say_the_same_in_either_order() {
    let evaluator = judged(open("1 09:00", &[22]), 1);
    let config = judged(config("1 09:00", ConfigVerdict::NonCompliant), 2);
    let mut first = new_finding();
    assert_eq!(follow(&mut first, &[evaluator.clone(), config.clone()]), [(vec![News::Opened], 1), (vec![], 1)]);
    let mut second = new_finding();
    let told = follow(&mut second, std::slice::from_ref(&config));
    assert_eq!(told, [(vec![News::Opened], 1)]);
    // What is not known counts as open to the world.
    assert_eq!((second.openness(), second.severity()), (Openness::Unknown, Some(Severity::High)));
    assert_eq!(follow(&mut second, &[evaluator]), [(vec![News::ExposuresChanged], 2)]);
    assert_eq!((first.state(), first.content_digest()), (second.state(), second.content_digest()));
}

#[test]
fn a_reopened_finding_shows_neither_the_exposures_nor_the_opener_of_the_last_time() {
    let mut finding = new_finding();
    let config = |at| config(at, ConfigVerdict::NonCompliant);
    follow(&mut finding, &[open("1 09:00", &[22]), opener_of("1 09:01", "1 08:59", "ci"), compliant("1 10:00")]);
    assert_eq!(finding.opener().unwrap().principal.as_str(), "ci");
    let reopened = finding.apply(&config("1 12:00"));
    assert_eq!((finding.exposures(), finding.opener()), (None, None));
    assert_eq!(reopened.history[0].by, None);
    assert!(reopened.history[0].sentence.as_str().ends_with("(1 reopening): the exposures are not known yet."));
    // The same exposures by the same opener are news of this episode.
    let told = follow(&mut finding, &[open("1 12:00", &[22]), opener_of("1 12:05", "1 11:59", "ci")]);
    assert_eq!(told, [(vec![News::ExposuresChanged], 5), (vec![News::OpenerChanged], 6)]);
    assert_eq!(finding.opener().unwrap().principal.as_str(), "ci");
    // What AWS Config repeats of an open group does not take the exposures away.
    assert_eq!(follow(&mut finding, &[config("1 14:00")]), [(vec![], 6)]);
    assert_eq!(finding.exposures().unwrap().total, 1);
}

#[test]
fn exempt_until_a_date_and_then_open_again() {
    let mut finding = new_finding();
    // The exemption does not change the group: AWS Config judges the same item again, and calls it compliant.
    let told = follow(
        &mut finding,
        &[
            open("1 09:00", &[22]),
            judged(exempt("1 09:00", "2026-12-20"), 60),
            judged(config("1 09:00", ConfigVerdict::Compliant), 61),
        ],
    );
    assert_eq!(told, [(vec![News::Opened], 1), (vec![News::Exempted], 2), (vec![], 2)]);
    assert_eq!((finding.state(), finding.severity()), (State::Exempt, None));
    assert_eq!(finding.exemption().unwrap().reason.as_str(), "moving to a VPN");

    let prolonged = judged(exempt("1 09:00", "2026-12-24"), 70);
    let expired = judged(open("1 09:00", &[22]), 60 * 24 * 23);
    let told = follow(&mut finding, &[prolonged, expired]);
    assert_eq!(told, [(vec![News::ExemptionChanged], 3), (vec![News::ExemptionEnded], 4)]);
    // Nobody opened the group again: it is the same episode.
    assert_eq!((finding.state(), finding.episodes().total), (State::Open, 1));
}

/// The evaluator puts its event after AWS Config has stored the evaluation, and so is heard after it.
#[test]
fn an_exemption_of_which_config_speaks_first_ends_no_episode() {
    let mut finding = new_finding();
    let story = [
        open("1 09:00", &[22]),
        judged(config("1 09:00", ConfigVerdict::Compliant), 60),
        judged(exempt("1 09:00", "2026-12-20"), 61),
    ];
    follow(&mut finding, &story);
    assert_eq!((finding.state(), finding.episodes().total), (State::Exempt, 1));
    assert_eq!(finding.episodes().newest().unwrap().closed, None);
    let expired = judged(open("1 09:00", &[22]), 60 * 24 * 23);
    follow(&mut finding, std::slice::from_ref(&expired));
    assert_eq!((finding.state(), finding.episodes().total), (State::Open, 1));
}

#[test]
fn config_s_word_on_a_later_state_closes_an_exempt_finding() {
    let mut finding = new_finding();
    follow(&mut finding, &[exempt("1 09:00", "2026-12-20"), config("1 10:00", ConfigVerdict::Compliant)]);
    assert_eq!(finding.closing(), Some(Closing { at: time("1 10:00"), by: ClosedBy::Change }));
}

#[test]
fn the_group_is_deleted() {
    let mut finding = new_finding();
    let told =
        follow(&mut finding, &[open("1 09:00", &[22]), deleted("1 10:00"), deleted("1 10:00"), unjudged("1 11:00")]);
    assert_eq!(told[1], (vec![News::Closed(ClosedBy::Deletion)], 2));
    assert_eq!((&told[2].0, &told[3].0), (&vec![], &vec![]));
    assert_eq!(finding.closing(), Some(Closing { at: time("1 10:00"), by: ClosedBy::Deletion }));
    // What had been open is still known.
    assert_eq!(finding.exposures().unwrap().total, 1);
}

#[test]
fn a_straggler_neither_resurrects_a_closed_finding_nor_is_it_news() {
    let mut finding = new_finding();
    follow(&mut finding, &[open("1 09:00", &[22]), compliant("1 10:00")]);
    let told = follow(&mut finding, &[swept_open("1 09:30", &[22]), config("1 09:00", ConfigVerdict::NonCompliant)]);
    assert_eq!(told, [(vec![], 2), (vec![], 2)]);
    assert_eq!(finding.state(), State::Closed);
    assert_eq!(finding.last_seen(), Some(time("1 09:30")));
}

#[test]
fn a_closing_that_arrives_late_corrects_the_past_only() {
    let mut finding = new_finding();
    follow(&mut finding, &[open("1 09:00", &[22]), open("1 15:00", &[22])]);
    let told = follow(&mut finding, &[compliant("1 12:00")]);
    assert_eq!(told, [(vec![News::PastCorrected], 1)]);
    let episodes = finding.episodes();
    assert_eq!((finding.state(), episodes.reopenings()), (State::Open, 1));
    assert_eq!(episodes.listed[0].closed, Some(Closing { at: time("1 12:00"), by: ClosedBy::Change }));
    assert_eq!(episodes.listed[1].first_seen, time("1 15:00"));
}

#[test]
fn config_records_the_closing_before_the_remediation_ends() {
    let mut finding = new_finding();
    let told = follow(&mut finding, &[open("1 09:00", &[22]), compliant("1 09:02"), closed("1 09:03", "e-1")]);
    assert_eq!(told[1].0, [News::Closed(ClosedBy::Change)]);
    assert_eq!(told[2].0, [News::ClosedByRemediation("e-1".into())]);
    assert_eq!(finding.closing(), Some(Closing { at: time("1 09:02"), by: by("e-1") }));
    assert_eq!(finding.episodes().total, 1);
}

#[test]
fn a_group_that_was_open_for_a_minute_is_known_by_its_remediation_alone() {
    let mut finding = new_finding();
    let told = follow(&mut finding, &[closed("1 09:02", "e-1"), compliant("1 09:03"), closed("1 14:00", "e-2")]);
    assert_eq!(told[0].0, [News::Closed(by("e-1"))]);
    assert_eq!(told[2].0, [News::ClosedByRemediation("e-2".into())]);
    assert_eq!((finding.episodes().total, finding.closing().unwrap().at), (2, time("1 14:00")));
}

#[test]
fn one_execution_whose_outcome_arrives_with_two_times_is_one_closing() {
    let mut finding = new_finding();
    follow(&mut finding, &[open("1 09:00", &[22]), closed("1 09:02", "e-1"), closed("1 09:03", "e-1")]);
    follow(&mut finding, &[closed("1 09:30", "e-1")]);
    assert_eq!((finding.episodes().total, finding.is_contested()), (1, false));
}

#[test]
fn a_remediation_that_finds_nothing_to_close_says_that_a_change_closed_the_group() {
    for outcome in [Outcome::NothingToClose, Outcome::Closed(Revoked::default())] {
        let mut finding = new_finding();
        follow(&mut finding, &[open("1 09:00", &[22]), remediated("1 09:02", "e-1", outcome)]);
        assert_eq!(finding.closing(), Some(Closing { at: time("1 09:02"), by: ClosedBy::Change }));
    }
}

#[test]
fn an_assessment_after_a_closing_contradicts_it() {
    let mut finding = new_finding();
    let told = follow(&mut finding, &[open("1 09:00", &[22]), closed("1 09:02", "e-1"), open("1 09:04", &[22])]);
    assert_eq!(told[2], (vec![News::Reopened], 3));
}

#[test]
fn a_sweep_closes_nothing_that_it_did_not_see() {
    // There is no observation of absence: a sweep tells only the groups that it saw.
    let mut finding = new_finding();
    follow(&mut finding, &[open("1 09:00", &[22])]);
    let told = follow(&mut finding, &[unjudged("1 10:00"), config("1 11:00", ConfigVerdict::InsufficientData)]);
    assert_eq!(told, [(vec![], 1), (vec![], 1)]);
    assert_eq!(finding.state(), State::Open);
    assert_eq!(finding.unjudged().unwrap().as_str(), "AWS Config has no verdict");
    follow(&mut finding, &[swept_open("1 12:00", &[22])]);
    assert_eq!(finding.unjudged(), None);
}

#[test]
fn failures_are_news_once_a_day() {
    let mut finding = new_finding();
    let told = follow(
        &mut finding,
        &[
            open("1 09:00", &[22]),
            remediated("1 09:02", "e-1", Outcome::CloseFailed),
            remediated("1 09:05", "e-2", Outcome::CloseFailed),
            parked("1 09:30", true),
            parked("1 10:30", true),
            remediated("2 09:02", "e-3", Outcome::CloseFailed),
            rejected("2 10:00"),
            parked("2 11:00", false),
            closed("2 12:00", "e-4"),
        ],
    );
    let revisions: Vec<u64> = told.iter().map(|(_, revision)| *revision).collect();
    assert_eq!(revisions, [1, 2, 2, 3, 3, 4, 5, 6, 7]);
    assert_eq!(told[3].0, [News::Parked]);
    assert_eq!(told[7].0, [News::Unparked]);
    assert_eq!(finding.parked(), None);
}

#[test]
fn a_failure_is_of_the_episode_in_which_it_happened() {
    let mut finding = new_finding();
    follow(&mut finding, &[open("1 09:00", &[22]), remediated("1 09:02", "e-1", Outcome::CloseFailed)]);
    assert_eq!(finding.failed_attempt().unwrap().execution_id.as_str(), "e-1");
    // A person closes the group, and a week later it is open again: nobody has tried to close it since.
    follow(&mut finding, &[compliant("1 10:00")]);
    assert_eq!(finding.failed_attempt(), None);
    follow(&mut finding, &[open("8 09:00", &[22])]);
    assert_eq!(finding.failed_attempt(), None);
    follow(&mut finding, &[remediated("8 09:02", "e-2", Outcome::PartlyClosed)]);
    assert_eq!(finding.failed_attempt().unwrap().execution_id.as_str(), "e-2");
    follow(&mut finding, &[remediated("8 09:10", "e-3", Outcome::LeftOpen)]);
    assert_eq!(finding.failed_attempt(), None);
}

#[test]
fn a_dry_run_changes_nothing() {
    let mut finding = new_finding();
    follow(&mut finding, &[open("1 09:00", &[22])]);
    let before = finding.clone();
    let mut dry = closed("1 10:00", "e-1");
    if let findings::finding::Observed::Remediated(remediated) = &mut dry.what {
        remediated.dry_run = true;
    }
    assert_eq!(follow(&mut finding, &[dry]), [(vec![], 1)]);
    assert_eq!(finding, before);
}

#[test]
fn quarantined_released_and_restored() {
    let mut finding = new_finding();
    let told = follow(
        &mut finding,
        &[
            open("1 09:00", &[22]),
            remediated("1 09:02", "e-1", Outcome::Quarantined),
            remediated("1 10:02", "e-2", Outcome::Released),
            closed("1 11:00", "e-3"),
            remediated("1 12:00", "e-4", Outcome::Restored),
            open("1 12:01", &[22]),
        ],
    );
    assert_eq!(told[1], (vec![News::Quarantined], 2));
    assert_eq!(told[2], (vec![News::QuarantineEnded], 3));
    assert_eq!(told[4], (vec![News::Restored("e-4".into())], 4));
    assert_eq!(told[5], (vec![News::Reopened], 5));
}

/// A deferral closes nothing, fails nothing, and is told to no channel; the history has it once for each hour.
#[test]
fn a_deferred_closing_is_history_only() {
    let mut finding = new_finding();
    let deferred = |at, execution, until: Option<&str>, closings| {
        let until = until.map(time);
        remediated(at, execution, Outcome::Deferred(Deferred { until, closings }))
    };
    let story = [
        open("1 11:00", &[22]),
        deferred("1 11:20", "e-1", Some("1 12:00"), Some(100)),
        deferred("1 11:20", "e-1", Some("1 12:00"), Some(100)),
        deferred("1 12:00", "e-2", Some("1 13:00"), Some(1)),
        deferred("1 13:00", "e-3", None, None),
        closed("1 14:00", "e-4"),
    ];
    let mut history = Vec::new();
    for observation in &story[..5] {
        history.extend(finding.apply(observation).history);
        assert_eq!((finding.state(), finding.attempt().is_none()), (State::Open, true));
    }
    assert_valid(&finding);
    history.extend(finding.apply(&story[5]).history);
    let told: Vec<_> = history.iter().map(|entry| (entry.sentence.as_str(), entry.revision)).collect();
    let expected = [
        ("sg-0aaaaaaaaaaaaaaaa is open: tcp/22 from 0.0.0.0/0.", 1),
        (
            "Closing of sg-0aaaaaaaaaaaaaaaa deferred until 2026-12-01T12:00:00Z: 100 groups were closed in this hour.",
            1,
        ),
        ("Closing of sg-0aaaaaaaaaaaaaaaa deferred until 2026-12-01T13:00:00Z: 1 group was closed in this hour.", 1),
        ("Closing of sg-0aaaaaaaaaaaaaaaa deferred.", 1),
        ("sg-0aaaaaaaaaaaaaaaa was closed by remediation e-4.", 2),
    ];
    assert_eq!(told, expected);
    assert_eq!(history[1].by.as_ref().map(ToString::to_string).as_deref(), Some("e-1"));
}

#[test]
fn the_history_reads_as_sentences() {
    let mut finding = new_finding();
    let story = [
        open("1 09:00", &[22, 3389]),
        attached("1 09:01", 1, true),
        owner("1 09:01", "web team"),
        opener("1 09:01", "ci"),
        open("1 09:02", &[5432, 22]),
        muted("1 09:05", Some("2 00:00")),
        unmuted("1 09:06"),
        remediated("1 09:10", "e-1", Outcome::PartlyClosed),
        closed("1 09:20", "e-2"),
        open("1 10:00", &[22]),
        exempt("1 11:00", "2026-12-20"),
    ];
    let history: Vec<_> = story.iter().flat_map(|observation| finding.apply(observation).history).collect();
    let sentences: Vec<&str> = history.iter().map(|entry| entry.sentence.as_str()).collect();
    let group = "sg-0aaaaaaaaaaaaaaaa";
    let expected = [
        format!("{group} is open: tcp/22 from 0.0.0.0/0 and 1 more exposure."),
        format!("The severity of {group} changed from high to critical."),
        format!("The owner of {group} is web team."),
        format!("{group} was opened by ci."),
        format!(
            "The exposures of {group} changed: newly open: tcp/5432 from 0.0.0.0/0; no longer open: tcp/3389 from 0.0.0.0/0."
        ),
        format!("{group} is muted until 2026-12-02T00:00:00Z: known."),
        format!("{group} is no longer muted."),
        format!("A remediation closed only a part of the exposures of {group}: the outcome in a sentence"),
        format!("{group} was closed by remediation e-2."),
        format!("{group} is open again (1 reopening): tcp/22 from 0.0.0.0/0."),
        format!("{group} is exempt until 2026-12-20: moving to a VPN."),
    ];
    assert_eq!(sentences, expected);
    let by: Vec<_> = history.iter().map(|entry| entry.by.as_ref().map(ToString::to_string)).collect();
    assert_eq!(by[8].as_deref(), Some("e-2"));
    assert_eq!((by[5].as_deref(), by[6].as_deref()), (Some("ana"), Some("ben")));
    let revisions: Vec<u64> = history.iter().map(|entry| entry.revision).collect();
    assert_eq!(revisions, [1, 2, 3, 4, 5, 5, 5, 6, 7, 8, 9]);
}

/// A sweep repeats what was lost: neither the opening nor the closing depends on one event.
#[test]
fn a_sweep_opens_and_closes_what_no_event_told() {
    let mut finding = new_finding();
    let told = follow(
        &mut finding,
        &[
            swept("2 09:00", ConfigVerdict::NonCompliant, "1 09:00", "2 09:30"),
            swept("2 09:00", ConfigVerdict::NonCompliant, "1 09:00", "2 10:30"),
            swept("2 11:00", ConfigVerdict::Compliant, "1 09:00", "2 11:30"),
            swept("2 11:00", ConfigVerdict::Compliant, "1 09:00", "2 12:30"),
        ],
    );
    let expected = [(vec![News::Opened], 1), (vec![], 1), (vec![News::Closed(ClosedBy::Change)], 2), (vec![], 2)];
    assert_eq!(told, expected);
    assert_eq!((finding.first_seen(), finding.last_seen()), (Some(time("1 09:00")), Some(time("2 09:00"))));
    assert_eq!(finding.episodes().total, 1);
}

/// The finding knows better than a sweep that began later, and an end of which nothing is known opens nothing.
#[test]
fn a_sweep_makes_first_seen_no_later() {
    let mut finding = new_finding();
    follow(
        &mut finding,
        &[open("1 09:00", &[22]), swept("2 09:00", ConfigVerdict::NonCompliant, "2 09:00", "2 09:30")],
    );
    assert_eq!(finding.first_seen(), Some(time("1 09:00")));
    let mut never_told = new_finding();
    follow(&mut never_told, &[swept("2 11:00", ConfigVerdict::Compliant, "1 09:00", "2 11:30")]);
    assert_eq!(never_told.state(), State::NeverOpen);
}

/// An exempt group is compliant for AWS Config, and stays exempt when a sweep repeats it.
#[test]
fn a_sweep_does_not_close_an_exempt_group() {
    let mut finding = new_finding();
    let told = follow(
        &mut finding,
        &[
            open("1 09:00", &[22]),
            exempt("1 10:00", "2026-12-31"),
            judged(swept("1 10:00", ConfigVerdict::Compliant, "1 09:00", "1 10:30"), 1),
        ],
    );
    assert_eq!((told[2].clone(), finding.state()), ((vec![], 2), State::Exempt));
}

/// AWS Config's own event comes first, with the annotation of the evaluator.
#[test]
fn an_exemption_of_which_config_knows_is_never_told_as_a_closing() {
    let mut finding = new_finding();
    let wait = SignedDuration::ZERO;
    let story = [open("1 09:00", &[22]), judged(config("1 10:00", ConfigVerdict::Exempt), 60)];
    assert_eq!(follow(&mut finding, &story), [(vec![News::Opened], 1), (vec![News::Exempted], 2)]);
    assert_eq!((finding.state(), finding.exemption()), (State::Exempt, None));
    assert_eq!(finding.waits(wait), Some(time("1 11:00") + SignedDuration::from_secs(5)));
    let named = finding.apply(&judged(exempt("1 10:00", "2026-12-20"), 61));
    assert_eq!(named.news, [News::ExemptionChanged]);
    assert!(named.history[0].sentence.as_str().ends_with("is exempt until 2026-12-20: moving to a VPN."));
    assert_eq!((finding.waits(wait), finding.episodes().total), (None, 1));
    // A later sweep repeats the word of AWS Config, without the annotation.
    assert_eq!(follow(&mut finding, &[judged(config("1 10:00", ConfigVerdict::Compliant), 90)]), [(vec![], 3)]);
    assert_eq!(finding.state(), State::Exempt);
    // The exemption of this time is not that of the next one.
    follow(&mut finding, &[open("2 09:00", &[22]), config("2 10:00", ConfigVerdict::Exempt)]);
    assert_eq!((finding.state(), finding.exemption()), (State::Exempt, None));
}

/// Rules around one blocked port open the same of it: the sentence says which of them came and went.
#[test]
fn exposures_that_would_read_the_same_are_told_with_all_that_their_rules_open() {
    let rule = |from: i64, to: i64| findings::FoundExposure {
        from_port: Some(from),
        to_port: Some(to),
        ..exposure(22, "0.0.0.0/0")
    };
    let open = |at: &str, found: &[findings::FoundExposure]| {
        live(at, assessed(Source::Change, open_with(ExposureList::new(found))))
    };
    let mut finding = new_finding();
    finding.apply(&open("1 09:00", &[exposure(22, "::/0")]));
    let history = finding.apply(&open("1 09:05", &[exposure(22, "::/0"), rule(20, 30), rule(10, 40)])).history;
    let sentences: Vec<&str> = history.iter().map(|entry| entry.sentence.as_str()).collect();
    let expected = "newly open: tcp/22 of tcp 10-40 from 0.0.0.0/0 and tcp/22 of tcp 20-30 from 0.0.0.0/0.";
    assert!(sentences.iter().any(|sentence| sentence.ends_with(expected)), "{sentences:?}");
}
