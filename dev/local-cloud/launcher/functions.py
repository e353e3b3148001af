"""Lambda with the permissions of the execution role: asynchronous invocation, dead letters, logs, environment."""

import contextvars
import itertools
import json
import threading
import time
import uuid

import aws_clients
import gate
import grants
import settings

_pending: dict[int, str] = {}
_ids = itertools.count(1)
_lock = threading.Lock()


def pending() -> list[str]:
    """Returns the functions with an unfinished asynchronous invocation."""
    with _lock:
        return sorted(_pending.values())


def _allowed(config: dict, action: str, resource: str) -> bool:
    """Returns whether the execution role of a function allows an action. The check is logged like any other call."""
    from ministack.core import lambda_runtime

    credentials = lambda_runtime.execution_credentials(config)
    denied = grants.authorize(credentials["AWS_ACCESS_KEY_ID"], action, resource, {})
    role = config.get("Role", "").rsplit("/", 1)[-1]
    principal = f"arn:aws:sts::{settings.current().account_id}:assumed-role/{role}/{config.get('FunctionName', '')}"
    gate.record(
        action.split(":", maxsplit=1)[0],
        action,
        principal,
        resource,
        403 if denied else 200,
        "AccessDeniedException" if denied else None,
        invoked_by="lambda.amazonaws.com",
    )
    return denied is None


def invoke_async(record: dict, event, on_end=None) -> None:
    """Invokes a function asynchronously as AWS does, on a separate thread.

    A failed attempt is repeated MaximumRetryAttempts times. A throttled attempt is
    delayed and does not count. After the last failure the event goes to the failure
    destination.
    """
    config = record.get("config") or record
    identifier = next(_ids)
    with _lock:
        _pending[identifier] = config.get("FunctionName", "")

    def run() -> None:
        error = None
        try:
            error = _attempts(record, config, event)
        except Exception as failure:  # the invocation must end even after a bug here
            error = f"{type(failure).__name__}: {failure}"
        finally:
            with _lock:
                _pending.pop(identifier, None)
            if on_end:
                on_end(error)

    threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True, name="lambda-async").start()


def _event_invoke_config(record: dict) -> dict:
    return record.get("event_invoke_config") or (record.get("event_invoke_configs") or {}).get("$LATEST") or {}


def _attempts(record: dict, config: dict, event) -> str | None:
    from ministack.core import responses
    from ministack.services import lambda_svc

    current = settings.current()
    invoke_config = _event_invoke_config(record)
    retries = invoke_config.get("MaximumRetryAttempts")
    retries = 2 if retries is None else int(retries)
    oldest = time.monotonic() + int(invoke_config.get("MaximumEventAgeInSeconds", 21600))
    attempt, throttled, result = 0, 0, {}
    with responses.request_scope(current.account_id, current.region):
        while True:
            started = time.monotonic()
            result = lambda_svc._execute_function(record, event)
            if result.get("throttle"):
                throttled += 1
                delay = current.async_retry_base_seconds * min(2 ** (throttled - 1), 300)
            else:
                attempt += 1
                lambda_svc._emit_lambda_metrics(
                    config.get("FunctionName", ""),
                    duration_ms=(time.monotonic() - started) * 1000,
                    error=bool(result.get("error")),
                    throttle=False,
                )
                if not result.get("error"):
                    return None
                delay = current.async_retry_base_seconds * attempt
            if attempt > retries or time.monotonic() + delay > oldest:
                break
            time.sleep(delay)
        _fail(record, config, invoke_config, event, result, attempt)
    body = result.get("body")
    return json.dumps(body) if isinstance(body, dict) else str(body)


