//! Verdicts on the groups of Terraform plans: which rules a group has, and what exists after the run.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::needless_pass_by_value, reason = "tests")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use exposure::{Exemptions, Policy};
use findings::{ComplianceType, GroupResult};
use inventory::{Options, read};
use judgement::Criteria;
use rstest::rstest;
use serde_json::{Map, Value, json};

type Read = (Vec<GroupResult>, Vec<String>);

fn read_with(exemptions: &str, input: &str) -> Read {
    let exemptions = Exemptions::from_json(exemptions).unwrap();
    let now = "2026-11-21T00:00:00Z".parse().unwrap();
    let criteria = Criteria::new(Policy::new("22".parse().unwrap()), exemptions, now);
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    read(input.as_bytes(), "plan.json", &Options::default(), &mut |record| {
        match record {
            Ok(record) => {
                let judged = criteria.judge_offline(record.group.clone(), &record.known);
                results.push(record.result(&judged.group, &judged.assess()));
            }
            Err(error) => errors.push(error.to_string()),
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    (results, errors)
}

fn read_plan(plan: &Value) -> Read {
    read_with(r#"{"version":1,"exemptions":[]}"#, &plan.to_string())
}

/// The verdicts by group: C, N or U for undecided.
fn verdicts(plan: &Value) -> BTreeMap<String, char> {
    let (results, errors) = read_plan(plan);
    assert_eq!(errors, [] as [String; 0]);
    let letter = |compliance| match compliance {
        ComplianceType::Compliant => 'C',
        ComplianceType::NonCompliant => 'N',
        ComplianceType::InsufficientData => 'U',
    };
    results.iter().map(|result| (result.group_id.clone(), letter(result.compliance))).collect()
}

fn expected(verdicts: &[(&str, char)]) -> BTreeMap<String, char> {
    verdicts.iter().map(|(group, verdict)| ((*group).to_owned(), *verdict)).collect()
}

const WEB: &str = "aws_security_group.web";
const RULE: &str = "aws_vpc_security_group_ingress_rule.ssh";
const LIST: &str = "aws_ec2_managed_prefix_list";

/// Type and name of the resource at an address, and its modules.
fn split(address: &str) -> (Vec<String>, String, String) {
    let bare: String = address.split('[').enumerate().fold(String::new(), |all, (index, part)| {
        all + if index == 0 { part } else { part.split_once(']').unwrap().1 }
    });
    let mut parts: Vec<String> = bare.split('.').map(str::to_owned).collect();
    let name = parts.pop().unwrap();
    let kind = parts.pop().unwrap();
    (parts.into_iter().filter(|part| part != "module").collect(), kind, name)
}

/// A change, as `terraform show -json` prints it.
fn change(address: &str, actions: &[&str], before: Value, after: Value, unknown: Value) -> Value {
    let (_, kind, name) = split(address);
    json!({
        "address": address, "mode": "managed", "type": kind, "name": name,
        "change": {"actions": actions, "before": before, "after": after, "after_unknown": unknown}
    })
}

fn create(address: &str, after: Value, unknown: Value) -> Value {
    change(address, &["create"], Value::Null, after, unknown)
}

/// A new group without rules of its own.
fn new_group(address: &str) -> Value {
    create(address, json!({"name": "web"}), json!({"id": true, "ingress": true}))
}

/// A new rule of a group that has no id yet.
fn new_rule(address: &str) -> Value {
    let rule = json!({"ip_protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_ipv4": "0.0.0.0/0"});
    create(address, rule, json!({"security_group_id": true}))
}

fn object(entry: &Value, values: &Value) -> Value {
    json!({
        "address": entry["address"], "mode": "managed", "type": entry["type"], "name": entry["name"], "values": values
    })
}

/// A plan with these changes. `configuration` is the `root_module` there.
fn plan(changes: &[Value], configuration: Value) -> Value {
    let planned: Vec<Value> = changes
        .iter()
        .filter(|entry| !entry["change"]["after"].is_null())
        .map(|entry| object(entry, &entry["change"]["after"]))
        .collect();
    json!({
        "format_version": "1.2", "terraform_version": "1.9.5",
        "planned_values": {"root_module": {"resources": planned}},
        "resource_changes": changes,
        "configuration": {"root_module": configuration},
    })
}

/// A block in the configuration.
fn block(address: &str, expressions: Value) -> Value {
    let (_, kind, name) = split(address);
    let mode = if address.starts_with("data.") { "data" } else { "managed" };
    json!({"address": address, "mode": mode, "type": kind, "name": name, "expressions": expressions})
}

fn references(attribute: &str, references: &[&str]) -> Value {
    let mut expressions = Map::new();
    expressions.insert(attribute.to_owned(), json!({ "references": references }));
    expressions.into()
}

fn to_group(names: &[&str]) -> Value {
    references("security_group_id", names)
}

/// Rules of `rules` over the groups of `groups`, with these references in the rule.
fn tied(groups: &[&str], rules: &[&str], names: &[&str]) -> Value {
    let changes: Vec<Value> =
        groups.iter().map(|at| new_group(at)).chain(rules.iter().map(|at| new_rule(at))).collect();
    plan(&changes, json!({"resources": [block(WEB, json!({})), block(RULE, to_group(names))]}))
}

const WEB_0: &str = "aws_security_group.web[0]";
const WEB_1: &str = "aws_security_group.web[1]";
const RULE_0: &str = "aws_vpc_security_group_ingress_rule.ssh[0]";
const RULE_1: &str = "aws_vpc_security_group_ingress_rule.ssh[1]";

/// A group that may have an open rule is not compliant; one that has it for certain is named.
#[rstest]
#[case::one_group(&[WEB], &[RULE], &["aws_security_group.web.id", "aws_security_group.web"], &[(WEB, 'N')])]
#[case::local(&[WEB], &[RULE], &["local.group_id"], &[(WEB, 'N')])]
#[case::local_of_two(&[WEB_0, WEB_1], &[RULE], &["local.group_id"], &[(WEB_0, 'U'), (WEB_1, 'U'), (RULE, 'N')])]
#[case::two_groups(&[WEB_0, WEB_1], &[RULE],
    &["aws_security_group.web[0].id", "aws_security_group.web[0]", "aws_security_group.web",
      "aws_security_group.web[1].id", "aws_security_group.web[1]", "aws_security_group.web"],
    &[(WEB_0, 'U'), (WEB_1, 'U'), (RULE, 'N')])]
#[case::index(&[WEB_0, WEB_1], &[RULE],
    &["aws_security_group.web[1].id", "aws_security_group.web[1]", "aws_security_group.web"],
    &[(WEB_0, 'C'), (WEB_1, 'N')])]
