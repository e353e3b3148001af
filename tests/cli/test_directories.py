"""`portcullis scan DIRECTORY`: which files are read, which are passed over, and which are an error."""

import gzip
import json

import groups
import pytest
import yaml
from command_line import DONE, ERROR, EXPOSED, USAGE

WEB = yaml.safe_dump(groups.template())
OTHER = {
    "package.json": {"name": "app", "configuration": {"a": 1}, "body": "text"},
    "strings.json": ["a", "b"],
    "kafka.json": {"groupId": "consumers"},
    "tsconfig.json": '{\n  // a comment\n  "compilerOptions": {},\n}\n',
    "workflow.yml": "on: push\njobs:\n  test:\n    steps: [{run: make}]\n",
    "manifests.yaml": "kind: A\n---\nkind: B\n",
    "chart.yaml": "{{- if .Values.on }}\nkind: A\n{{- end }}\n",
    "nginx.conf.template": "server {\n  listen 80;\n}\n",
    "empty.yaml": "",
    "tree.json": {"tree": {"attributes": {"aws:cdk:cloudformation:type": "AWS::EC2::SecurityGroup"}}},
    "main.tf.json": {"resource": {"aws_security_group": {"web": {}}}},
}


@pytest.fixture
def tree(portcullis):
    def write(files: dict) -> None:
        for name, content in files.items():
            path = portcullis.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_text(content if isinstance(content, str) else json.dumps(content))

    return write


def found(done) -> list:
    return [(result["location"]["file"], result["group_id"]) for result in done.json()["results"]]


def test_files_of_a_directory_are_read_in_their_order(portcullis, tree):
    compressed = gzip.compress(json.dumps(groups.snapshot()).encode())
    tree({"infra/b/template.yaml": WEB, "infra/a.json": groups.plan(), "infra/c.json.gz": compressed, "infra/answer.json": groups.groups()})
    for command in (["scan", "infra"], ["scan", "--input", "infra"]):
        done = portcullis(*command, "--format", "json")
        assert (done.code, done.err) == (EXPOSED, "")
        report = done.json()
        assert [scope for scope in report["scan"]["inputs"]] == ["infra"]
        files = [(result.get("location") or {}).get("file") for result in report["results"]]
        assert {"infra/a.json", "infra/answer.json", "infra/b/template.yaml"} <= set(files)
        named = portcullis("scan", "infra/a.json", "infra/answer.json", "infra/b/template.yaml", "infra/c.json.gz", "--format", "json")
        assert len(report["results"]) == len(named.json()["results"])
    assert portcullis("scan", "infra", "--format", "json").out.split('"results"')[1] == done.out.split('"results"')[1]


def test_files_that_are_no_input_are_passed_over_and_counted(portcullis, tree):
    tree({f"infra/{name}": content for name, content in OTHER.items()} | {"infra/template.yaml": WEB, "infra/main.tf": "x"})
    done = portcullis("scan", "infra", "--format", "json")
    assert done.code == EXPOSED
    assert done.json()["not_scanned"] == []
    assert done.err.splitlines() == [
        f"infra: {len(OTHER)} files hold nothing that Portcullis reads",
        "infra: 1 Terraform file is not read: scan the output of `terraform show -json`",
    ]
    assert portcullis("scan", "infra", "--format", "json", "--quiet").err == ""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("open.yaml", "AWSTemplateFormatVersion: 2010-09-09\nResources:\n  A: [\n"),
        ("group.yml", "Resources:\n  A:\n   Type: AWS::EC2::SecurityGroup\n  B: {{ x }}\n"),
        ("plan.json", json.dumps(groups.plan())[:-200]),
        ("groups.json", json.dumps(groups.groups())[:-50]),
        ("groups.json", {"SecurityGroups": [{"GroupId": "sg-0aaaaaaaaaaaaaaaa", "IpPermissions": 1}]}),
        ("outputs.json", {"AWSTemplateFormatVersion": "2010-09-09", "Outputs": {}}),
        ("terraform.tfstate", {"lineage": "x", "terraform_version": "1.9", "resources": [{"type": "aws_security_group"}]}),
        ("wrapped.json", {"stdout": groups.groups()}),
        ("tfplan.json", ""),
        ("latin.yaml", "AWSTemplateFormatVersion: 2010-09-09\nDescription: caf\xe9\nResources: {}\n".encode("latin-1")),
        ("damaged.json.gz", gzip.compress(json.dumps(groups.plan()).encode())[:-20]),
    ],
)
def test_a_broken_or_hidden_input_is_an_error(portcullis, tree, name, content):
    tree({f"infra/{name}": content, "infra/template.yaml": WEB})
    done = portcullis("scan", "infra", "--format", "json")
    assert done.code == ERROR
    [problem] = done.json()["not_scanned"]
    assert f"infra/{name}" in problem["target"] + problem["reason"]
    assert len(found(done)) > 1, "the others are scanned"


