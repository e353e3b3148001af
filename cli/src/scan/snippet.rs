//! Lines of a scanned file that show the rules at fault.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::{Range, RangeInclusive};
use std::path::Path;

use findings::{ComplianceType, FoundExposure, GroupResult, Location, Snippet, SnippetLine};

use super::output::STDIN;

/// Largest file that is read again for its lines.
const MAX_BYTES: u64 = 8 << 20;

/// Longest line that is worth showing. A plan of Terraform is a single one of a megabyte.
const MAX_LINE: usize = 400;

/// Most rules of a group that are shown, and most lines of a rule.
const MAX_RULES: usize = 3;
const MAX_RULE_LINES: usize = 7;

/// Lines after that of a resource that may belong to it.
const MAX_RESOURCE_LINES: usize = 2_000;

/// The lines of the scanned files. A file is read when a snippet is first asked for; the last one is kept.
#[derive(Debug, Default)]
pub(super) struct Sources {
    file: String,
    lines: Lines,
}

/// The lines of a text. They are found once, since a file may have thousands of groups.
#[derive(Debug, Default)]
struct Lines {
    text: String,
    ranges: Vec<Range<usize>>,
}

impl Lines {
    fn new(text: String) -> Self {
        let mut start = 0;
        let range = |line: &str| {
            let range = start..start + line.trim_end_matches(['\r', '\n']).len();
            start += line.len();
            range
        };
        let ranges = text.split_inclusive('\n').map(range).collect();
        Self { text, ranges }
    }

    fn get(&self, line: usize) -> Option<&str> {
        self.text.get(self.ranges.get(line)?.clone())
    }

    /// The lines from this one on.
    fn from(&self, line: usize) -> impl Iterator<Item = &str> {
        (line..self.ranges.len()).map_while(|line| self.get(line))
    }
}

impl Sources {
    /// Lines of the group that show its exposures; `None` if it has none, or if its line is not known.
    pub(super) fn snippet(&mut self, result: &GroupResult) -> Option<Snippet> {
        if result.compliance == ComplianceType::Compliant {
            return None;
        }
        let location = result.location.as_ref()?;
        if self.file != location.file {
            self.lines = Lines::new(read(Path::new(&location.file)).unwrap_or_default());
            self.file.clone_from(&location.file);
        }
        snippet(&self.lines, location.line?, &rules(result))
    }
}

/// A rule at fault, as it may be written in the file.
#[derive(Debug)]
struct Written {
    /// Text of the source.
    source: String,
    /// Other words that the rule has.
    words: Vec<String>,
    /// Line of the rule, if it is a resource of its own.
    line: Option<u64>,
}

/// The rules that expose ports, or that could not be judged, as far as they are in the file of the group.
fn rules(result: &GroupResult) -> Vec<Written> {
    let file = result.location.as_ref().map(|location| location.file.as_str());
    let is_here = |own: Option<&Location>| own.is_none_or(|own| Some(own.file.as_str()) == file);
    let exposures = result.exposures.iter().filter(|exposure| is_here(exposure.location.as_ref())).map(Written::from);
    // A source that is no CIDR is reported in backticks.
    let unjudged =
        result.unjudged.iter().filter(|unjudged| is_here(unjudged.location.as_ref())).map(|unjudged| Written {
            source: unjudged.source.trim_matches('`').to_owned(),
            words: Vec::new(),
            line: unjudged.location.as_ref().and_then(|location| location.line),
        });
    exposures.chain(unjudged).collect()
}

impl From<&FoundExposure> for Written {
    fn from(exposure: &FoundExposure) -> Self {
        let ports = [exposure.from_port, exposure.to_port].into_iter().flatten().filter(|port| *port >= 0);
        let protocol = (exposure.protocol == "-1").then(|| exposure.protocol.clone());
        Self {
            source: exposure.source.clone(),
            words: ports.map(|port| port.to_string()).chain(protocol).collect(),
            line: exposure.location.as_ref().and_then(|location| location.line),
        }
    }
}

/// Text of the file, unless it is compressed, binary, too large, or standard input.
fn read(file: &Path) -> Option<String> {
    if file.as_os_str() == STDIN || !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    let length = File::open(file).ok()?.take(MAX_BYTES + 1).read_to_string(&mut text).ok()?;
    (u64::try_from(length).ok()? <= MAX_BYTES).then_some(text)
}