#[case::condition(&[WEB_0], &[RULE],
    &["var.create", "aws_security_group.web[0].id", "aws_security_group.web[0]", "aws_security_group.web", "var.id"],
    &[(WEB_0, 'N')])]
#[case::as_many(&[WEB_0, WEB_1], &[RULE_0, RULE_1], &["aws_security_group.web", "count.index"],
    &[(WEB_0, 'N'), (WEB_1, 'N')])]
#[case::not_as_many(&[WEB_0, WEB_1], &[RULE_0], &["aws_security_group.web", "count.index"],
    &[(WEB_0, 'U'), (WEB_1, 'U'), (RULE_0, 'N')])]
#[case::data_source(&[WEB], &[RULE], &["data.aws_security_group.x.id", "data.aws_security_group.x"],
    &[(WEB, 'C'), (RULE, 'N')])]
#[case::nothing_is_known(&[WEB], &[RULE], &["each.value.id", "each.value"], &[(WEB, 'U'), (RULE, 'N')])]
fn a_group_that_may_have_an_open_rule_is_not_compliant(
    #[case] groups: &[&str],
    #[case] rules: &[&str],
    #[case] names: &[&str],
    #[case] verdict: &[(&str, char)],
) {
    assert_eq!(verdicts(&tied(groups, rules, names)), expected(verdict));
}

