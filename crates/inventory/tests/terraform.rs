//! Security groups of Terraform plans and states.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "tests"
)]

mod common;

use inventory::{Options, Record, RecordError};
use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{read_one, rules};

type Found = (Vec<Record>, Vec<RecordError>);

fn scan(input: &Value) -> Found {
    let (records, errors, _) = read_one(input.to_string().as_bytes(), "plan.json", &Options::default()).unwrap();
    (records, errors)
}

fn found(input: &Value) -> Vec<(String, Vec<String>)> {
    let (records, errors) = scan(input);
    assert_eq!(errors, []);
    records.iter().map(|record| (record.group.id.clone(), rules(record))).collect()
}

fn expected(groups: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    groups.iter().map(|(id, rules)| ((*id).to_owned(), rules.iter().map(|rule| (*rule).to_owned()).collect())).collect()
}

/// A planned resource, with its values that are known only after apply.
struct Planned {
    address: &'static str,
    values: Value,
    unknown: Value,
    expressions: Value,
}

fn planned(address: &'static str, values: Value, unknown: Value, expressions: Value) -> Planned {
    Planned { address, values, unknown, expressions }
}

/// The address without keys: type and name.
fn kind_and_name(address: &str) -> (&str, &str) {
    let (kind, name) = address.split_once('.').unwrap();
    (kind, name.split('[').next().unwrap())
}

/// A plan of the root module, in the shape of `terraform show -json`.
fn plan(resources: &[Planned]) -> Value {
    let mut configured = Vec::new();
    for resource in resources {
        let (kind, name) = kind_and_name(resource.address);
        let entry = json!({
            "address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name,
            "expressions": resource.expressions
        });
        if !configured.contains(&entry) {
            configured.push(entry);
        }
    }
    let values = |resource: &Planned| {
        let (kind, name) = kind_and_name(resource.address);
        json!({"address": resource.address, "mode": "managed", "type": kind, "name": name, "values": resource.values})
    };
    let change = |resource: &Planned| {
        let change = json!({
            "actions": ["create"], "before": null, "after": resource.values, "after_unknown": resource.unknown
        });
        json!({"address": resource.address, "change": change})
    };
    json!({
        "format_version": "1.2", "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": resources.iter().map(values).collect::<Vec<_>>()}},
        "resource_changes": resources.iter().map(change).collect::<Vec<_>>(),
        "configuration": {"root_module": {"resources": configured}},
    })
}

fn ingress(change: impl FnOnce(&mut Value)) -> Value {
    let mut rule = json!({
        "cidr_blocks": [], "description": "", "from_port": 22, "ipv6_cidr_blocks": [], "prefix_list_ids": [],
        "protocol": "tcp", "security_groups": [], "self": false, "to_port": 22
    });
    change(&mut rule);
    rule
}

fn open_ssh() -> Value {
    ingress(|rule| rule["cidr_blocks"] = json!(["0.0.0.0/0"]))
}

fn group(rules: Value, unknown: Value) -> Planned {
    let values = json!({"name": "web", "vpc_id": "vpc-1", "tags": {"Name": "web"}, "ingress": rules});
    planned("aws_security_group.web", values, json!({"id": true, "ingress": unknown}), json!({"ingress": {}}))
}