/// The lines of the resources, and those of the rules at fault, as far as they are written out there.
fn snippet(lines: &Lines, line: u64, rules: &[Written]) -> Option<Snippet> {
    let mut by_line: BTreeMap<u64, Vec<&Written>> = BTreeMap::new();
    for rule in rules.iter().take(MAX_RULES) {
        by_line.entry(rule.line.unwrap_or(line)).or_default().push(rule);
    }
    if by_line.is_empty() {
        by_line.insert(line, Vec::new());
    }
    // The line of the group names it, even if its rules have lines of their own.
    let group =
        line.checked_sub(1).and_then(|line| usize::try_from(line).ok()).filter(|line| lines.get(*line).is_some());
    let mut shown: Vec<(usize, bool)> = group.map(|line| (line, false)).into_iter().collect();
    for (line, rules) in by_line {
        let Some(start) = line.checked_sub(1).and_then(|start| usize::try_from(start).ok()) else { continue };
        shown.extend(resource(lines.from(start), &rules).iter().map(|(at, mark)| (start + at, *mark)));
    }
    shown.sort_by_key(|(line, is_marked)| (*line, !is_marked));
    // A line is shown once, even if two rules are written in it.
    shown.dedup_by_key(|(line, _)| *line);
    let texts = shown.iter().filter_map(|(line, _)| lines.get(*line));
    let common = texts.filter(|text| !text.trim().is_empty()).map(indent).min().unwrap_or_default();
    let lines = shown.iter().filter_map(|(line, is_marked)| {
        let text = lines.get(*line)?.get(common..).unwrap_or_default().trim_end();
        let number = u64::try_from(line + 1).ok()?;
        (text.len() <= MAX_LINE).then(|| SnippetLine { number, text: text.to_owned(), is_marked: *is_marked })
    });
    let lines: Vec<SnippetLine> = lines.collect();
    (!lines.is_empty()).then_some(Snippet { lines })
}

/// Lines to show of the resource that begins in the first of `lines`, and whether they are at fault. If no rule is written out,
/// the first one is.
fn resource<'t>(mut lines: impl Iterator<Item = &'t str>, rules: &[&Written]) -> Vec<(usize, bool)> {
    let Some(first) = lines.next() else { return Vec::new() };
    // A resource begins with its name, and a rule that is a resource of its own with its first key, beside which are the others.
    let is_in_json = first.trim_start().starts_with('"') && first.trim_end().ends_with("\",");
    let is_block = !first.contains(['{', '[']) || is_in_json;
    let is_key = !begins_item(first) && is_block && !first.trim_end().ends_with(':');
    let least = if is_key { indent(first) } else { indent(first) + 1 };
    let inside = |line: &&str| line.trim().is_empty() || indent(line) >= least;
    // A line that is not shown is not searched either: it may be the whole file, and each group of it asks for its rules.
    let searched = |line| if str::len(line) > MAX_LINE { "" } else { line };
    let lines = [first].into_iter().chain(lines.take(MAX_RESOURCE_LINES).take_while(inside));
    let block: Vec<&str> = lines.map(searched).collect();
    let mut shown = vec![(0, false)];
    for rule in rules {
        let Some((rule, at)) = rule_in(&block, rule) else { continue };
        shown.extend(rule.filter(|line| *line > 0).map(|line| (line, line == at)));
        if at == 0 {
            shown.push((0, true));
        }
    }
    if shown.iter().all(|(_, is_marked)| !is_marked) {
        shown.push((0, true));
    }
    shown
}

/// Lines of the rule, and the one with its source. `None` if no rule is written out like that.
fn rule_in(block: &[&str], wanted: &Written) -> Option<(RangeInclusive<usize>, usize)> {
    let has_source = block.iter().enumerate().filter(|(_, text)| has_word(text, &wanted.source));
    let mut rules = has_source.map(|(at, _)| (siblings(block, at), at));
    rules.find(|(rule, _)| {
        let has = |word: &String| rule.clone().filter_map(|line| block.get(line)).any(|text| has_word(text, word));
        wanted.words.iter().all(has)
    })
}