#[test]
fn the_reason_names_the_rule_resource() {
    let (results, _) = read_plan(&tied(&[WEB_0, WEB_1], &[RULE], &["local.group_id"]));
    let reason = &results.iter().find(|result| result.group_id == WEB_0).unwrap().unjudged[0].reason;
    assert_eq!(reason, &format!("`{RULE}` may belong to this group: the plan does not show to which one"));
}

/// A new group without rules may have a `dynamic "ingress"`, which looks the same. It counts as one that has none.
#[rstest]
#[case::no_rules(plan(&[new_group(WEB)], json!({"resources": [block(WEB, json!({}))]})), 1)]
#[case::rules_are_resources(tied(&[WEB], &[RULE], &["local.id"]), 0)]
#[case::rules_are_known(plan(&[create(WEB, json!({"ingress": []}), json!({}))], json!({"resources": [block(WEB, json!({}))]})), 0)]
fn groups_that_are_assumed_to_have_no_rules_are_counted(#[case] plan: Value, #[case] assumed: u64) {
    let mut each = |_| ControlFlow::Continue(());
    let stats = read(plan.to_string().as_bytes(), "plan.json", &Options::default(), &mut each).unwrap();
    assert_eq!((stats.groups, stats.assumed), (1, assumed));
}

/// A rule that opens nothing leaves every group as it is.
#[test]
fn a_harmless_rule_makes_no_group_undecided() {
    let mut plan = tied(&[WEB_0, WEB_1], &[RULE], &["local.group_id"]);
    for path in ["/planned_values/root_module/resources/2/values", "/resource_changes/2/change/after"] {
        plan.pointer_mut(path).unwrap()["cidr_ipv4"] = "10.0.0.0/8".into();
    }
    assert_eq!(verdicts(&plan), expected(&[(WEB_0, 'C'), (WEB_1, 'C'), (RULE, 'C')]));
}

/// Without a configuration a rule may belong to any group.
#[test]
fn a_plan_without_configuration_shows_no_groups_of_rules() {
    let mut plan = tied(&[WEB], &[RULE], &["aws_security_group.web"]);
    plan.as_object_mut().unwrap().remove("configuration");
    assert_eq!(verdicts(&plan), expected(&[(WEB, 'U'), (RULE, 'N')]));
}