def test_a_directory_without_an_input_is_an_error_with_the_remedy(portcullis, tree):
    (portcullis.directory / "nothing").mkdir()
    tree({"code/package.json": OTHER["package.json"], "terraform/main.tf": "x", "infra/template.yaml": WEB})
    for name in ("nothing", "code"):
        portcullis("scan", name).failed(ERROR, f"`{name}` has no file that Portcullis reads: name the files")
    portcullis("scan", "terraform").failed(ERROR, "`terraform` has no file", "terraform show -json tfplan")
    done = portcullis("scan", "infra", "code", "--format", "json")
    assert done.code == ERROR
    assert len(done.json()["not_scanned"]) == 1


def test_directories_of_tools_are_skipped_unless_they_are_named(portcullis, tree):
    tree({f"{name}/template.yaml": WEB for name in (".terraform", "node_modules/x", ".git", "infra", "cdk.out")})
    tree({".gitignore": "cdk.out\n"})
    done = portcullis("scan", ".", "--format", "json")
    assert {file for file, _ in found(done)} == {"cdk.out/template.yaml", "infra/template.yaml"}
    assert {file for file, _ in found(portcullis("scan", ".git", "--format", "json"))} == {".git/template.yaml"}


def test_symbolic_links_are_not_followed(portcullis, tree):
    tree({"elsewhere/template.yaml": WEB, "infra/ok.yaml": "Resources: {}\n"})
    (portcullis.directory / "infra" / "link.yaml").symlink_to("../elsewhere/template.yaml")
    (portcullis.directory / "infra" / "loop").symlink_to(".")
    done = portcullis("scan", "infra", "--format", "json")
    assert (done.code, found(done)) == (DONE, [])
    assert done.err == "infra: 2 symbolic links are not followed\n"


def stack(url: str) -> dict:
    return {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url, "Parameters": {"Office": "10.0.0.0/8"}}}


RULE = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": {"Ref": "Office"}}
NETWORK = {
    "Parameters": {"Office": {"Type": "String", "Default": "0.0.0.0/0"}},
    "Resources": {"Bastion": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": [RULE]}}},
}


@pytest.mark.parametrize("parent", ["a.json", "z.json"], ids=["before", "after"])
def test_a_template_that_another_one_deploys_is_judged_there_only(portcullis, tree, parent):
    tree({f"infra/{parent}": {"Resources": {"Network": stack("m.json")}}, "infra/m.json": NETWORK})
    done = portcullis("scan", "infra", "--format", "json")
    assert (done.code, found(done)) == (DONE, [("infra/m.json", "Network/Bastion")])
    both = portcullis("scan", "infra", "infra/m.json", "--format", "json")
    assert sorted(found(both)) == [("infra/m.json", "Bastion"), ("infra/m.json", "Network/Bastion")], "a file that is named is scanned"


def test_templates_that_deploy_one_another_do_not_leave_out_each_other(portcullis, tree):
    one = NETWORK | {"Resources": NETWORK["Resources"] | {"Other": stack("b.json")}}
    other = NETWORK | {"Resources": NETWORK["Resources"] | {"Other": stack("a.json")}}
    own = NETWORK | {"Resources": NETWORK["Resources"] | {"Own": stack("own.json")}}
    tree({"infra/a.json": one, "infra/b.json": other, "infra/own.json": own})
    done = portcullis("scan", "infra", "--format", "json")
    assert done.code == ERROR, "the depth has an end"
    assert {("infra/a.json", "Bastion"), ("infra/own.json", "Bastion"), ("infra/b.json", "Other/Bastion")} <= set(found(done))
    assert ("infra/b.json", "Bastion") not in found(done)


def test_a_file_is_scanned_once(portcullis, tree):
    tree({"infra/sub/template.yaml": WEB})
    once = found(portcullis("scan", "infra", "--format", "json"))
    for inputs in (["infra", "infra/sub"], ["infra", "infra/sub/template.yaml"], ["infra/sub", "infra"]):
        assert found(portcullis("scan", *inputs, "--format", "json")) == once, inputs


def test_a_group_of_a_directory_is_explained(portcullis, tree):
    tree({"infra/package.json": OTHER["package.json"], "infra/template.yaml": WEB})
    done = portcullis("explain", "web", "--input", "infra")
    assert (done.code, done.out.splitlines()[0].split(", ")[0]) == (EXPOSED, "web in infra/template.yaml")
    portcullis("explain", "nowhere", "--input", "infra").failed(ERROR, "there is no security group `nowhere` in infra; it has ")


def test_a_report_does_not_replace_an_input_of_a_directory(portcullis):
    (portcullis.directory / "in").mkdir()
    portcullis.write("in/groups.json", groups.groups())
    before = (portcullis.directory / "in" / "groups.json").read_bytes()
    report = ["--format", "json", "--output"]
    portcullis("scan", "in", *report, "in/groups.json").failed(USAGE, "a report would replace the input `in/groups.json`")
    assert (portcullis.directory / "in" / "groups.json").read_bytes() == before
    # The report of the scan before is no input.
    for _ in range(2):
        assert portcullis("scan", "in", "--quiet", *report, "in/report.json").code == EXPOSED