/// The keys of the mapping that the line is in.
fn siblings(block: &[&str], at: usize) -> RangeInclusive<usize> {
    let at_line = |line: usize| block.get(line).copied().unwrap_or_default();
    let depth = depth(at_line(at));
    let (mut from, mut to) = (at, at);
    while from > 1
        && to - from + 1 < MAX_RULE_LINES
        && !begins_item(at_line(from))
        && self::depth(at_line(from - 1)) >= depth
    {
        from -= 1;
    }
    while to - from + 1 < MAX_RULE_LINES && indent(at_line(to + 1)) >= depth && !begins_item(at_line(to + 1)) {
        to += 1;
    }
    from..=to
}

/// Whether an element of a list begins in this line.
fn begins_item(text: &str) -> bool {
    text.trim_start().starts_with(['-', '{'])
}

/// Indentation of the key in a line, behind the dash of a list.
fn depth(text: &str) -> usize {
    let key = text.trim_start().strip_prefix('-').map_or(text.trim_start(), str::trim_start);
    text.len() - key.len()
}

fn indent(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// Whether the text has the word, and not only as a part of another one: `22` is not in `2222`, nor `0.0.0.0/0` in `10.0.0.0/0`.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "./:".contains(character);
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use exposure::Reach;
    use rstest::rstest;

    use super::*;

    fn exposure(port: i64, source: &str) -> FoundExposure {
        FoundExposure {
            rule_id: None,
            protocol: "tcp".into(),
            from_port: Some(port),
            to_port: Some(port),
            source: source.into(),
            ports: vec![format!("tcp/{port}")],
            reach: Reach::World,
            description: None,
            location: None,
        }
    }

    /// Numbers of the lines, with a mark at those that are at fault.
    fn shown(text: &str, line: u64, exposures: &[FoundExposure]) -> String {
        let rules: Vec<Written> = exposures.iter().map(Written::from).collect();
        let lines =
            snippet(&Lines::new(text.to_owned()), line, &rules).map(|snippet| snippet.lines).unwrap_or_default();
        let number = |line: &SnippetLine| format!("{}{}", line.number, if line.is_marked { "!" } else { "" });
        lines.iter().map(number).collect::<Vec<_>>().join(" ")
    }

    const YAML: &str = "\
Resources:
  Web:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: web, on port 22
      SecurityGroupIngress:
        - IpProtocol: tcp
          FromPort: 443
          ToPort: 443
          CidrIp: 0.0.0.0/0
        - CidrIp: 0.0.0.0/0
          IpProtocol: tcp
          FromPort: 22
          ToPort: 22
        - {IpProtocol: tcp, FromPort: 3389, ToPort: 3389, CidrIpv6: '::/0'}
        - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIpv6: '::/0'}
  Other:
    Type: AWS::EC2::SecurityGroup
";

    #[rstest]
    #[case::source_first(&[(22, "0.0.0.0/0")], "2 11! 12 13 14")]
    #[case::source_last(&[(443, "0.0.0.0/0")], "2 7 8 9 10!")]
    #[case::flow(&[(22, "::/0")], "2 16!")]
    #[case::two(&[(22, "0.0.0.0/0"), (22, "::/0")], "2 11! 12 13 14 16!")]
    #[case::not_written_out(&[(22, "10.1.0.0/16")], "2!")]
    #[case::other_port(&[(8080, "0.0.0.0/0")], "2!")]
    fn a_rule_is_shown_with_its_keys(#[case] exposures: &[(i64, &str)], #[case] expected: &str) {
        let exposures: Vec<_> = exposures.iter().map(|(port, source)| exposure(*port, source)).collect();
        assert_eq!(shown(YAML, 2, &exposures), expected);
    }

    const OWN: &str = "\
Web:
  Type: AWS::EC2::SecurityGroup
Ssh:
  Type: AWS::EC2::SecurityGroupIngress
  Properties:
    CidrIp: 0.0.0.0/0
    FromPort: 22
Other:
  Properties:
    CidrIp: 10.0.0.0/8
    FromPort: 22