/// `for_each` by the keys of the groups, and by something else.
#[rstest]
#[case::key(&["aws_security_group.web", "each.key"], json!({"references": ["local.x"]}), ['N', 'C'])]
#[case::value(&["each.value.id", "each.value"], json!({"references": ["aws_security_group.web"]}), ['N', 'C'])]
#[case::another_key(&["aws_security_group.web", "each.value.group", "each.value"], json!({"references": ["local.x"]}), ['U', 'U'])]
#[case::value_of_local(&["each.value.id", "each.value"], json!({"references": ["local.x"]}), ['U', 'U'])]
fn rules_over_the_keys_of_groups(#[case] names: &[&str], #[case] for_each: Value, #[case] verdict: [char; 2]) {
    let groups = [r#"aws_security_group.web["a"]"#, r#"aws_security_group.web["b"]"#];
    let rule = r#"aws_vpc_security_group_ingress_rule.ssh["a"]"#;
    let mut plan = tied(&groups, &[rule], names);
    plan["configuration"]["root_module"]["resources"][1]["for_each_expression"] = for_each;
    let found = verdicts(&plan);
    assert_eq!([found[groups[0]], found[groups[1]]], verdict);
}

/// A rule in a module gets its group by a variable from an instance of another module.
#[rstest]
#[case::instance(&["module.g[1].id", "module.g[1]", "module.g"], ['C', 'N'])]
#[case::any_instance(&["module.g"], ['U', 'U'])]
fn a_rule_of_an_instance_of_a_module(#[case] names: &[&str], #[case] verdict: [char; 2]) {
    let groups = ["module.g[0].aws_security_group.web", "module.g[1].aws_security_group.web"];
    let changes = [new_group(groups[0]), new_group(groups[1]), new_rule(&format!("module.r.{RULE}"))];
    let output = json!({"id": {"expression": {"references": ["aws_security_group.web.id", "aws_security_group.web"]}}});
    let plan = plan(
        &changes,
        json!({"module_calls": {
            "g": {"module": {"resources": [block(WEB, json!({}))], "outputs": output}},
            "r": {
                "expressions": {"group": {"references": names}},
                "module": {"resources": [block(RULE, to_group(&["var.group"]))]}
            }
        }}),
    );
    let found = verdicts(&plan);
    assert_eq!([found[groups[0]], found[groups[1]]], verdict);
}

/// terraform-aws-modules/security-group: two blocks, of which one has an instance, and a local value.
#[test]
fn a_rule_of_the_community_module_belongs_to_the_group_of_its_module() {
    let group = "module.sg.aws_security_group.this_name_prefix[0]";
    let changes =
        [new_group(group), new_rule(&format!("module.sg.{RULE_0}")), new_group("module.x.aws_security_group.web")];
    let blocks = [
        block("aws_security_group.this", json!({})),
        block("aws_security_group.this_name_prefix", json!({})),
        block(RULE, to_group(&["local.this_sg_id"])),
    ];
    let plan = plan(
        &changes,
        json!({"module_calls": {
            "sg": {"expressions": {"name": {"constant_value": "web"}}, "module": {"resources": blocks}},
            "x": {"module": {"resources": [block(WEB, json!({}))]}},
        }}),
    );
    assert_eq!(verdicts(&plan), expected(&[(group, 'N'), ("module.x.aws_security_group.web", 'C')]));
}

fn existing(id: &str, cidr: &str) -> Value {
    let rule = json!({
        "cidr_blocks": [cidr], "ipv6_cidr_blocks": [], "prefix_list_ids": [], "security_groups": [], "self": false,
        "from_port": 22, "to_port": 22, "protocol": "tcp", "description": ""
    });
    json!({"id": id, "name": "web", "ingress": [rule]})
}

/// A plan with `-target` or `-refresh-only` shows what it leaves as it is in the prior state alone.
#[test]
fn what_a_plan_leaves_alone_is_judged() {
    let entry = new_group(WEB);
    let prior = |values: &Value| json!({"values": {"root_module": {"resources": [object(&entry, values)]}}});
    let open = existing("sg-1", "0.0.0.0/0");
    let mut refresh_only = plan(&[], json!({"resources": [block(WEB, json!({}))]}));
    refresh_only["planned_values"] = json!({});
    refresh_only["prior_state"] = prior(&open);
    assert_eq!(verdicts(&refresh_only), expected(&[("sg-1", 'N')]));
    // What the plan changes or destroys does not count as it was.
    let closed = existing("sg-1", "10.0.0.0/8");
    for (actions, after, verdict) in
        [("update", closed, expected(&[("sg-1", 'C')])), ("delete", Value::Null, BTreeMap::new())]
    {
        let change = change(WEB, &[actions], open.clone(), after, json!({}));
        let mut plan = plan(&[change], json!({"resources": [block(WEB, json!({}))]}));
        plan["prior_state"] = prior(&open);
        assert_eq!(verdicts(&plan), verdict);
    }
}

/// A group that the run forgets stays as it is in AWS.
#[rstest]
#[case::removed(&["forget"], Value::Null, &[("sg-1", 'N')])]
#[case::replaced(&["create", "forget"], json!({"ingress": []}), &[("sg-1", 'N'), (WEB, 'C')])]
fn a_forgotten_group_stays(#[case] actions: &[&str], #[case] after: Value, #[case] verdict: &[(&str, char)]) {
    let forgotten = change(WEB, actions, existing("sg-1", "0.0.0.0/0"), after, json!({}));
    let mut found = plan(std::slice::from_ref(&forgotten), json!({}));
    assert_eq!(verdicts(&found), expected(verdict));
    if actions.len() == 1 {
        // Terraform lists it among the planned values, without values.
        found["planned_values"]["root_module"]["resources"] = json!([object(&forgotten, &Value::Null)]);
        assert_eq!(verdicts(&found), expected(verdict));
    }
}

#[test]
fn a_deposed_group_that_is_forgotten_stays() {
    let mut deposed = change(WEB, &["forget"], existing("sg-2", "0.0.0.0/0"), Value::Null, json!({}));
    deposed["deposed"] = "00000001".into();
    let closed = existing("sg-1", "10.0.0.0/8");
    let plan = plan(&[change(WEB, &["no-op"], closed.clone(), closed, json!({})), deposed], json!({}));
    assert_eq!(verdicts(&plan), expected(&[("sg-1", 'C'), ("sg-2", 'N')]));
}

/// A rule with new prefix lists: all of them, or a choice.
#[rstest]
#[case::both("aws_security_group_rule", json!([true, true]), &["private", "world"], 'N')]
#[case::choice("aws_vpc_security_group_ingress_rule", json!(true), &["private", "world"], 'U')]
#[case::choice_of_harmless("aws_vpc_security_group_ingress_rule", json!(true), &["private", "other"], 'C')]
#[case::one("aws_vpc_security_group_ingress_rule", json!(true), &["private"], 'C')]
#[case::something_else("aws_vpc_security_group_ingress_rule", json!(true), &["private", "data"], 'U')]
fn a_rule_with_several_prefix_lists(
    #[case] kind: &str,
    #[case] unknown: Value,
    #[case] names: &[&str],
    #[case] verdict: char,
) {
    let attribute = if kind == "aws_security_group_rule" { "prefix_list_ids" } else { "prefix_list_id" };
    let mut values = json!({"type": "ingress", "from_port": 22, "to_port": 22, "security_group_id": "sg-1"});
    values["protocol"] = "tcp".into();
    values["ip_protocol"] = "tcp".into();
    let mut marks = Map::new();
    marks.insert(attribute.to_owned(), unknown);
    let list = |name: &str, cidr: &str| {
        create(&format!("{LIST}.{name}"), json!({"entry": [{"cidr": cidr}]}), json!({"id": true}))
    };
    let rule = format!("{kind}.ssh");
    let changes = [
        list("private", "10.0.0.0/8"),
        list("other", "10.1.0.0/16"),
        list("world", "0.0.0.0/0"),
        create(&rule, values, marks.into()),
    ];
    let texts: Vec<String> = names
        .iter()
        .map(|name| if *name == "data" { format!("data.{LIST}.x") } else { format!("{LIST}.{name}") })
        .flat_map(|name| [format!("{name}.id"), name])
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let plan = plan(&changes, json!({"resources": [block(&rule, references(attribute, &texts))]}));
    assert_eq!(verdicts(&plan), expected(&[("sg-1", verdict)]));
}

/// The entries of an existing list become unknown.
#[test]
fn a_prefix_list_whose_entries_are_not_known_yet() {
    let list = format!("{LIST}.office");
    let before = json!({"id": "pl-1", "entry": [{"cidr": "10.0.0.0/8"}]});
    let list = change(&list, &["update"], before, json!({"id": "pl-1"}), json!({"entry": true}));
    let mut rule = new_rule(RULE);
    rule["change"]["after"] = json!({
        "ip_protocol": "tcp", "from_port": 22, "to_port": 22, "prefix_list_id": "pl-1", "security_group_id": "sg-1"
    });
    rule["change"]["after_unknown"] = json!({"id": true});
    assert_eq!(verdicts(&plan(&[list, rule], json!({}))), expected(&[("sg-1", 'U')]));
}

/// Overrides of a stack set that are not known, in the spelling of either provider.
#[rstest]
#[case::value(json!({}), json!({"parameter_overrides": {"Cidr": true}}), json!({}), 'U')]
#[case::all(json!({}), json!({"parameter_overrides": true}), json!({}), 'U')]
#[case::another(json!({"parameter_overrides": {"Other": "x"}}), json!({}), json!({}), 'C')]
#[case::cloud_control(json!({}), json!({}),
    json!([{"parameter_overrides": [{"parameter_key": "Cidr", "parameter_value": "0.0.0.0/0"}]}]), 'U')]