#[test]
fn inline_rules_have_one_source_each() {
    let rule = ingress(|rule| {
        rule["cidr_blocks"] = json!(["0.0.0.0/0", "10.0.0.0/8"]);
        rule["ipv6_cidr_blocks"] = json!(["::/0"]);
        rule["prefix_list_ids"] = json!(["pl-0f00ba4"]);
        rule["security_groups"] = json!(["sg-0bbbbbbbbbbbbbbbb", "111122223333/sg-0cccccccccccccccc"]);
        rule["self"] = true.into();
        rule["description"] = "temp ssh".into();
    });
    let all = ingress(|rule| {
        rule["protocol"] = "-1".into();
        (rule["from_port"], rule["to_port"]) = (0.into(), 0.into());
        rule["cidr_blocks"] = json!(["192.0.2.0/24"]);
    });
    let plan = plan(&[group(json!([rule, all]), json!([{"cidr_blocks": [false, false]}, {}]))]);
    assert_eq!(
        found(&plan),
        expected(&[(
            "aws_security_group.web",
            &[
                "tcp/22 from 0.0.0.0/0",
                "tcp/22 from 10.0.0.0/8",
                "tcp/22 from ::/0",
                "tcp/22 from pl-0f00ba4",
                "tcp/22 from sg-0bbbbbbbbbbbbbbbb",
                "tcp/22 from sg-0cccccccccccccccc",
                "tcp/22 from self",
                "all traffic from 192.0.2.0/24",
            ]
        )])
    );
    let record = &scan(&plan).0[0];
    assert_eq!((record.group.name.as_deref(), record.group.vpc_id.as_deref()), (Some("web"), Some("vpc-1")));
    assert_eq!(record.group.tags["Name"], "web");
    assert_eq!(record.group.ingress[0].description.as_deref(), Some("temp ssh"));
    let location = record.location.as_ref().unwrap();
    assert_eq!((location.file.as_str(), location.resource.as_deref()), ("plan.json", Some("aws_security_group.web")));
}

/// A value that is known only after apply never counts as harmless.
#[rstest]
#[case::source(ingress(|rule| rule["cidr_blocks"] = Value::Null), json!([{"cidr_blocks": true}]),
    &["tcp/22 from `cidr_blocks known after apply`"])]
#[case::one_source(open_ssh(), json!([{"cidr_blocks": [false, true]}]),
    &["tcp/22 from 0.0.0.0/0", "tcp/22 from `cidr_blocks known after apply`"])]
#[case::port(ingress(|rule| { rule["cidr_blocks"] = json!(["0.0.0.0/0"]); rule["from_port"] = Value::Null; }),
    json!([{"from_port": true}]),
    &["protocol `tcp, ports known after apply` from port none to port none from 0.0.0.0/0"])]
#[case::protocol(ingress(|rule| { rule["cidr_blocks"] = json!(["0.0.0.0/0"]); rule["protocol"] = Value::Null; }),
    json!([{"protocol": true}]),
    &["protocol `known after apply` from port none to port none from 0.0.0.0/0"])]
#[case::prefix_list(ingress(|_| {}), json!([{"prefix_list_ids": [true]}]), &["tcp/22 from known after apply"])]
#[case::another_rule(open_ssh(), json!([{}, true]),
    &["tcp/22 from 0.0.0.0/0",
      "protocol `ingress known after apply` from port none to port none from `known after apply`"])]
fn values_known_after_apply_are_not_recognised(#[case] rule: Value, #[case] unknown: Value, #[case] rules: &[&str]) {
    let plan = plan(&[group(json!([rule]), unknown)]);
    assert_eq!(found(&plan), expected(&[("aws_security_group.web", rules)]));
}

/// A reference to a security group is not part of the internet, whichever group it will be.
#[test]
fn a_security_group_known_after_apply_is_one() {
    let plan = plan(&[group(json!([ingress(|_| {})]), json!([{"security_groups": [true]}]))]);
    let (records, _) = scan(&plan);
    assert!(matches!(records[0].group.ingress[0].source, exposure::Source::SecurityGroup { .. }));
}

/// Terraform shows the inline rules of a new group as "known after apply" even if the configuration has none.
#[rstest]
#[case::configured(json!({"ingress": {"references": ["local.rules"]}}), true, 1)]
#[case::not_configured(json!({"name": {}}), true, 0)]
#[case::no_configuration(json!({}), false, 1)]
fn unknown_inline_rules_count_if_there_are_any(
    #[case] expressions: Value,
    #[case] has_configuration: bool,
    #[case] rules: usize,
) {
    let mut plan =
        plan(&[planned("aws_security_group.web", json!({"name": "web"}), json!({"ingress": true}), expressions)]);
    if !has_configuration {
        plan.as_object_mut().unwrap().remove("configuration");
    }
    assert_eq!(scan(&plan).0[0].group.ingress.len(), rules);
}

