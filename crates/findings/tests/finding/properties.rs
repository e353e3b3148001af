//! Properties of the life of a finding, for any observations in any order.
//!
//! `PROPTEST_CASES` sets the number of cases; the full test run asks for 10,000. A case is a whole life and takes
//! milliseconds, so a fifth of them is run, and of long lives a hundredth.

use std::collections::{BTreeMap, HashSet};

use findings::finding::{
    Assessed, AssessedVerdict, Attachment, ConfigVerdict, Context, Deferred, ExemptionFacts, Finding, FindingKey, Gone,
    MAX_POINTS, Manner, Moment, Mute, News, NotStarted, Observation, Observed, Opener, Outcome, Owner, OwnerSource,
    Remediated, Source, State, Swept, Text,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use crate::observations::{assessed, new_finding, open_with, rules, time, world};
use crate::schema::assert_valid;

/// Few times, so that many observations share one, and some days, so that contests begin and end.
fn any_time() -> impl Strategy<Value = Timestamp> {
    (0..60i64).prop_map(|step| time("1 00:00").checked_add(SignedDuration::from_mins(step * 47)).unwrap())
}

fn any_moment() -> impl Strategy<Value = Moment> {
    (any_time(), select(vec![0i64, 0, 1, 90, 3_000])).prop_map(|(ordering, minutes)| {
        Moment::new(ordering, ordering.checked_add(SignedDuration::from_mins(minutes)).unwrap())
    })
}

fn any_source() -> impl Strategy<Value = Source> {
    select(vec![Source::Change, Source::Periodic, Source::Sweep])
}

fn any_ports() -> impl Strategy<Value = Vec<u16>> {
    select(vec![vec![22], vec![22, 3389], vec![3389]])
}

fn any_text() -> impl Strategy<Value = String> {
    select(vec!["a".to_owned(), "b".to_owned()])
}

fn any_verdict() -> impl Strategy<Value = AssessedVerdict> {
    prop_oneof![
        4 => any_ports().prop_map(|ports| open_with(world(&ports))),
        2 => Just(AssessedVerdict::Compliant),
        1 => any_text().prop_map(|reason| AssessedVerdict::Unjudged { reason: reason.into() }),
        2 => (any_ports(), any_text()).prop_map(|(ports, reason)| AssessedVerdict::Exempt {
            exempted: world(&ports),
            exemption: ExemptionFacts { reason: reason.into(), ..ExemptionFacts::default() },
        }),
    ]
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        6 => any_ports().prop_map(|ports| Outcome::Closed(rules(&ports).into())),
        3 => select(vec![
            Outcome::NothingToClose,
            Outcome::LeftOpen,
            Outcome::PartlyClosed,
            Outcome::CloseFailed,
            Outcome::Deferred(Deferred { until: None, closings: Some(100) }),
            Outcome::Restored,
            Outcome::Quarantined,
            Outcome::Released,
            Outcome::Other,
        ]),
    ]
}

fn any_context() -> impl Strategy<Value = Context> {
    let attachment =
        (0..2u32, any::<bool>()).prop_map(|(interfaces, public)| Attachment { interfaces, public, example: None });
    let owner = any_text().prop_map(|name| Owner { name: name.into(), source: OwnerSource::GroupTag });
    let opener = (any_time(), any_text()).prop_map(|(at, name)| Opener {
        at,
        principal: name.into(),
        user_agent: None,
        stack: None,
    });
    (prop::option::of(attachment), prop::option::of(owner), prop::option::of(opener))
        .prop_map(|(attachment, owner, opener)| Context { attachment, owner, opener })
}

fn any_compliance() -> impl Strategy<Value = Observed> {
    let verdicts = vec![
        ConfigVerdict::Compliant,
        ConfigVerdict::Exempt,
        ConfigVerdict::NonCompliant,
        ConfigVerdict::Gone(Gone::Deleted),
        ConfigVerdict::Gone(Gone::LeftScope),
        ConfigVerdict::Gone(Gone::NotApplicable),
    ];
    (select(verdicts), any_source()).prop_map(|(verdict, source)| Observed::Compliance(verdict, source))
}

