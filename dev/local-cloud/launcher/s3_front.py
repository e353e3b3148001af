"""Corrections of S3 in MiniStack where it differs from AWS: bucket owners, missing keys, KMS keys, the root user.

MiniStack enforces identity and bucket policies before its S3 receives a call. This
module adds the decisions of S3 itself: it checks `ExpectedBucketOwner`, requires
`s3:ListBucket` to reveal that a key does not exist, and calls KMS on behalf of the caller.
"""

import json
from urllib.parse import unquote
from xml.sax.saxutils import escape

import gate
import grants
import settings

# The root user may always change the policy of a bucket, so that no bucket is locked for ever.
_ROOTS_OWN = {"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"}
# Longest key of an object, in bytes.
_LONGEST_KEY = 1024
_OWNER_HEADERS = ("x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner")
_KMS_KEY = "x-amz-server-side-encryption-aws-kms-key-id"


def _error(code: str, status: int, message: str):
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>'
    return status, {"Content-Type": "application/xml"}, body.encode()


def _header(headers: dict, name: str) -> str:
    return next((v for k, v in headers.items() if k.lower() == name), "")


def _is_object_call(method: str, key: str, query_params: dict) -> bool:
    """Returns whether a call reads or writes an object itself, and not its tags, uploads or the like."""
    return bool(key) and not set(query_params) - {"x-id", "versionId", "partNumber"} and method in ("GET", "HEAD", "PUT")


def _uses_bucket_key(bucket: str) -> bool:
    """Returns whether objects are encrypted with a key of the bucket, and not with one key each."""
    from ministack.services import s3

    return "<BucketKeyEnabled>true</BucketKeyEnabled>" in (s3._bucket_encryption.get(bucket) or "")


def _kms_refusal(access_key: str, action: str, key: str, bucket: str, name: str):
    """Returns the error if KMS denies the caller a key, or None."""
    from ministack.core import iam_evaluator
    from ministack.services import kms

    record = kms._resolve_key(key)
    if record is None:
        return _error("KMS.NotFoundException", 400, f"Key '{key}' does not exist")
    if record.get("KeyState", "Enabled") != "Enabled":
        return _error("KMS.DisabledException", 400, f"{record['Arn']} is disabled.")
    current = settings.current()
    context = {
        "kms:ViaService": f"s3.{current.region}.amazonaws.com",
        "kms:CallerAccount": current.account_id,
        "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}" + ("" if _uses_bucket_key(bucket) else f"/{name}"),
    }
    refused = grants.authorize(access_key, action, record["Arn"], context)
    principal = iam_evaluator.caller_arn()
    gate.record(
        "kms",
        action,
        principal,
        record["Arn"],
        400 if refused else 200,
        "AccessDeniedException" if refused else None,
        invoked_by="s3.amazonaws.com",
    )
    return _error("AccessDenied", 403, refused) if refused else None


def _encryption_of_write(bucket: str, headers: dict) -> str:
    """Returns the KMS key that encrypts a write; empty if it is not a key of the account."""
    from ministack.services import s3

    if _header(headers, "x-amz-server-side-encryption"):
        return _header(headers, _KMS_KEY)
    return s3._bucket_default_sse_headers(bucket).get(_KMS_KEY, "")


def _policy_problem(bucket: str, body: bytes) -> str | None:
    """Returns the reason why S3 rejects a bucket policy."""
    try:
        statements = json.loads(body)["Statement"]
    except (ValueError, KeyError, TypeError):
        return "This policy contains invalid Json"
    for statement in [statements] if isinstance(statements, dict) else statements:
        if not {"Principal", "NotPrincipal"} & set(statement):
            return "Missing required field Principal"
        resources = statement.get("Resource", statement.get("NotResource", []))
        for resource in [resources] if isinstance(resources, str) else resources:
            if resource != f"arn:aws:s3:::{bucket}" and not resource.startswith(f"arn:aws:s3:::{bucket}/"):
                return "Policy has invalid resource"
    return None


def _version_refusal(access_key: str, bucket: str, body: bytes):
    """Returns the error if the caller may not delete a version that DeleteObjects names, or None.

    MiniStack authorizes the first object as if it had no version.
    """
    from ministack.core import iam_actions, iam_evaluator

    action = "s3:DeleteObjectVersion"
    for arn, version in iam_actions._s3_batch_delete_targets(bucket, body):
        refused = grants.authorize(access_key, action, arn, {}) if version else None
        if refused:
            gate.record("s3", action, iam_evaluator.caller_arn(), arn, 403, "AccessDenied")
            return _error("AccessDenied", 403, refused)
    return None


