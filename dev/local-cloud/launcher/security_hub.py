"""Security Hub: moto keeps the findings, and this module refuses what AWS refuses.

Source: https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_BatchImportFindings.html
"""

import json

import aws_events
import moto_client
import settings
import validation
from botocore.exceptions import ClientError

# Operations by method and path; the others are not served.
OPERATIONS = {
    ("POST", "/accounts"): "EnableSecurityHub",
    ("DELETE", "/accounts"): "DisableSecurityHub",
    ("GET", "/accounts"): "DescribeHub",
    ("POST", "/findings"): "GetFindings",
    ("POST", "/findings/import"): "BatchImportFindings",
}
FINDINGS_MAX = 100
FINDING_BYTES = 240 * 1024
# A customer works with these. An import sets them once.
OF_CUSTOMER = ("Confidence", "Criticality", "Note", "RelatedFindings", "UserDefinedFields", "VerificationState", "Workflow")


def action(method: str, path: str) -> str | None:
    return OPERATIONS.get((method, path.partition("?")[0].rstrip("/")))


def resource() -> str:
    """The product of the account, on which an import is authorised."""
    current = settings.current()
    return f"arn:aws:securityhub:{current.region}:{current.account_id}:product/{current.account_id}/default"


def refused(body: bytes):
    """The answer to an import that AWS refuses as a whole, or None."""
    problem = validation.check("securityhub", "BatchImportFindings", body)
    if problem:
        return _error("InvalidInputException", json.loads(problem[2])["message"], 400)
    findings = json.loads(body)["Findings"]
    if len(findings) > FINDINGS_MAX:
        return _error("InvalidInputException", f"{len(findings)} findings, and at most {FINDINGS_MAX} are possible", 400)
    try:
        moto_client.of("securityhub").describe_hub()
    except ClientError:
        account = settings.current().account_id
        return _error("InvalidAccessException", f"Account {account} is not subscribed to AWS Security Hub", 401)
    return None


def split(body: bytes) -> tuple[bytes, list[dict]]:
    """The findings that moto gets, and `FailedFindings` of the others."""
    taken, failed = [], []
    known = {finding["Id"] for finding in moto_client.of("securityhub").get_findings()["Findings"]}
    for finding in json.loads(body)["Findings"]:
        problem = _problem(finding)
        if problem:
            failed.append({"Id": finding["Id"], "ErrorCode": problem[0], "ErrorMessage": problem[1]})
            continue
        is_known = finding["Id"] in known
        taken.append({name: value for name, value in finding.items() if not (is_known and name in OF_CUSTOMER)})
    return json.dumps({"Findings": taken}).encode(), failed


def _problem(finding: dict) -> tuple[str, str] | None:
    if finding["AwsAccountId"] != settings.current().account_id:
        return "AccessDenied", "The AwsAccountId of a finding has to be the account that imports it"
    if finding["ProductArn"] != resource():
        return "InvalidInput", f"Invalid ProductArn: {finding['ProductArn']}"
    if len(json.dumps(finding)) > FINDING_BYTES:
        return "InvalidInput", "The finding is larger than 240 KB"
    return None


def announce(taken: bytes, reply: bytes) -> None:
    """EventBridge gets the findings that were imported, each in an event.

    Source: https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-cwe-integration-types.html
    """
    failed = {finding["Id"] for finding in json.loads(reply)["FailedFindings"]}
    imported = {finding["Id"]: finding for finding in json.loads(taken)["Findings"] if finding["Id"] not in failed}
    for finding in moto_client.of("securityhub").get_findings()["Findings"]:
        if finding["Id"] in imported:
            # As it is stored: a member that the customer owns is not in the import of a known finding.
            whole = json.loads(json.dumps({**imported[finding["Id"]], **finding}, default=str))
            aws_events.put(
                "aws.securityhub", "Security Hub Findings - Imported", {"findings": [whole]}, [f"{whole['ProductArn']}/{whole['Id']}"]
            )


def answer(failed: list[dict], reply: bytes) -> bytes:
    """The answer of moto, with those that it did not get."""
    said = json.loads(reply)
    said["FailedFindings"] += failed
    said["FailedCount"] = len(said["FailedFindings"])
    return json.dumps(said).encode()


def _error(code: str, message: str, status: int):
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
    return status, headers, json.dumps({"Code": code, "Message": message}).encode()
