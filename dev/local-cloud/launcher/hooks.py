"""Installs the additions of the local cloud in MiniStack.

They replace private names of MiniStack. If a new version lacks one of them, the error
names it, instead of a service running unnoticed without the additions.
"""

import aws_events
import clock
import deliveries
import event_sources
import functions
import gate
import identity
import lambda_front
import lambda_kill
import parameters
import private_names
import proxies
import queue_checks
import resources
import resources_ec2
import resources_lambda
import resources_s3
import s3_front
import schedules

# Names of each module that the additions replace or call.
REQUIRED = {
    "ministack.app": ("SERVICE_HANDLERS", "_dispatch_service_request", "app", "main", "pin_request_origin"),
    "ministack.core.iam_actions": (
        "SERVICE_TO_IAM_NAMESPACE",
        "_s3_batch_delete_targets",
        "access_denied_response",
        "identity_denial_message",
        "extract_iam_action",
        "extract_resource_arn",
        "request_tag_context",
    ),
    "ministack.core.iam_evaluator": (
        "EvalContext",
        "_action_matches",
        "_conditions_met",
        "_principal_keys",
        "_resolve_condition_key",
        "_resource_policy",
        "_role_name_from_assumed_arn",
        "_service_principal_matches",
        "enforce",
        "evaluate_resource_policy",
        "pin_request_origin",
        "request_caller_arn",
    ),
    "ministack.core.lambda_runtime": ("ProvidedWorker", "Worker", "_lock", "_workers", "execution_credentials"),
    "ministack.core.responses": ("request_scope",),
    "ministack.core.router": ("SERVICE_PATTERNS", "detect_service", "extract_region"),
    "ministack.services.cloudformation": ("_stacks",),
    "ministack.services.cloudformation.engine": ("_evaluate_conditions",),
    "ministack.services.cloudformation.provisioners": (
        "_RESOURCE_HANDLERS",
        "_REPLACING_PROPERTIES",
        "_CUSTOM_NAME_REPLACEMENT",
        "_physical_name",
    ),
    "ministack.services.cloudformation.stacks": ("_runs_on_worker_thread",),
    "ministack.services.dynamodb": ("_ttl_reaper", "time"),
    "ministack.services.eventbridge": (
        "_SCHEDULER_TICK_INTERVAL",
        "_dispatch_to_lambda",
        "_dispatch_to_sns",
        "_dispatch_to_sqs",
        "_invoke_target",
        "_parse_cron_fields",
        "_parse_rate_seconds",
        "_put_events",
        "time",
    ),
    "ministack.services.iam": ("_roles", "_users"),
    "ministack.services.kms": ("_resolve_key",),
    "ministack.services.lambda_svc": (
        "_ESM_BACKOFF_SECONDS",
        "_create_esm",
        "_emit_lambda_logs",
        "_esm_backoff_until",
        "_esm_inflight",
        "_esms",
        "_emit_lambda_metrics",
        "_execute_function",
        "_execute_function_warm",
        "_functions",
        "execution_credentials",
        "_get_func_record_for_ref",
        "_execution_record_for_config",
        "_get_func_record_for_qualifier",
        "_poll_sqs",
        "_provided_worker_env",
        "_route_async_failure",
        "_run_sqs_batch",
        "_sqs_esm_concurrency",
        "_update_esm",
        "invoke_async_with_retry",
    ),
    "ministack.services.s3": ("_bucket_default_sse_headers", "_bucket_encryption", "_bucket_owner_account"),
    "ministack.services.ssm": (
        "_default_tier",
        "_delete_parameter",
        "_delete_parameters",
        "_label_parameter_version",
        "_lookup_parameter",
        "_now_epoch",
        "_now_iso",
        "_put_parameter",
    ),
    "ministack.services.scheduler": (
        "_SCHEDULE_TICK_INTERVAL",
        "_at_time_epoch",
        "_create_schedule",
        "_schedule_last_fired",
        "_update_schedule",
        "time",
    ),
    "ministack.services.sns": ("_deliver_to_lambda", "_topic_by_arn_any_scope", "time"),
    "ministack.services.sqs": (
        "_Err",
        "_HANDLERS",
        "_act_change_visibility",
        "_act_receive_message",
        "_act_send_message",
        "_collect_msgs",
        "_delete_messages_for_esm",
        "_dlq_sweep",
        "_ensure_msg_fields",
        "_expire_retained",
        "_get_q",
        "_md5_msg_attrs",
        "_queue_by_arn",
        "_queues_lock",
        "_receive_messages_for_esm",
        "queue_delay",
        "queue_policy_allows",
        "time",
    ),
    "ministack.services.sts": ("_sessions", "register_session"),
    "ministack.services.tagging": ("resource_tags",),
}


class HookMissing(RuntimeError):
    """MiniStack lacks a private name that the local cloud needs."""


def check() -> None:
    missing = private_names.missing(REQUIRED)
    if missing:
        raise HookMissing(
            "this version of MiniStack no longer has "
            + ", ".join(missing)
            + ": install the version pinned in tools/requirements.txt, or adapt dev/local-cloud/launcher"
        )


def install() -> None:
    check()
    clock.install()
    aws_events.install()
    gate.install()
    identity.install()
    proxies.install()
    parameters.install()
    s3_front.install()
    functions.install()
    deliveries.install()
    queue_checks.install()
    event_sources.install()
    lambda_front.install()
    lambda_kill.install()
    schedules.install()
    resources.install()
    resources_ec2.install()
    resources_lambda.install()
    resources_s3.install()
