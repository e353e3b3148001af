"""Templates are put together from their sources, and the committed ones are up to date."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from rendering import TemplateLoader

SOURCE = """\
# The source of a stack.
AWSTemplateFormatVersion: '2010-09-09'

Resources:
  # Greets.
  Greeting:
    Type: AWS::SSM::Document
    Properties:
      DocumentType: Automation
      Content: !Include documents/greet.yaml

  Topic:
    Type: AWS::SNS::Topic
"""
DOCUMENT = """\
# Content of the document Greeting.
schemaVersion: '0.3'
description: |
  # Greet

  Greets the topic.
mainSteps:
  # The only step.
  - name: Greet
    action: aws:executeScript
    inputs:
      Runtime: python3.11
      Handler: greet
      InputPayload: { topic: !Ref Topic }
      Script: !Include greet.py
"""
SCRIPT = '''\
"""Greets."""


def greet(events, context):
    return f"hello, {events['topic']}"
'''
TEMPLATE = """\
# Generated from greeting.source.yaml and the files it includes: edit those, then run `make assemble`.
AWSTemplateFormatVersion: '2010-09-09'

Resources:
  # Greets.
  Greeting:
    Type: AWS::SSM::Document
    Properties:
      DocumentType: Automation
      Content:
        schemaVersion: '0.3'
        description: |
          # Greet

          Greets the topic.
        mainSteps:
          # The only step.
          - name: Greet
            action: aws:executeScript
            inputs:
              Runtime: python3.11
              Handler: greet
              InputPayload: { topic: !Ref Topic }
              Script: |
                \"\"\"Greets.\"\"\"


                def greet(events, context):
                    return f"hello, {events['topic']}"

  Topic:
    Type: AWS::SNS::Topic
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The source of a template, with a document and its script."""
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "greet.yaml").write_text(DOCUMENT, encoding="utf-8")
    (tmp_path / "documents" / "greet.py").write_text(SCRIPT, encoding="utf-8")
    path = tmp_path / "greeting.source.yaml"
    path.write_text(SOURCE, encoding="utf-8")
    return path


def run(checkout: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, checkout / "scripts" / "assemble_template.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def assemble(checkout: Path, source: Path) -> Path:
    """Path of the template that a source makes."""
    done = run(checkout, source)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return source.with_name(source.name.replace(".source.yaml", ".yaml"))


def test_the_committed_templates_are_what_their_sources_make(checkout: Path) -> None:
    done = run(checkout, "--check")
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def test_a_template_has_the_lines_of_its_source_and_of_the_files_it_includes(checkout: Path, source: Path) -> None:
    assert assemble(checkout, source).read_text(encoding="utf-8") == TEMPLATE


def test_an_included_script_keeps_its_text(checkout: Path, source: Path) -> None:
    template = yaml.load(assemble(checkout, source).read_text(encoding="utf-8"), TemplateLoader)
    (step,) = template["Resources"]["Greeting"]["Properties"]["Content"]["mainSteps"]
    assert step["inputs"]["Script"] == SCRIPT
    assert step["inputs"]["InputPayload"] == {"topic": {"Ref": "Topic"}}


def test_a_contributor_changes_a_document(checkout: Path, source: Path) -> None:
    template = assemble(checkout, source)
    assert run(checkout, "--check", source).returncode == 0

    document = source.parent / "documents" / "greet.yaml"
    document.write_text(DOCUMENT.replace("Greets the topic.", "Greets the topic, politely."), encoding="utf-8")
    refused = run(checkout, "--check", source)
    assert refused.returncode == 1
    assert "-          Greets the topic.\n+          Greets the topic, politely.\n" in refused.stdout
    assert refused.stderr.startswith(f"error: {template} differs from what its source makes: ")
    assert refused.stderr.endswith("run make assemble\n")
    assert "politely" not in template.read_text(encoding="utf-8"), "a check writes nothing"

    assemble(checkout, source)
    assert "politely" in template.read_text(encoding="utf-8")
    assert run(checkout, "--check", source).returncode == 0


def test_a_contributor_changes_the_template_by_hand(checkout: Path, source: Path) -> None:
    template = assemble(checkout, source)
    template.write_text(TEMPLATE.replace("AWS::SNS::Topic", "AWS::SQS::Queue"), encoding="utf-8")
    refused = run(checkout, "--check", source)
    assert refused.returncode == 1
    assert "-    Type: AWS::SQS::Queue\n+    Type: AWS::SNS::Topic\n" in refused.stdout
    assert "edit greeting.source.yaml, not the template" in refused.stderr


def test_a_template_that_was_never_assembled_is_found(checkout: Path, source: Path) -> None:
    refused = run(checkout, "--check", source)
    assert refused.returncode == 1
    assert "+AWSTemplateFormatVersion" in refused.stdout


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("documents/greet.yaml", "documents/gret.yaml", "line 10: reading `documents/gret.yaml` failed: No such file or directory: name a"),
        ("documents/greet.yaml", "greeting.source.yaml", "line 10: `greeting.source.yaml` includes itself"),
        ("Content: !Include documents/greet.yaml", "Content: !Include", "line 10: malformed `!Include`: write `KEY: !Include FILE`"),
        ("Content: !Include documents/greet.yaml", "Content: { a: !Include b.yaml }", "line 10: malformed `!Include`"),
        ("Content: !Include documents/greet.yaml", "- !Include b.yaml", "line 10: malformed `!Include`"),
    ],
)
def test_a_wrong_include_is_refused_with_its_line(checkout: Path, source: Path, old: str, new: str, problem: str) -> None:
    source.write_text(SOURCE.replace(old, new), encoding="utf-8")
    done = run(checkout, source)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {source}: {problem}")
    assert not source.with_name("greeting.yaml").exists()


def test_files_that_include_each_other_are_refused(checkout: Path, source: Path) -> None:
    document = source.parent / "documents" / "greet.yaml"
    document.write_text("mainSteps: !Include more.yaml\n", encoding="utf-8")
    document.with_name("more.yaml").write_text("again: !Include ../documents/greet.yaml\n", encoding="utf-8")
    done = run(checkout, source)
    assert done.returncode == 1
    assert "more.yaml: line 1: `../documents/greet.yaml` includes itself" in done.stderr


@pytest.mark.parametrize(
    ("name", "code", "problem"),
    [("greeting.yaml", 2, "is not a source: name a file that ends in .source.yaml"), ("none.source.yaml", 1, "none.source.yaml` failed")],
)
def test_only_sources_are_assembled(checkout: Path, tmp_path: Path, name: str, code: int, problem: str) -> None:
    done = run(checkout, tmp_path / name)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert problem in done.stderr