";

    #[rstest]
    #[case::name(3, "0.0.0.0/0", "1 3 6! 7")]
    #[case::first_key(4, "0.0.0.0/0", "1 4 6! 7")]
    #[case::key_of_a_mapping(5, "0.0.0.0/0", "1 5 6! 7")]
    #[case::another_resource(4, "10.0.0.0/8", "1 4!")]
    fn a_rule_that_is_a_resource_of_its_own_is_shown_there(
        #[case] line: u64,
        #[case] source: &str,
        #[case] expected: &str,
    ) {
        let own = Location { file: "web.yaml".into(), resource: Some("Ssh".into()), line: Some(line) };
        let rule = FoundExposure { location: Some(own), ..exposure(22, source) };
        assert_eq!(shown(OWN, 1, &[rule]), expected);
    }

    #[test]
    fn json_is_read_by_its_indentation() {
        let text = r#"{
  "Resources": {
    "Web": {
      "Type": "AWS::EC2::SecurityGroup",
      "Properties": {
        "SecurityGroupIngress": [
          {
            "IpProtocol": "tcp",
            "FromPort": 22,
            "ToPort": 22,
            "CidrIp": "0.0.0.0/0"
          }
        ]
      }
    }
  }
}"#;
        assert_eq!(shown(text, 3, &[exposure(22, "0.0.0.0/0")]), "3 8 9 10 11!");
        let snippet = snippet(&Lines::new(text.to_owned()), 3, &[Written::from(&exposure(22, "0.0.0.0/0"))]).unwrap();
        assert!(snippet.text().starts_with("\"Web\": {\n        \"IpProtocol\": \"tcp\",\n"), "{}", snippet.text());
    }

    #[test]
    fn a_resource_of_a_plan_begins_with_its_address() {
        let text = r#"[
  {
    "address": "aws_vpc_security_group_ingress_rule.ssh[0]",
    "values": {
      "cidr_ipv4": "0.0.0.0/0",
      "from_port": 22
    }
  }
]"#;
        assert_eq!(shown(text, 3, &[exposure(22, "0.0.0.0/0")]), "3 5! 6");
    }

    #[test]
    fn a_source_that_was_not_understood_is_shown() {
        let source = Written { source: "!Ref Office".into(), words: Vec::new(), line: None };
        let lines = snippet(&Lines::new("Web:\n  - CidrIp: !Ref Office\n".to_owned()), 1, &[source]).unwrap().lines;
        assert_eq!(lines.iter().map(|line| line.is_marked).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn a_line_that_does_not_exist_or_is_endless_is_not_shown() {
        assert_eq!(shown(YAML, 99, &[]), "");
        assert_eq!(shown(YAML, 0, &[]), "");
        assert_eq!(shown(&"x".repeat(MAX_LINE + 1), 1, &[]), "");
    }

    #[rstest]
    #[case("")]
    #[case("a")]
    #[case("a\nb")]
    #[case("a\r\n\n  b\r\n")]
    fn lines_are_those_of_the_standard_library(#[case] text: &str) {
        let lines = Lines::new(text.to_owned());
        assert_eq!(lines.from(0).collect::<Vec<_>>(), text.lines().collect::<Vec<_>>());
        assert_eq!(lines.get(1), text.lines().nth(1));
    }

    /// Looking for the lines again for each group would take minutes.
    #[test]
    fn thousands_of_groups_in_a_file_take_bounded_time() {
        const GROUPS: u64 = 20_000;
        let lines =
            Lines::new("Group:\n  CidrIp: 0.0.0.0/0\n  FromPort: 22\n".repeat(usize::try_from(GROUPS).unwrap()));
        let rule = [Written::from(&exposure(22, "0.0.0.0/0"))];
        let begun = Instant::now();
        let shown = (0..GROUPS).filter(|group| snippet(&lines, group * 3 + 1, &rule).is_some()).count();
        assert_eq!(u64::try_from(shown).unwrap(), GROUPS);
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    }

    #[test]
    fn thousands_of_groups_in_one_line_take_bounded_time() {
        let lines = Lines::new("{\"FromPort\": 22, \"CidrIp\": \"10.0.0.0/8\"},".repeat(100_000));
        let rule = [Written::from(&exposure(22, "0.0.0.0/0"))];
        let begun = Instant::now();
        assert!((0..20_000).all(|_| snippet(&lines, 1, &rule).is_none()));
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    }

    #[rstest]
    #[case("CidrIp: 0.0.0.0/0", "0.0.0.0/0", true)]
    #[case("CidrIp: 10.0.0.0/0", "0.0.0.0/0", false)]
    #[case("FromPort: 2222", "22", false)]
    #[case("\"FromPort\": 22,", "22", true)]
    #[case("CidrIpv6: '::/0'", "::/0", true)]
    #[case("CidrIpv6: fd00::/0", "::/0", false)]
    fn words_are_whole(#[case] text: &str, #[case] word: &str, #[case] expected: bool) {
        assert_eq!(has_word(text, word), expected);
    }
}
