//! Delivers what is due, as a notifier does: it stores the finding before and after each attempt.

use channels::fakes::jira::Issue;
use channels::{Channel as _, Failure, Jira, Notice, Retry};
use findings::finding::{
    Assessed, AssessedVerdict, Attachment, Context, Due, ExemptionFacts, ExposureList, Finding, GroupFacts,
    HistoryEntry, Manner, Moment, Observation, Observed, Source,
};
use jiff::{SignedDuration, Timestamp};
use routing::{Address, Channel, ChannelKind, Delivery, Document, JiraFlavour, OwnerKind, Ownership, Ticket};

use super::model::Model;
use crate::support;

pub(crate) const KEY: &str = "123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa/portcullis";
const CHANNEL: &str = "tickets";

pub(crate) struct Notifier {
    pub(crate) model: Model,
    pub(crate) settings: routing::Jira,
    pub(crate) finding: Finding,
    pub(crate) ticket: Ticket,
    pub(crate) ownership: Ownership,
    observations: Vec<Observation>,
    news: Vec<HistoryEntry>,
    /// Tickets that may be open, with those that people make.
    pub(crate) most_open: usize,
    /// What became of the attempts.
    pub(crate) failures: Vec<Failure>,
}

pub(crate) fn settings(flavour: JiraFlavour) -> routing::Jira {
    let name = if flavour == JiraFlavour::Cloud { "cloud" } else { "dataCenter" };
    let document = format!(
        r#"{{"version": 1, "channels": {{"tickets": {{"kind": "jira", "flavour": "{name}", "project": "SEC",
        "url": "https://jira.example.com", "secret": "ssm:/jira", "closeTransition": "done",
        "reopenTransition": "To do NOW"}}}}, "defaultChannels": ["tickets"]}}"#
    );
    let document: Document = document.parse().unwrap();
    match document.channels.get(CHANNEL) {
        Some(Channel::Jira(jira)) => jira.clone(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn user(email: &str) -> Address {
    Address { value: email.to_owned(), kind: OwnerKind::Email }
}

impl Notifier {
    pub(crate) fn new(flavour: JiraFlavour) -> Self {
        Self {
            model: Model::new(flavour, support::time("1 09:00")),
            settings: settings(flavour),
            finding: Finding::new(KEY.parse().unwrap()),
            ticket: Ticket { project: Some("SEC".to_owned()), ..Ticket::default() },
            ownership: Ownership::default(),
            observations: Vec::new(),
            news: Vec::new(),
            most_open: 1,
            failures: Vec::new(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.model.state().now
    }

    pub(crate) fn label(&self) -> String {
        self.finding.key().label()
    }

    pub(crate) fn see(&mut self, what: Observed) {
        self.pass(1);
        let observation = Observation { at: Moment::live(self.now()), what };
        let transition = self.finding.apply(&observation);
        self.news.extend(transition.history.into_iter().filter(|entry| entry.news.raises_revision()));
        self.observations.push(observation);
    }

    pub(crate) fn pass(&self, minutes: i64) {
        self.model.pass(SignedDuration::from_mins(minutes));
    }

    /// The store is restored without its outbox, from the events, after the index of Jira has caught up.
    pub(crate) fn lose_outbox(&mut self) {
        self.pass(10);
        self.finding = Finding::new(KEY.parse().unwrap());
        for observation in &self.observations {
            self.finding.apply(observation);
        }
        self.news.clear();
    }

    /// The store is lost, and no event comes again.
    pub(crate) fn lose_finding(&mut self) {
        self.observations.clear();
        self.lose_outbox();
    }

    fn due(&self) -> Option<Due> {
        self.finding.due(&CHANNEL.into(), Manner::Ticket, self.now())
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.finding.pending(&CHANNEL.into(), Manner::Ticket, self.now()).is_some()
    }

    /// Tries to deliver, if something is due. A crash loses the outcome.
    pub(crate) fn attempt(&mut self, crashes: bool) {
        let Some(due) = self.due() else { return };
        let began = self.now();
        let channel = CHANNEL.into();
        self.finding.begin(&channel, began).unwrap();
        let delivery = Delivery {
            channel: CHANNEL.to_owned(),
            ticket: Some(self.ticket.clone()),
            ..support::delivery(ChannelKind::Jira)
        };
        let notice = Notice {
            finding: &self.finding,
            due: &due,
            delivery: &delivery,
            ownership: &self.ownership,
            news: &self.news,
            now: began,
        };
        let secret = self.model.state().settings.secret.as_str().into();
        let jira = Jira::new(&self.model, secret, self.settings.clone());
        let outcome = support::block_on(jira.deliver(&notice));
        assert!(self.model.open_tickets() <= self.most_open, "too many open tickets");
        if crashes {
            return;
        }
        let in_minutes = |minutes: i64| self.now().checked_add(SignedDuration::from_mins(minutes)).unwrap();
        match outcome {
            Ok(delivered) => {
                self.finding.delivered(&channel, &due, delivered.external_id).unwrap();
                self.news.retain(|entry| entry.revision > due.revision);
            }
            Err(failure) => {
                let error = failure.to_string();
                assert!(!error.contains("t0ken") && !error.contains("NjU0") && !error.contains("https://"), "{error}");
                assert!(error.chars().count() <= 400 && !error.contains('\n'), "{error}");
                match &failure {
                    Failure::Refused { retry: Retry::Later(_), .. } => {
                        self.finding.failed(&channel, &error, in_minutes(1)).unwrap();
                    }
                    Failure::Refused { .. } => {
                        self.finding.failed(&channel, &error, in_minutes(60)).unwrap();
                    }
                    Failure::Unanswered { .. } => {
                        self.finding.unanswered(&channel, &error, in_minutes(1)).unwrap();
                    }
                    Failure::NotBefore(time) => self.finding.failed(&channel, &error, *time).unwrap(),
                }
                self.failures.push(failure);
            }
        }
    }

    /// Delivers until nothing is due any more.
    pub(crate) fn settle(&mut self) {
        for _ in 0..50 {
            self.attempt(false);
            if !self.is_pending() {
                return;
            }
            self.pass(61);
        }
        panic!("it is never delivered: {:?}", self.failures.last());
    }

    pub(crate) fn open(&mut self, ports: &[u16]) {
        self.open_to(ports, "0.0.0.0/0", "bastion");
    }

    pub(crate) fn open_to(&mut self, ports: &[u16], source: &str, name: &str) {
        let found: Vec<_> = ports.iter().map(|port| support::exposure(*port, source, None)).collect();
        self.see(assessed(AssessedVerdict::Open { exposures: ExposureList::new(&found), exempted: 0 }, name));
    }

    pub(crate) fn close(&mut self) {
        self.see(assessed(AssessedVerdict::Compliant, "bastion"));
    }

    pub(crate) fn exempt(&mut self) {
        let exemption = ExemptionFacts { reason: "moving to a VPN".into(), ..ExemptionFacts::default() };
        let exempted = ExposureList::new(&[support::exposure(22, "0.0.0.0/0", None)]);
        self.see(assessed(AssessedVerdict::Exempt { exempted, exemption }, "bastion"));
    }
}

fn assessed(verdict: AssessedVerdict, name: &str) -> Observed {
    let group = GroupFacts { name: Some(name.into()), ..GroupFacts::default() };
    Observed::Assessed(Box::new(Assessed { source: Source::Change, verdict, group, closes: None }))
}

pub(crate) const BOTH: [JiraFlavour; 2] = [JiraFlavour::Cloud, JiraFlavour::DataCenter];

/// A finding with a ticket, in both products.
pub(crate) fn begun(set_up: impl Fn(&mut Notifier)) -> Vec<Notifier> {
    let begin = |flavour| {
        let mut notifier = Notifier::new(flavour);
        set_up(&mut notifier);
        notifier.open(&[22]);
        notifier.attempt(false);
        notifier
    };
    BOTH.into_iter().map(begin).collect()
}

pub(crate) fn issues(notifier: &Notifier) -> Vec<Issue> {
    notifier.model.state().issues.clone()
}

pub(crate) fn external_id(notifier: &Notifier) -> String {
    notifier.finding.delivery(&"tickets".into()).unwrap().external_id.as_ref().unwrap().as_str().to_owned()
}

pub(crate) fn attached(public: bool) -> Observed {
    let attachment = Attachment { interfaces: 1, public, example: None };
    Observed::Context(Context { attachment: Some(attachment), ..Context::default() })
}

/// The reason and the class of the last failure.
pub(crate) fn failure(notifier: &Notifier) -> (String, Option<Retry>) {
    match notifier.failures.last().unwrap() {
        Failure::Refused { error, retry } => (error.clone(), Some(*retry)),
        other => (other.to_string(), None),
    }
}
