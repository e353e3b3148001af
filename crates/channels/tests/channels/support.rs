//! Findings, and the notices of them.

use channels::{Delivered, Failure, Notice};
use exposure::Reach;
use findings::FoundExposure;
use findings::finding::{
    Assessed, AssessedVerdict, Attachment, Channel, Context, Due, ExemptionFacts, ExposureList, Finding, GroupFacts,
    HistoryEntry, Manner, Moment, Mute, NotStarted, Observation, Observed, Opener, Outcome, Remediated, RuleContent,
    Source,
};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use routing::{
    Address, AddressError, ChannelKind, Delivery, Owner, OwnerKind, OwnerSource, Ownership, RejectedOwner, Timing, Why,
};

pub(crate) const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";

/// A time by day and clock: `1 09:00` is in the morning of 1 December 2026.
pub(crate) fn time(text: &str) -> Timestamp {
    let (day, clock) = text.split_once(' ').unwrap();
    format!("2026-12-{day:0>2}T{clock}:00Z").parse().unwrap()
}

/// A finding, what it was told to a channel, and what was news since.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) finding: Finding,
    pub(crate) news: Vec<HistoryEntry>,
    pub(crate) delivery: Delivery,
    pub(crate) ownership: Ownership,
    pub(crate) name: String,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) now: Timestamp,
}

impl Story {
    pub(crate) fn new(kind: ChannelKind) -> Self {
        Self::in_region(kind, "eu-west-1")
    }

    pub(crate) fn in_region(kind: ChannelKind, region: &str) -> Self {
        Self {
            finding: Finding::new(format!("123456789012/{region}/{GROUP}/portcullis").parse().unwrap()),
            news: Vec::new(),
            delivery: delivery(kind),
            ownership: ownership(),
            name: "web".to_owned(),
            tags: Vec::new(),
            now: time("1 09:05"),
        }
    }

    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Takes an observation at a time, and keeps what was news.
    pub(crate) fn see(mut self, at: &str, what: Observed) -> Self {
        let transition = self.finding.apply(&Observation { at: Moment::live(time(at)), what });
        self.news.extend(transition.history.into_iter().filter(|entry| entry.news.raises_revision()));
        self.now = self.now.max(time(at));
        self
    }

    pub(crate) fn open(self, at: &str, ports: &[u16]) -> Self {
        self.exposed(at, ports, "0.0.0.0/0", None)
    }

    pub(crate) fn exposed(self, at: &str, ports: &[u16], source: &str, description: Option<&str>) -> Self {
        let found: Vec<_> = ports.iter().map(|port| exposure(*port, source, description)).collect();
        let verdict = AssessedVerdict::Open { exposures: ExposureList::new(&found), exempted: 0 };
        self.assessed(at, verdict)
    }