fn overrides_of_stack_sets(
    #[case] instance: Value,
    #[case] unknown: Value,
    #[case] groups: Value,
    #[case] verdict: char,
) {
    let body = json!({
        "Parameters": {"Cidr": {"Type": "String", "Default": "10.0.0.0/8"}, "Other": {"Type": "String", "Default": "y"}},
        "Resources": {"Web": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": [
            {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": {"Ref": "Cidr"}}
        ]}}}
    });
    let kind = if groups.is_array() { "awscc_cloudformation_stack_set" } else { "aws_cloudformation_stack_set" };
    let values = json!({"template_body": body.to_string(), "stack_instances_group": groups});
    let set = create(&format!("{kind}.s"), values, json!({"id": true}));
    let instance = create("aws_cloudformation_stack_set_instance.i", instance, unknown);
    assert_eq!(verdicts(&plan(&[set, instance], json!({}))), expected(&[(&format!("{kind}.s/Web"), verdict)]));
}

/// Input that a filter has damaged is refused, and never passed over.
#[rstest]
#[case::no_rules(json!({"address": WEB, "mode": "managed", "type": "aws_security_group", "values": {}}), "without `ingress`")]
#[case::no_address(json!({"mode": "managed", "type": "aws_security_group", "values": {"ingress": []}}), "without `address`")]
#[case::no_mode(json!({"address": WEB, "type": "aws_security_group", "values": {"ingress": []}}), "without `address`")]
fn a_resource_that_is_not_whole_is_refused(#[case] resource: Value, #[case] problem: &str) {
    let state = json!({"terraform_version": "1.9.0", "values": {"root_module": {"resources": [resource]}}});
    let (results, errors) = read_plan(&state);
    assert_eq!(results, []);
    assert!(errors.len() == 1 && errors[0].contains(problem), "{errors:?}");
}