def _install_handler() -> None:
    from ministack import app
    from ministack.core import iam_actions, iam_evaluator, router
    from ministack.services import s3

    serve = app.SERVICE_HANDLERS["s3"]

    async def handler(method, path, headers, body, query_params):
        bucket, _, key = unquote(path).lstrip("/").partition("/")
        owner = s3._bucket_owner_account(bucket) if bucket else None
        for name in _OWNER_HEADERS:
            expected = _header(headers, name)
            if owner and expected and expected != owner:
                return _error("AccessDenied", 403, "Access Denied")
        access_key = router.extract_access_key_id(headers, query_params) or ""
        if method == "PUT" and not key and "policy" in query_params:
            problem = _policy_problem(bucket, body)
            if problem:
                return _error("MalformedPolicy", 400, problem)
        if method == "POST" and not key and "delete" in query_params:
            refused = _version_refusal(access_key, bucket, body)
            if refused:
                return refused
        if method == "PUT" and _header(headers, "if-none-match") not in ("", "*"):
            return _error("NotImplemented", 501, "A header you provided implies functionality that is not implemented")
        if len(key.encode()) > _LONGEST_KEY:
            return _error("KeyTooLongError", 400, "Your key is too long")
        object_call = owner and _is_object_call(method, key, query_params)
        if object_call and method == "PUT":
            kms_key = _encryption_of_write(bucket, headers)
            refused = _kms_refusal(access_key, "kms:GenerateDataKey", kms_key, bucket, key) if kms_key else None
            if refused:
                return refused
        reply = await serve(method, path, headers, body, query_params)
        if object_call and method == "PUT" and reply[0] < 300:
            reply[1].update({k: v for k, v in headers.items() if k.startswith("x-amz-checksum-crc") or k == "x-amz-checksum-sha256"})
        if not object_call or method == "PUT":
            return reply
        if reply[0] == 404:
            context = {"s3:prefix": key} if settings.current().missing_key_has_prefix else {}
            if grants.authorize(access_key, "s3:ListBucket", f"arn:aws:s3:::{bucket}", context):
                # A caller without permission to list keys must not learn which exist.
                message = iam_actions.identity_denial_message("s3:ListBucket", iam_evaluator.caller_arn(), f"arn:aws:s3:::{bucket}", False)
                return _error("AccessDenied", 403, message)
        # A head needs the key for the checksum only.
        # Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
        needs_key = method == "GET" or _header(headers, "x-amz-checksum-mode").upper() == "ENABLED"
        kms_key = _header(reply[1], _KMS_KEY) if reply[0] < 300 and needs_key else ""
        refused = _kms_refusal(access_key, "kms:Decrypt", kms_key, bucket, key) if kms_key else None
        return refused or reply

    app.SERVICE_HANDLERS["s3"] = handler


def _install_policies() -> None:
    from ministack.core import iam_evaluator
    from ministack.services import iam

    resolve = iam_evaluator._resolve_condition_key
    enforce = iam_evaluator.enforce

    def resolve_condition_key(key, context):
        """Returns aws:PrincipalArn, which for a session is the ARN of its role, including the path."""
        if key.lower() == "aws:principalarn" and ":assumed-role/" in context.principal_arn:
            name = iam_evaluator._role_name_from_assumed_arn(context.principal_arn)
            role = iam._roles.get_scoped(context.principal_account, None, name)
            if role:
                return role["Arn"]
        return resolve(key, context)

    def enforce_on_root(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
        """Applies a Deny of a bucket policy to the root user, too."""
        refused = enforce(access_key_id, iam_action, service, region, resource_arn=resource_arn, service_context=service_context)
        if refused is not None or service != "s3" or iam_action in _ROOTS_OWN or access_key_id != settings.current().access_key_id:
            return refused
        found = iam_evaluator._resource_policy(service, resource_arn)
        if found is None:
            return None
        account = settings.current().account_id
        context = iam_evaluator.EvalContext(
            principal_arn=f"arn:aws:iam::{account}:root",
            principal_type="Root",
            principal_account=account,
            action=iam_action,
            resource_arn=resource_arn,
            region=region,
            service_context={k.lower(): v for k, v in (service_context or {}).items()},
        )
        result = iam_evaluator.evaluate_resource_policy(found[0], context)
        if result.decision != "Deny":
            return None
        result.principal_arn = context.principal_arn
        result.resource_policy_arn = resource_arn
        return result

    iam_evaluator._resolve_condition_key = resolve_condition_key
    iam_evaluator.enforce = enforce_on_root


def install() -> None:
    _install_handler()
    _install_policies()