def _fail(record, config, invoke_config, event, result, attempts) -> None:
    from ministack.services import lambda_svc

    destination = ((invoke_config.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    if destination:
        lambda_svc._route_async_failure(destination, config.get("FunctionName", ""), event, result)
    queue = (config.get("DeadLetterConfig") or {}).get("TargetArn", "")
    if queue:
        _dead_letter(config, queue, event, result)


def _dead_letter(config: dict, target: str, event, result: dict) -> None:
    """Sends the unchanged event, with the error in attributes and the permissions of the execution role."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    body = result.get("body") if isinstance(result.get("body"), dict) else {}
    attributes = {
        "RequestID": {"DataType": "String", "StringValue": str(uuid.uuid4())},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": str(body.get("errorMessage", ""))[:1024] or "none"},
    }
    credentials = lambda_runtime.execution_credentials(config)
    service = target.split(":")[2]
    client = aws_clients.make(
        service,
        settings.endpoint(),
        settings.current().region,
        {
            "accessKeyId": credentials["AWS_ACCESS_KEY_ID"],
            "secretAccessKey": credentials["AWS_SECRET_ACCESS_KEY"],
            "sessionToken": credentials["AWS_SESSION_TOKEN"],
        },
    )
    try:
        if service == "sqs":
            account, name = target.split(":")[4:6]
            client.send_message(
                QueueUrl=f"{settings.endpoint()}/{account}/{name}", MessageBody=json.dumps(event), MessageAttributes=attributes
            )
        else:
            client.publish(TopicArn=target, Message=json.dumps(event), MessageAttributes=attributes)
    except Exception as error:
        lambda_svc._emit_lambda_metrics(config.get("FunctionName", ""), 0.0, False, False)
        lambda_svc.logger.error("Lambda %s: the dead letter for %s was not delivered: %s", config.get("FunctionName"), target, error)


def invoke_as_service(function: str, event, service: str, source_arn: str, on_end=None) -> str | None:
    """Invokes a function asynchronously for an AWS service. Returns the reason of a denial, or None."""
    from ministack.core import responses
    from ministack.services import lambda_svc

    refused = grants.lambda_invocable_by(function, service, source_arn)
    if refused:
        return refused
    current = settings.current()
    with responses.request_scope(current.account_id, current.region):
        record, config, _name = lambda_svc._get_func_record_for_ref(function)
        invoke_async(lambda_svc._execution_record_for_config(record, config), event, on_end)
    return None


def _of_launcher(name: str) -> bool:
    """Returns whether a variable is for this process only, and not for functions."""
    return name in ("AUTH", "BIND_HOST", "GATEWAY_PORT", "IOT_MTLS_ENABLED") or name.startswith(("MINISTACK_", "PYTHON"))


def install() -> None:
    from ministack.services import cloudwatch_logs, lambda_svc

    emit_logs = lambda_svc._emit_lambda_logs
    worker_env = lambda_svc._provided_worker_env

    def emit_lambda_logs(func, request_id, log_text, error, duration_ms, *, log_source=None):
        config = func.get("config") or func
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config.get('FunctionName')}"
        account, region = settings.current().account_id, settings.current().region
        arn = f"arn:aws:logs:{region}:{account}:log-group:{group}"
        # Lambda writes logs with the execution role. Without the permission there are no logs.
        if group not in cloudwatch_logs._log_groups and not _allowed(config, "logs:CreateLogGroup", arn + ":*"):
            return
        stream = arn + ":log-stream:*"
        if _allowed(config, "logs:CreateLogStream", stream) and _allowed(config, "logs:PutLogEvents", stream):
            emit_logs(func, request_id, log_text, error, duration_ms, log_source=log_source)

    def provided_worker_env(config, code_dir, port):
        env = {k: v for k, v in worker_env(config, code_dir, port).items() if not _of_launcher(k)}
        logging = config.get("LoggingConfig") or {}
        env.update(
            {
                "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime', '')}",
                "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
                "AWS_LAMBDA_LOG_GROUP_NAME": logging.get("LogGroup") or f"/aws/lambda/{config.get('FunctionName', '')}",
                "TZ": ":UTC",
            }
        )
        if logging.get("LogFormat") == "JSON":
            env["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
            env["AWS_LAMBDA_LOG_LEVEL"] = logging.get("ApplicationLogLevel", "INFO")
        return env

    lambda_svc._emit_lambda_logs = emit_lambda_logs
    lambda_svc._provided_worker_env = provided_worker_env
    lambda_svc.invoke_async_with_retry = invoke_async