fn separate_rule(reference: Value) -> Planned {
    planned(
        "aws_vpc_security_group_ingress_rule.ssh",
        json!({"ip_protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_ipv4": "0.0.0.0/0"}),
        json!({"security_group_id": true, "id": true}),
        json!({"security_group_id": {"references": reference}}),
    )
}

fn bare_group(address: &'static str) -> Planned {
    planned(address, json!({}), json!({"id": true, "ingress": true}), json!({}))
}

#[test]
fn separate_rules_are_tied_to_their_group_by_reference() {
    let rule = planned(
        "aws_security_group_rule.https",
        json!({"type": "ingress", "protocol": "6", "from_port": 443, "to_port": 443, "cidr_blocks": ["10.0.0.0/8"], "self": false}),
        json!({"security_group_id": true, "source_security_group_id": true, "cidr_blocks": [false]}),
        json!({"security_group_id": {"references": ["aws_security_group.web.id", "aws_security_group.web"]}}),
    );
    let egress = planned(
        "aws_security_group_rule.out",
        json!({"type": "egress", "protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}),
        json!({"security_group_id": true}),
        json!({"security_group_id": {"references": ["aws_security_group.web.id", "aws_security_group.web"]}}),
    );
    let by_vpc_rule = separate_rule(json!(["aws_security_group.web.id", "aws_security_group.web"]));
    let plan = plan(&[bare_group("aws_security_group.web"), rule, egress, by_vpc_rule]);
    assert_eq!(
        found(&plan),
        expected(&[("aws_security_group.web", &["tcp/443 from 10.0.0.0/8", "tcp/22 from 0.0.0.0/0"])])
    );
}

/// A rule that a group may have or not.
const POSSIBLE: &str = "tcp/22 from `0.0.0.0/0, if aws_vpc_security_group_ingress_rule.ssh is attached to this group`";

#[rstest]
#[case::unresolved(json!(["local.group_id"]), &[("aws_security_group.web[0]", &[POSSIBLE][..]), ("aws_security_group.web[1]", &[POSSIBLE]),
    ("aws_vpc_security_group_ingress_rule.ssh", &["tcp/22 from 0.0.0.0/0"])])]
#[case::ambiguous(json!(["aws_security_group.web", "var.which"]), &[("aws_security_group.web[0]", &[POSSIBLE][..]), ("aws_security_group.web[1]", &[POSSIBLE]),
    ("aws_vpc_security_group_ingress_rule.ssh", &["tcp/22 from 0.0.0.0/0"])])]
#[case::index(json!(["aws_security_group.web[1].id", "aws_security_group.web[1]", "aws_security_group.web"]),
    &[("aws_security_group.web[0]", &[][..]), ("aws_security_group.web[1]", &["tcp/22 from 0.0.0.0/0"])])]
fn a_rule_is_judged_by_itself_unless_its_group_is_certain(
    #[case] references: Value,
    #[case] groups: &[(&str, &[&str])],
) {
    let plan = plan(&[
        bare_group("aws_security_group.web[0]"),
        bare_group("aws_security_group.web[1]"),
        separate_rule(references),
    ]);
    assert_eq!(found(&plan), expected(groups));
}