fn any_swept() -> impl Strategy<Value = Observed> {
    let verdicts =
        vec![ConfigVerdict::Compliant, ConfigVerdict::NonCompliant, ConfigVerdict::Gone(Gone::NotApplicable)];
    let parked = prop::option::of(prop::option::of(any_text()));
    let grace = (prop::option::of(any_time()), select(vec![None, Some(7), Some(1)]));
    (select(verdicts), any_moment(), any_time(), parked, grace).prop_map(
        |(verdict, first_open, looked, parked, grace)| {
            let parked = parked.map(|parked| parked.map(Text::from));
            let (closes, reminder_days) = grace;
            Observed::Swept(Box::new(Swept { verdict, first_open, looked, parked, closes, reminder_days }))
        },
    )
}

fn any_verdict_or_compliance() -> impl Strategy<Value = Observed> {
    let any_assessed = (any_source(), any_verdict()).prop_map(|(source, verdict)| assessed(source, verdict));
    prop_oneof![any_compliance(), any_assessed]
}

fn any_statement() -> impl Strategy<Value = Observed> {
    let mute = (any_text(), prop::option::of(any_time())).prop_map(|(by, until)| Mute {
        reason: "known".into(),
        by: by.into(),
        until,
    });
    prop_oneof![
        6 => (any_source(), any_verdict(), prop::option::of(any_time())).prop_map(|(source, verdict, closes)| {
            match assessed(source, verdict) {
                Observed::Assessed(assessed) => Observed::Assessed(Box::new(Assessed { closes, ..*assessed })),
                other => other,
            }
        }),
        3 => any_compliance(),
        3 => any_swept(),
        4 => (0..40u8, any_outcome(), prop::bool::weighted(0.1)).prop_map(|(number, outcome, dry_run)| {
            let (execution_id, message) = (Text::from(format!("e-{number}")), Text::from("done"));
            Observed::Remediated(Remediated { execution_id, outcome, message, dry_run })
        }),
        1 => any::<bool>().prop_map(|rejected| {
            Observed::NotStarted(NotStarted { execution_id: "e-9".into(), rejected, message: "no".into() })
        }),
        1 => prop::option::of(any_text()).prop_map(|reason| Observed::Parked(reason.map(Text::from))),
        2 => any_context().prop_map(Observed::Context),
        1 => mute.prop_map(Observed::Muted),
    ]
}

fn any_observation() -> impl Strategy<Value = Observation> {
    (any_moment(), any_statement()).prop_map(|(at, what)| Observation { at, what })
}

fn observations(most: usize) -> impl Strategy<Value = Vec<Observation>> {
    prop::collection::vec(any_observation(), 0..=most)
}

/// Observations, and the same ones in another order with some of them repeated.
fn reordered(most: usize) -> impl Strategy<Value = (Vec<Observation>, Vec<Observation>)> {
    (observations(most), prop::collection::vec(any::<Index>(), 0..8)).prop_flat_map(|(all, repeated)| {
        let mut other = all.clone();
        if !all.is_empty() {
            other.extend(repeated.iter().map(|index| index.get(&all).clone()));
        }
        (Just(all), Just(other).prop_shuffle())
    })
}

fn after<'o>(observations: impl IntoIterator<Item = &'o Observation>) -> Finding {
    let mut finding = new_finding();
    for observation in observations {
        finding.apply(observation);
    }
    finding
}

/// All that a finding holds but its revision and its newest news, which depend on the order of arrival.
fn whole(finding: &Finding) -> Value {
    let mut value = serde_json::to_value(finding).unwrap();
    value.as_object_mut().unwrap().retain(|name, _| name != "revision" && name != "newest_news");
    value
}