#[rstest]
#[case(json!("x"), "not an object")]
#[case(json!({"root_module": 1}), "not an object")]
#[case(json!({"root_module": {"resources": {"a": 1}}}), "`resources` is not a list")]
#[case(json!({"root_module": {"child_modules": {}}}), "`child_modules` is not a list")]
fn values_of_another_type_are_refused(#[case] values: Value, #[case] problem: &str) {
    let (_, errors) = read_plan(&json!({"format_version": "1.2", "planned_values": values}));
    assert!(errors.len() == 1 && errors[0].contains(problem), "{errors:?}");
}

/// A source that is no text is not passed over because there is another.
#[test]
fn a_source_that_is_no_text_is_not_known() {
    let mut group = existing("sg-1", "10.0.0.0/8");
    group["ingress"][0]["cidr_blocks"] = json!([null]);
    group["ingress"][0]["security_groups"] = json!(["sg-2"]);
    let change = change(WEB, &["no-op"], group.clone(), group, json!({}));
    assert_eq!(verdicts(&plan(&[change], json!({}))), expected(&[("sg-1", 'U')]));
}

/// JSON does not say which of two keys counts. The other resources are judged.
#[test]
fn a_repeated_key_is_refused() {
    let closed = existing("sg-1", "10.0.0.0/8");
    let db = "aws_security_group.db";
    let changes = [
        change(WEB, &["no-op"], closed.clone(), closed.clone(), json!({})),
        change(db, &["no-op"], existing("sg-2", "0.0.0.0/0"), existing("sg-2", "0.0.0.0/0"), json!({})),
    ];
    let text = plan(&changes, json!({})).to_string();
    let twice = text.replacen(r#""id":"sg-1","#, r#""id":"sg-1","ingress":[],"#, 1);
    assert_ne!(text, twice);
    let (results, errors) = read_with(r#"{"version":1,"exemptions":[]}"#, &twice);
    assert!(errors.len() == 1 && errors[0].contains("duplicate key `ingress`"), "{errors:?}");
    assert_eq!(results.iter().map(|result| result.group_id.as_str()).collect::<Vec<_>>(), ["sg-2"]);
}

/// A plan over several lines has the lines of its resources, also of those that it only changes.
#[test]
fn results_have_the_lines_of_resources() {
    let forgotten = change("aws_security_group.db", &["forget"], existing("sg-2", "0.0.0.0/0"), Value::Null, json!({}));
    let plan = plan(
        &[new_group(WEB), new_rule(RULE), forgotten],
        json!({"resources": [block(WEB, json!({})), block(RULE, to_group(&["aws_security_group.web"]))]}),
    );
    let text = serde_json::to_string_pretty(&plan).unwrap();
    let (results, _) = read_with(r#"{"version":1,"exemptions":[]}"#, &text);
    let at = |line: Option<u64>| text.lines().nth(usize::try_from(line.unwrap()).unwrap() - 1).unwrap().trim();
    let of = |group: &str| results.iter().find(|result| result.group_id == group).unwrap();
    let line = |group: &str| of(group).location.as_ref().unwrap().line;
    assert_eq!(at(line(WEB)), r#""address": "aws_security_group.web","#);
    assert_eq!(at(line("sg-2")), r#""address": "aws_security_group.db","#);
    let rule = of(WEB).exposures[0].location.as_ref().unwrap().line;
    assert_eq!(at(rule), r#""address": "aws_vpc_security_group_ingress_rule.ssh","#);
    assert!(line(WEB) < rule && rule < line("sg-2"));
    // On a single line, they would say nothing.
    let (results, _) = read_plan(&plan);
    assert_eq!(results[0].location.as_ref().unwrap().line, None);
}

/// An exemption by the address of a group holds before the first apply, and after it.
#[rstest]
#[case(WEB, ComplianceType::Compliant)]
#[case("aws_security_group.db", ComplianceType::NonCompliant)]
fn an_exemption_by_address_covers_an_existing_group(#[case] resource: &str, #[case] verdict: ComplianceType) {
    let open = existing("sg-0aaaaaaaaaaaaaaaa", "0.0.0.0/0");
    let plan = plan(&[change(WEB, &["no-op"], open.clone(), open, json!({}))], json!({}));
    let exemption = json!({"resource": resource, "expires": "2026-12-31", "reason": "trial"});
    let exemptions = json!({"version": 1, "exemptions": [exemption]});
    let (results, _) = read_with(&exemptions.to_string(), &plan.to_string());
    assert_eq!(results[0].compliance, verdict);
}

/// Thousands of groups that may have thousands of rules take neither minutes nor gigabytes, and none is compliant.
#[test]
fn many_groups_may_have_many_rules() {
    const MANY: usize = 2_000;
    let mut changes: Vec<Value> = (0..MANY).map(|index| new_group(&format!("{WEB}[{index}]"))).collect();
    changes.extend((0..MANY).map(|index| new_rule(&format!("{RULE}[{index}]"))));
    let plan = plan(&changes, json!({"resources": [block(WEB, json!({})), block(RULE, to_group(&["local.id"]))]}));
    let found = verdicts(&plan);
    let count = |verdict: char| found.values().filter(|found| **found == verdict).count();
    assert_eq!((count('U'), count('N'), count('C')), (MANY, MANY, 0));
}