#[test]
fn rules_and_groups_with_the_same_key_belong_together() {
    let rule = |address| {
        let rule = separate_rule(json!(["aws_security_group.web", "each.key"]));
        Planned { address, ..rule }
    };
    let plan = plan(&[
        bare_group(r#"aws_security_group.web["a.b"]"#),
        bare_group(r#"aws_security_group.web["c"]"#),
        rule(r#"aws_vpc_security_group_ingress_rule.ssh["a.b"]"#),
    ]);
    let open = [r#"aws_security_group.web["a.b"]"#, r#"aws_security_group.web["c"]"#];
    assert_eq!(found(&plan), expected(&[(open[0], &["tcp/22 from 0.0.0.0/0"]), (open[1], &[])]));
}

/// One module creates the group and outputs it; another receives it as a variable.
#[test]
fn references_are_followed_through_modules() {
    let resource = |module: &str, kind: &str, values: Value| json!({"address": format!("{module}.{kind}.this"), "mode": "managed", "type": kind, "name": "this", "values": values});
    let rule = json!({"ip_protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_ipv4": "0.0.0.0/0"});
    let configured = |kind: &str, expressions: Value| json!({"address": format!("{kind}.this"), "mode": "managed", "type": kind, "name": "this", "expressions": expressions});
    let plan = json!({
        "format_version": "1.2",
        "planned_values": {"root_module": {"child_modules": [
            {"address": "module.groups", "resources": [resource("module.groups", "aws_security_group", json!({"ingress": []}))]},
            {"address": "module.rules", "resources":
                [resource("module.rules", "aws_vpc_security_group_ingress_rule", rule)]},
        ]}},
        "configuration": {"root_module": {"module_calls": {
            "groups": {"module": {
                "outputs": {"id": {"expression": {"references": ["aws_security_group.this.id", "aws_security_group.this"]}}},
                "resources": [configured("aws_security_group", json!({}))],
            }},
            "rules": {
                "expressions": {"group_id": {"references": ["module.groups.id", "module.groups"]}},
                "module": {"resources": [configured("aws_vpc_security_group_ingress_rule",
                    json!({"security_group_id": {"references": ["var.group_id"]}}))]},
            },
        }}},
    });
    assert_eq!(found(&plan), expected(&[("module.groups.aws_security_group.this", &["tcp/22 from 0.0.0.0/0"])]));
}

fn known_rule(group_id: &str) -> Planned {
    planned(
        "aws_vpc_security_group_ingress_rule.ssh",
        json!({
            "ip_protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_ipv4": "0.0.0.0/0",
            "security_group_id": group_id, "security_group_rule_id": "sgr-1"
        }),
        json!({}),
        json!({}),
    )
}

#[test]
fn rules_of_groups_elsewhere_are_judged_under_the_id_of_the_group() {
    let plan = plan(&[known_rule("sg-0aaaaaaaaaaaaaaaa")]);
    assert_eq!(found(&plan), expected(&[("sg-0aaaaaaaaaaaaaaaa", &["tcp/22 from 0.0.0.0/0"])]));
    let location = scan(&plan).0[0].location.clone().unwrap();
    assert_eq!(location.resource.as_deref(), Some("aws_vpc_security_group_ingress_rule.ssh"));
}

/// In a state, a group also has the rules of other resources.
#[test]
fn a_state_is_read_like_a_plan() {
    let mut plan = plan(&[
        planned(
            "aws_default_security_group.default",
            json!({
                "id": "sg-1", "arn": "arn:aws:ec2:eu-west-1:111122223333:security-group/sg-1",
                "owner_id": "111122223333", "ingress": [open_ssh()]
            }),
            json!({}),
            json!({}),
        ),
        known_rule("sg-1"),
    ]);
    let state = json!({
        "format_version": "1.0", "terraform_version": "1.9.0", "values": plan["planned_values"].take()
    });
    assert_eq!(found(&state), expected(&[("sg-1", &["tcp/22 from 0.0.0.0/0"])]));
    let record = &scan(&state).0[0];
    assert_eq!((record.region.as_deref(), record.group.owner_id.as_deref()), (Some("eu-west-1"), Some("111122223333")));
}

/// The refreshed group still has the rule that the plan deletes. A rule that is only forgotten stays.
#[rstest]
#[case(json!(["delete"]), 0)]
#[case(json!(["update"]), 0)]
#[case(json!(["forget"]), 1)]
#[case(json!(["no-op"]), 1)]
fn a_rule_that_the_plan_deletes_or_changes_does_not_count_as_it_was(#[case] actions: Value, #[case] rules: usize) {
    let group = planned(
        "aws_security_group.web",
        json!({"id": "sg-1", "ingress": [open_ssh()]}),
        json!({}),
        json!({"name": {}}),
    );
    let values = group.values.clone();
    let mut plan = plan(&[group]);
    plan["resource_changes"][0]["change"] =
        json!({"actions": ["no-op"], "before": values, "after": values, "after_unknown": {}});
    let before = known_rule("sg-1").values;
    plan["resource_changes"].as_array_mut().unwrap().push(json!({
        "address": "aws_vpc_security_group_ingress_rule.ssh",
        "change": {"actions": actions, "before": before, "after": null, "after_unknown": {}}
    }));
    assert_eq!(scan(&plan).0[0].group.ingress.len(), rules);
}

#[test]
fn a_plan_that_is_not_whole_says_so() {
    let (_, errors) = scan(&json!({"format_version": "1.2", "resource_changes": []}));
    assert!(errors[0].problem.contains("without `planned_values`"), "{}", errors[0]);
    let (_, errors) = scan(&json!({"planned_values": {}, "errored": true}));
    assert!(errors[0].problem.contains("failed"), "{}", errors[0]);
    let (_, errors) = scan(&json!({"planned_values": {}, "complete": false}));
    assert!(errors[0].problem.contains("-target"), "{}", errors[0]);
}

#[test]
fn data_sources_are_no_groups_of_the_plan() {
    let mut plan = plan(&[group(json!([open_ssh()]), json!([]))]);
    plan["planned_values"]["root_module"]["resources"][0]["mode"] = "data".into();
    assert_eq!(found(&plan), []);
}

/// A deposed object stands under the address of the one that replaced it, in any order, until it is destroyed.
#[test]
fn a_deposed_object_is_a_group_of_its_own() {
    let object = |id: &str, cidr: &str, deposed: Option<&str>| {
        let mut rule = open_ssh();
        rule["cidr_blocks"] = json!([cidr]);
        let mut object = json!({
            "address": "aws_security_group.web", "mode": "managed", "type": "aws_security_group", "name": "web",
            "values": {"id": id, "ingress": [rule]}
        });
        if let Some(key) = deposed {
            object["deposed_key"] = json!(key);
        }
        object
    };
    let (now, old) = (object("sg-1", "10.0.0.0/8", None), object("sg-2", "0.0.0.0/0", Some("00000001")));
    let groups = [("sg-1", &["tcp/22 from 10.0.0.0/8"][..]), ("sg-2", &["tcp/22 from 0.0.0.0/0"])];
    for resources in [[now.clone(), old.clone()], [old, now]] {
        let state = json!({"terraform_version": "1.9.0", "values": {"root_module": {"resources": resources}}});
        assert_eq!(found(&state), expected(&groups));
    }
}

/// A deposed rule belongs to the group that it names, and a reference means the current group.
#[test]
fn a_deposed_rule_counts_until_it_is_destroyed() {
    let mut rule = json!({
        "address": "aws_vpc_security_group_ingress_rule.ssh", "mode": "managed",
        "type": "aws_vpc_security_group_ingress_rule", "name": "ssh", "values": known_rule("sg-1").values
    });
    let mut deposed = rule.clone();
    deposed["deposed_key"] = json!("00000001");
    rule["values"]["cidr_ipv4"] = json!("10.0.0.0/8");
    let group = json!({
        "address": "aws_security_group.web", "mode": "managed", "type": "aws_security_group", "name": "web",
        "values": {"id": "sg-1", "ingress": []}
    });
    let state = json!({"terraform_version": "1.9.0", "values": {"root_module": {"resources": [group, rule, deposed]}}});
    assert_eq!(found(&state), expected(&[("sg-1", &["tcp/22 from 10.0.0.0/8", "tcp/22 from 0.0.0.0/0"])]));
}

fn changed(before: &Value, after: &Value, unknown: &Value) -> Value {
    let group = |ingress: &Value| json!({"id": "sg-1", "ingress": ingress});
    let mut plan = plan(&[planned("aws_security_group.web", group(after), json!({}), json!({"name": {}}))]);
    let removed = known_rule("sg-1").values;
    plan["resource_changes"] = json!([
        {"address": "aws_security_group.web", "change": {
            "actions": ["update"], "before": group(before), "after": group(after), "after_unknown": unknown}},
        {"address": "aws_vpc_security_group_ingress_rule.ssh", "change": {
            "actions": ["delete"], "before": removed, "after": null, "after_unknown": {}}},
    ]);
    plan
}

/// A plan moves a rule into its group: the configuration shows no inline blocks, and the change does.
#[test]
fn an_inline_rule_stays_when_the_rule_resource_is_deleted() {
    let web = ingress(|rule| rule["cidr_blocks"] = json!(["10.0.0.0/8"]));
    let open = "tcp/22 from 0.0.0.0/0";
    let plan = changed(&json!([web]), &json!([open_ssh()]), &json!({}));
    assert_eq!(found(&plan), expected(&[("sg-1", &[open])]));
    // The order of the rules means nothing, so these are the rules of the last refresh.
    let plan = changed(&json!([web, open_ssh()]), &json!([open_ssh(), web]), &json!({}));
    assert_eq!(found(&plan), expected(&[("sg-1", &["tcp/22 from 10.0.0.0/8"])]));
    // An existing group whose rules become unknown has a configuration for them.
    let plan = changed(&json!([]), &Value::Null, &json!({"ingress": true}));
    assert!(found(&plan)[0].1[0].contains("known after apply"));
}

/// The entries of a prefix list are in the plan that makes it.
#[test]
fn a_prefix_list_of_the_plan_has_its_entries() {
    let rule = || {
        planned(
            "aws_vpc_security_group_ingress_rule.ssh",
            json!({"ip_protocol": "tcp", "from_port": 22, "to_port": 22, "security_group_id": "sg-1"}),
            json!({"prefix_list_id": true}),
            json!({"prefix_list_id": {"references":
                ["aws_ec2_managed_prefix_list.office.id", "aws_ec2_managed_prefix_list.office"]}}),
        )
    };
    let list = |entries: Value, unknown: Value| {
        planned("aws_ec2_managed_prefix_list.office", json!({ "entry": entries }), unknown, json!({}))
    };
    let known = |plan: &Value| {
        let (records, errors) = scan(plan);
        assert_eq!(errors, []);
        records[0].known.get("aws_ec2_managed_prefix_list.office").cloned()
    };
    let set = |cidr: &str| Some(exposure::PrefixList::Entries([cidr.parse().unwrap()].into_iter().collect()));
    let entries = json!([{"cidr": "10.0.0.0/8"}]);
    assert_eq!(known(&plan(&[list(entries.clone(), json!({})), rule()])), set("10.0.0.0/8"));
    let unreadable = known(&plan(&[list(json!([{}]), json!({"entry": [{"cidr": true}]})), rule()]));
    assert!(matches!(unreadable, Some(exposure::PrefixList::Unreadable { .. })), "{unreadable:?}");
    // A deposed list is not the one that the reference means.
    let mut with_deposed = plan(&[list(entries.clone(), json!({})), rule()]);
    let resources = with_deposed["planned_values"]["root_module"]["resources"].as_array_mut().unwrap();
    let mut deposed = resources[0].clone();
    (deposed["deposed_key"], deposed["values"]) = (json!("00000001"), json!({"entry": [{"cidr": "0.0.0.0/0"}]}));
    resources.push(deposed);
    assert_eq!(known(&with_deposed), set("10.0.0.0/8"));
    // An entry may be a resource of its own.
    let entry = planned(
        "aws_ec2_managed_prefix_list_entry.all",
        json!({"cidr": "0.0.0.0/0"}),
        json!({"prefix_list_id": true}),
        json!({}),
    );
    let both = known(&plan(&[list(entries, json!({})), entry, rule()]));
    let all = ["10.0.0.0/8", "0.0.0.0/0"].map(|cidr| cidr.parse().unwrap());
    assert_eq!(both, Some(exposure::PrefixList::Entries(all.into_iter().collect())));
}