/// The present, which has no bound.
fn present(finding: &Finding) -> impl PartialEq + std::fmt::Debug + use<> {
    let state =
        (finding.content_digest(), finding.state(), finding.severity(), finding.openness(), finding.is_contested());
    let seen = (finding.first_seen(), finding.last_seen(), finding.exposures().cloned(), finding.exposures_at());
    let context =
        (finding.group().cloned(), finding.owner().cloned(), finding.opener().cloned(), finding.attachment().cloned());
    let closing = (finding.attempt().cloned(), finding.parked().cloned(), finding.is_quarantined());
    let mute = finding.mute(Timestamp::UNIX_EPOCH).cloned();
    (state, seen, context, closing, finding.exemption().cloned(), mute)
}

/// The order in which only the neighbours within `window` places change places.
fn nearly_in_order(mut observations: Vec<Observation>, window: usize, seed: &[Index]) -> Vec<Observation> {
    observations.sort_by_key(|observation| observation.at);
    for part in observations.chunks_mut(window) {
        for (place, index) in seed.iter().enumerate().take(part.len()) {
            let other = index.index(part.len());
            part.swap(place, other);
        }
    }
    observations
}

properties! {
    one in 5;

    #[test]
    fn any_order_and_any_duplication_end_in_the_same_finding((one, other) in reordered(40)) {
        prop_assert_eq!(whole(&after(&one)), whole(&after(&other)));
    }

    #[test]
    fn the_revision_rises_by_one_with_news_and_never_without(all in observations(40)) {
        let mut finding = new_finding();
        for observation in &all {
            let (revision, content) = (finding.revision(), finding.content_digest());
            let transition = finding.apply(observation);
            let is_news = finding.content_digest() != content;
            prop_assert_eq!(transition.is_news(), is_news, "{:?}", transition.news);
            prop_assert_eq!(finding.revision(), revision + u64::from(is_news));
            prop_assert_eq!(transition.history.len(), transition.news.len());
        }
        let distinct: HashSet<String> = all.iter().map(|observation| format!("{observation:?}")).collect();
        prop_assert!(finding.revision() <= distinct.len() as u64);
    }

    #[test]
    fn each_revision_has_a_name_of_its_own(all in observations(40)) {
        let mut finding = new_finding();
        let mut names = BTreeMap::from([(finding.news_name(), 0)]);
        for observation in &all {
            finding.apply(observation);
            let name = finding.news_name();
            let known = *names.entry(name.clone()).or_insert(finding.revision());
            prop_assert_eq!(known, finding.revision(), "{}", name);
        }
    }

    #[test]
    fn what_is_known_changes_nothing((one, again) in reordered(40)) {
        let mut finding = after(&one);
        let before = finding.clone();
        for observation in &again {
            prop_assert_eq!(finding.apply(observation).news, Vec::<News>::new());
        }
        prop_assert_eq!(finding, before);
    }

    #[test]
    fn a_verdict_on_an_older_state_is_no_news(
        all in observations(40), verdict in any_verdict_or_compliance(), back in 1..3_000i64,
    ) {
        let mut finding = after(&all);
        let newest = all.iter().filter_map(newest_state).max();
        prop_assume!(finding.state() != State::NeverOpen);
        let older = newest.unwrap().checked_sub(SignedDuration::from_mins(back)).unwrap();
        // A late assessment names exposures if no later one did, and a late closing tells that those named are of earlier.
        let named = finding.exposures_at();
        prop_assume!(named.is_some_and(|named| named > older) || (named.is_none() && !is_assessed_open(&verdict)));
        let before = present_but_seen(&finding);
        let (revision, news) = (finding.revision(), finding.apply(&Observation { at: Moment::live(older), what: verdict }));
        prop_assert!(!news.is_news(), "{:?}", news.news);
        prop_assert_eq!(finding.revision(), revision);
        prop_assert_eq!(present_but_seen(&finding), before);
    }

    #[test]
    fn the_unknown_and_the_planned_close_nothing(all in observations(30), at in any_moment()) {
        let finding = after(&all);
        let unknown = assessed(Source::Sweep, AssessedVerdict::Unjudged { reason: "no".into() });
        let no_data = Observed::Compliance(ConfigVerdict::InsufficientData, Source::Change);
        for what in [unknown, no_data] {
            let mut later = finding.clone();
            later.apply(&Observation { at, what });
            prop_assert_eq!(later.state(), finding.state());
            prop_assert_eq!(later.episodes(), finding.episodes());
        }
        let (execution_id, outcome) = (Text::from("e-1"), Outcome::Closed(rules(&[22]).into()));
        let planned = Observed::Remediated(Remediated { execution_id, outcome, message: "plan".into(), dry_run: true });
        let mut later = finding.clone();
        later.apply(&Observation { at, what: planned });
        prop_assert_eq!(later, finding);
    }

    #[test]
    fn a_finding_is_consistent(all in observations(60)) {
        let finding = after(&all);
        is_consistent(&finding)?;
        let episodes = finding.episodes();
        prop_assert_eq!(finding.revision() > 0, all.iter().any(|one| is_seen_open(&one.what)));
        if episodes.total == episodes.listed.len() as u64 {
            prop_assert_eq!(episodes.listed.first().map(|episode| episode.first_seen), finding.first_seen());
        }
    }

    #[test]
    fn a_stored_finding_is_read_as_it_was_written(all in observations(40), told in any::<bool>(), at in any_time()) {
        let mut finding = after(&all).stored();
        if told && let Some(due) = finding.due(&"jira".into(), Manner::Ticket, at) {
            finding.delivered(&"jira".into(), &due, Some("SEC-1".into())).unwrap();
            finding.failed(&"slack".into(), "503", at).unwrap();
        }
        let text = serde_json::to_string(&finding).unwrap();
        prop_assert_eq!(serde_json::from_str::<Finding>(&text).unwrap(), finding.clone());
        assert_valid(&finding);
    }

    #[test]
    fn a_key_is_read_as_it_was_written_and_sorts_as_its_text(
        one in any_key(), other in any_key(),
    ) {
        let text = one.to_string();
        prop_assert_eq!(text.parse::<FindingKey>().unwrap(), one.clone());
        prop_assert!(text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert_eq!(one.cmp(&other), text.cmp(&other.to_string()));
        prop_assert_eq!(one == other, one.label() == other.label());
    }
}

properties! {
    one in 100;

    #[test]
    fn the_present_of_a_long_life_is_the_same_in_any_order((one, other) in reordered(4 * MAX_POINTS)) {
        prop_assert_eq!(present(&after(&one)), present(&after(&other)));
    }

    #[test]
    fn what_is_known_of_a_long_life_changes_nothing((one, again) in reordered(4 * MAX_POINTS)) {
        let mut finding = after(&one);
        is_consistent(&finding)?;
        let before = finding.clone();
        for observation in &again {
            prop_assert_eq!(finding.apply(observation).news, Vec::<News>::new());
        }
        prop_assert_eq!(finding, before);
    }

    #[test]
    fn a_long_life_is_the_same_unless_a_straggler_is_very_late(
        all in observations(4 * MAX_POINTS), one in prop::collection::vec(any::<Index>(), 30),
        other in prop::collection::vec(any::<Index>(), 30),
    ) {
        // What a sweep saw may have begun at any time: it is such a straggler itself.
        let all: Vec<_> = all.into_iter().filter(|one| !matches!(one.what, Observed::Swept(_))).collect();
        let one = after(&nearly_in_order(all.clone(), MAX_POINTS / 2, &one));
        let other = after(&nearly_in_order(all, MAX_POINTS / 2, &other));
        prop_assert_eq!(whole(&one), whole(&other));
    }
}

/// What holds for any finding, however long its life and however late its observations.
fn is_consistent(finding: &Finding) -> Result<(), TestCaseError> {
    let state = finding.state();
    let episodes = finding.episodes();
    prop_assert_eq!(finding.closing().is_some(), state == State::Closed);
    prop_assert_eq!(finding.severity().is_some(), state == State::Open);
    // The word of AWS Config has no exemption.
    prop_assert!(finding.exemption().is_none() || state == State::Exempt);
    prop_assert_eq!(finding.first_seen().is_some(), state != State::NeverOpen);
    prop_assert_eq!(finding.first_seen().is_some(), finding.last_seen().is_some());
    prop_assert!(finding.first_seen() <= finding.last_seen());
    prop_assert_eq!(episodes.total > 0, state != State::NeverOpen);
    // The newest episode goes on exactly while the finding is open or exempt, and all others are closed.
    if let Some((newest, earlier)) = episodes.listed.split_last() {
        prop_assert_eq!(newest.closed.is_none(), matches!(state, State::Open | State::Exempt));
        prop_assert!(earlier.iter().all(|episode| episode.closed.is_some()));
    }
    let mut times = Vec::new();
    for episode in &episodes.listed {
        times.extend([episode.first_seen, episode.last_seen]);
        times.extend(episode.closed.as_ref().map(|closing| closing.at));
    }
    prop_assert!(times.is_sorted(), "{times:?}");
    Ok(())
}

fn any_key() -> impl Strategy<Value = FindingKey> {
    let rule = prop_oneof!["[a-c_-]{1,3}", "[A-Za-z0-9_-]{1,128}"];
    let region = select(vec!["eu-west-1", "eu-west-12", "eu-west-2", "us-gov-west-1", "us-east-1"]);
    let group = prop_oneof!["sg-[01]{8,9}", "sg-[0-9a-f]{17}"];
    ("[01]{12}", region, group, rule)
        .prop_map(|(account, region, group, rule)| FindingKey::new(&account, region, &group, &rule).unwrap())
}

/// Whether the statement says that the group is open, exempt, closed or gone.
fn is_verdict(what: &Observed) -> bool {
    match what {
        Observed::Assessed(assessed) => !matches!(assessed.verdict, AssessedVerdict::Unjudged { .. }),
        Observed::Compliance(verdict, _) => *verdict != ConfigVerdict::InsufficientData,
        Observed::Swept(_) => true,
        Observed::Remediated(Remediated { outcome, dry_run, .. }) => {
            !dry_run && matches!(outcome, Outcome::Closed(_) | Outcome::NothingToClose)
        }
        _ => false,
    }
}

/// Ordering time of the newest state that an observation has a verdict on.
fn newest_state(Observation { at, what }: &Observation) -> Option<Timestamp> {
    match what {
        Observed::Swept(swept) if swept.verdict == ConfigVerdict::NonCompliant => {
            Some(at.ordering.max(swept.first_open.ordering))
        }
        what => is_verdict(what).then_some(at.ordering),
    }
}

fn is_assessed_open(what: &Observed) -> bool {
    matches!(what, Observed::Assessed(assessed) if matches!(assessed.verdict, AssessedVerdict::Open { .. }))
}

/// Whether the statement says that the group was open, exempt or not.
fn is_seen_open(what: &Observed) -> bool {
    match what {
        Observed::Assessed(assessed) => {
            matches!(assessed.verdict, AssessedVerdict::Open { .. } | AssessedVerdict::Exempt { .. })
        }
        Observed::Compliance(verdict, _) => matches!(verdict, ConfigVerdict::NonCompliant | ConfigVerdict::Exempt),
        Observed::Swept(swept) => swept.verdict == ConfigVerdict::NonCompliant,
        Observed::Remediated(Remediated { outcome: Outcome::Closed(rules), dry_run, .. }) => {
            !dry_run && rules.total > 0
        }
        _ => false,
    }
}

/// The present without the times of seeing, which an older verdict may change.
fn present_but_seen(finding: &Finding) -> impl PartialEq + std::fmt::Debug + use<> {
    let state =
        (finding.content_digest(), finding.state(), finding.severity(), finding.openness(), finding.is_contested());
    (state, finding.exposures().cloned(), finding.exemption().cloned(), finding.attempt().cloned())
}