    pub(crate) fn assessed(self, at: &str, verdict: AssessedVerdict) -> Self {
        let group = GroupFacts {
            name: Some(self.name.as_str().into()),
            vpc_id: Some("vpc-0123456789abcdef0".into()),
            ..GroupFacts::default()
        };
        let group = group.with_tags(self.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        self.see(at, Observed::Assessed(Box::new(Assessed { source: Source::Change, verdict, group, closes: None })))
    }

    pub(crate) fn compliant(self, at: &str) -> Self {
        self.assessed(at, AssessedVerdict::Compliant)
    }

    pub(crate) fn unjudged(self, at: &str) -> Self {
        self.assessed(at, AssessedVerdict::Unjudged { reason: "pl-1 could not be read".into() })
    }

    pub(crate) fn exempt(self, at: &str, until: Option<&str>) -> Self {
        let exemption = ExemptionFacts {
            reason: "moving to a VPN".into(),
            expires: until.map(Into::into),
            owner: Some("web@example.com".into()),
        };
        let exempted = ExposureList::new(&[exposure(22, "0.0.0.0/0", None)]);
        self.assessed(at, AssessedVerdict::Exempt { exempted, exemption })
    }

    pub(crate) fn remediated(self, at: &str, execution: &str, outcome: Outcome) -> Self {
        let message = "ec2:RevokeSecurityGroupIngress was denied".into();
        let execution_id = execution.into();
        self.see(at, Observed::Remediated(Remediated { execution_id, outcome, message, dry_run: false }))
    }

    pub(crate) fn closed(self, at: &str, execution: &str) -> Self {
        let rule = RuleContent::new("tcp", Some(22), Some(22), "0.0.0.0/0");
        self.remediated(at, execution, Outcome::Closed(vec![rule].into()))
    }

    pub(crate) fn rejected(self, at: &str) -> Self {
        let message = "approval refused by ana".into();
        self.see(at, Observed::NotStarted(NotStarted { execution_id: "e-9".into(), rejected: true, message }))
    }

    pub(crate) fn parked(self, at: &str) -> Self {
        self.see(at, Observed::Parked(Some("automatic attempts failed".into())))
    }

    pub(crate) fn muted(self, at: &str, until: Option<&str>) -> Self {
        let mute = Mute { reason: "known".into(), by: "ana".into(), until: until.map(time) };
        self.see(at, Observed::Muted(mute))
    }

    /// The opener and the interfaces are looked up.
    pub(crate) fn context(self, at: &str, principal: &str) -> Self {
        let opener = Opener {
            at: time(at),
            principal: principal.into(),
            user_agent: Some("terraform/1.9".into()),
            stack: Some("network-prod".into()),
        };
        let attachment = Attachment { interfaces: 3, public: true, example: Some("i-0123".into()) };
        self.see(at, Observed::Context(Context { attachment: Some(attachment), owner: None, opener: Some(opener) }))
    }

    fn channel() -> Channel {
        Channel::from("the-channel")
    }

    /// The channel was told all, and has the finding under a name.
    pub(crate) fn told(mut self, external_id: Option<&str>) -> Self {
        let due = self.finding.due(&Self::channel(), Manner::Messages, self.now).unwrap();
        self.finding.delivered(&Self::channel(), &due, external_id.map(Into::into)).unwrap();
        self.news.clear();
        self
    }

    /// An attempt began whose outcome is not known.
    pub(crate) fn unanswered(mut self, at: &str) -> Self {
        self.finding.begin(&Self::channel(), time(at)).unwrap();
        self.finding.unanswered(&Self::channel(), "no answer within 10 s", time(at)).unwrap();
        self.now = self.now.max(time(at));
        self
    }

    pub(crate) fn due(&self) -> Due {
        self.finding.due(&Self::channel(), Manner::Messages, self.now).unwrap()
    }

    pub(crate) fn notice<'s>(&'s self, due: &'s Due) -> Notice<'s> {
        let Self { finding, news, delivery, ownership, now, .. } = self;
        Notice { finding, due, delivery, ownership, news, now: *now }
    }

    /// Lends the notice that is due.
    pub(crate) fn with<R>(&self, what: impl FnOnce(&Notice<'_>) -> R) -> R {
        what(&self.notice(&self.due()))
    }
}

pub(crate) fn exposure(port: u16, source: &str, description: Option<&str>) -> FoundExposure {
    FoundExposure {
        rule_id: Some(format!("sgr-{port:08x}")),
        protocol: "tcp".into(),
        from_port: Some(port.into()),
        to_port: Some(port.into()),
        source: source.into(),
        ports: vec![format!("tcp/{port}")],
        reach: if source.ends_with("/0") { Reach::World } else { Reach::Partial },
        description: description.map(str::to_owned),
        location: None,
    }
}

pub(crate) fn delivery(kind: ChannelKind) -> Delivery {
    Delivery {
        channel: "the-channel".to_owned(),
        kind,
        recipient: None,
        mentions: Vec::new(),
        ticket: None,
        timing: Timing::Normal,
        why: Why::Route("routes[0] `all`".to_owned()),
    }
}

pub(crate) fn email(text: &str) -> Address {
    Address { value: text.to_owned(), kind: OwnerKind::Email }
}

pub(crate) fn ownership() -> Ownership {
    let jane = email("jane@example.com");
    let owner = Owner {
        value: jane.value.clone(),
        kind: OwnerKind::Email,
        from: OwnerSource::GroupTag,
        chat: vec![jane.clone()],
        ticket: Some(jane.clone()),
        email: Some(jane),
    };
    Ownership { owners: vec![owner], ..Ownership::default() }
}

pub(crate) fn rejected_owner(text: &str) -> RejectedOwner {
    RejectedOwner { from: OwnerSource::GroupTag, text: format!("`{text}`"), error: AddressError::Everybody }
}

/// Delivers what is due.
pub(crate) async fn deliver_by(channel: &impl channels::Channel, story: &Story) -> Result<Delivered, Failure> {
    let due = story.due();
    channel.deliver(&story.notice(&due)).await
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Runs a property over a fixed number of cases: a rendering takes long, and `PROPTEST_CASES` is for small ones.
pub(crate) fn run<S: Strategy>(strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { cases: 32, failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(&strategy, test).unwrap();
}

/// A finding with the longest of everything, of characters that JSON escapes.
pub(crate) fn worst_story(kind: ChannelKind) -> Story {
    let long = "\"\\".repeat(200);
    let mut story = Story::new(kind).named(&long);
    story.tags = (0..50).map(|tag| (format!("{tag}{long}"), long.clone())).collect();
    let ports: Vec<u16> = (1..1_001).collect();
    for day in 1..=12 {
        story = story.exposed(&format!("{day} 09:00"), &ports, &long, Some(&long));
        story = story.remediated(&format!("{day} 10:00"), &format!("{day}{long}"), Outcome::CloseFailed);
        story = story.closed(&format!("{day} 11:00"), &format!("{day}{long}"));
    }
    story = story
        .exposed("13 09:00", &ports, &long, Some(&long))
        .see("13 09:01", Observed::Parked(Some(long.as_str().into())));
    let opener = Opener {
        at: time("13 09:00"),
        principal: long.as_str().into(),
        user_agent: Some(long.as_str().into()),
        stack: Some(long.as_str().into()),
    };
    let attachment = Attachment { interfaces: u32::MAX, public: true, example: Some(long.as_str().into()) };
    let context = Context { attachment: Some(attachment), owner: None, opener: Some(opener) };
    story = story.see("13 09:02", Observed::Context(context));
    for entry in &mut story.news {
        entry.sentence = long.as_str().into();
        entry.by = Some(long.as_str().into());
    }
    let owner = Owner { value: "x".repeat(100), ..story.ownership.owners[0].clone() };
    story.ownership.owners = vec![owner; 20];
    story.ownership.rejected = vec![rejected_owner(&"\"".repeat(100)); 20];
    story
}

/// Texts that have broken a chat, a card or a table before.
pub(crate) fn hostile_text() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "<!channel>",
        "<!here>",
        "<@U0123456789>",
        "<#C0123456789>",
        "@everyone",
        "@channel",
        "<at>all</at>",
        "{{",
        "${x}",
        "=cmd|' /C calc'!A0",
        "&amp;&lt;",
        "*_~`",
        "```",
        "[x](javascript:alert(1))",
        "\u{202e}gpj",
        "\u{200f}\u{2066}",
        "a\nb\r\nc\td",
        "\u{0}\u{1b}[31m",
        "<script>",
        "\"}],",
        "\\",
        "👩\u{200d}💻",
        ":fire:",
        "  ",
        "",
    ]);
    let part = prop_oneof![
        known.prop_map(str::to_owned),
        any::<String>(),
        Just("x".repeat(10_000)),
        Just("👩".repeat(300)),
        Just("&".repeat(400)),
        Just("<".repeat(400)),
        Just("\\\"".repeat(400)),
    ];
    prop::collection::vec(part, 1..4).prop_map(|parts| parts.concat())
}

/// A finding in some state, all of whose texts are hostile.
pub(crate) fn hostile_story(kind: ChannelKind) -> impl Strategy<Value = Story> {
    let texts = prop::collection::vec(hostile_text(), 8);
    (texts, 0..40_u16, 0..5_u8, any::<bool>()).prop_map(move |(texts, ports, end, looked_up)| {
        let ports: Vec<u16> = if ports > 35 { (1..1_001).collect() } else { (1..ports + 2).collect() };
        let mut story = Story::new(kind).named(&texts[0]).exposed("1 09:00", &ports, &texts[1], Some(&texts[2]));
        if looked_up {
            let opener = Opener {
                at: time("1 08:59"),
                principal: texts[3].as_str().into(),
                user_agent: Some(texts[4].as_str().into()),
                stack: Some(texts[5].as_str().into()),
            };
            let attachment = Attachment { interfaces: 3, public: true, example: Some(texts[6].as_str().into()) };
            let context = Context { attachment: Some(attachment), owner: None, opener: Some(opener) };
            story = story.see("1 09:01", Observed::Context(context));
        }
        story = story.see("1 09:02", Observed::Parked(Some(texts[7].as_str().into())));
        let execution = texts[6].as_str();
        story = match end {
            0 => story,
            1 => story.remediated("1 10:00", execution, Outcome::CloseFailed),
            2 => story.closed("1 10:00", execution),
            3 => story.compliant("1 10:00").exposed("1 11:00", &ports, &texts[2], None),
            _ => story.assessed("1 10:00", AssessedVerdict::Unjudged { reason: texts[1].as_str().into() }),
        };
        story.ownership.owners[0].value.clone_from(&texts[3]);
        story.ownership.rejected = vec![rejected_owner(&texts[4]), rejected_owner(&texts[5])];
        story
    })
}
