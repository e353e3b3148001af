"""Queues as sources of functions: what Lambda checks about a mapping, batching windows, and answers that name failed messages.

Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html and services-sqs-errorhandling.html there
"""

import json

import clock
import grants
import settings

# What the execution role needs, each checked when the mapping is made.
ACTIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
MOST_MESSAGES = 10_000
LONGEST_WINDOW = 300
# Without a window, a batch has at most as many messages as one call of ReceiveMessage.
WITHOUT_WINDOW = 10


# Batches of the current pass over the queues, which are about to be in flight.
_taken = {"batches": 0}


class Refused(Exception):
    """A mapping that Lambda refuses."""


def check(function: str, source: str, batch: int, window: int) -> None:
    """Raises Refused for a mapping of a queue that Lambda refuses."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc, sqs

    if ":sqs:" not in source:
        return
    if not 1 <= batch <= MOST_MESSAGES or not 0 <= window <= LONGEST_WINDOW:
        raise Refused(f"BatchSize is 1 to {MOST_MESSAGES}, and MaximumBatchingWindowInSeconds 0 to {LONGEST_WINDOW}")
    if batch > WITHOUT_WINDOW and window < 1:
        message = f"Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than {WITHOUT_WINDOW}"
        raise Refused(message)
    queue = sqs._queue_by_arn(source)
    if queue is None:
        raise Refused(f"The specified queue does not exist: {source}")
    record, config, _ = lambda_svc._get_func_record_for_ref(function)
    if record is None:
        return  # MiniStack says so
    hidden, timeout = int(queue["attributes"].get("VisibilityTimeout", "30")), int(config.get("Timeout", 3))
    if hidden < timeout:
        raise Refused(f"Queue visibility timeout: {hidden} seconds is less than Function timeout: {timeout} seconds")
    key = lambda_runtime.execution_credentials(config)["AWS_ACCESS_KEY_ID"]
    for action in ACTIONS:
        if grants.authorize(key, f"sqs:{action}", source, {}):
            raise Refused(f"The provided execution role does not have permissions to call {action} on SQS")


def _window(queue: dict) -> int:
    """The batching window of the mapping that reads a queue."""
    from ministack.services import lambda_svc

    source = queue["attributes"].get("QueueArn")
    windows = [
        int(mapping.get("MaximumBatchingWindowInSeconds") or 0)
        for mapping in list(lambda_svc._esms._data.values())
        if mapping.get("EventSourceArn") == source and mapping.get("Enabled", True)
    ]
    return min(windows, default=0)


def _is_due(queue: dict, most: int) -> bool:
    """Whether the visible messages make a batch."""
    now = clock.now()
    since = [message["visible_at"] for message in queue["messages"] if message.get("visible_at", 0) <= now]
    return bool(since) and (len(since) >= most or now - min(since) >= _window(queue))


def pending() -> list[str]:
    """The functions that process a batch, or are about to. Messages that are delayed, hidden, or wait for the window do not count."""
    from ministack.core import responses
    from ministack.services import lambda_svc, sqs

    found = []
    with responses.request_scope(settings.current().account_id, settings.current().region):
        for mapping in list(lambda_svc._esms.values()):
            queue = sqs._queue_by_arn(mapping["EventSourceArn"]) if ":sqs:" in mapping["EventSourceArn"] else None
            record, config = lambda_svc._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
            if queue is None or record is None or not mapping.get("Enabled", True):
                continue
            may_run = lambda_svc._sqs_esm_concurrency(mapping, record, config, queue) > 0
            with sqs._queues_lock:
                due = may_run and _is_due(queue, int(mapping.get("BatchSize") or WITHOUT_WINDOW))
            # In this order: a batch that is no longer due was taken, and one that is no longer taken is in flight.
            if due or _taken["batches"] or lambda_svc._esm_inflight.get(mapping["UUID"]):
                found.append(mapping["FunctionName"])
    return found


def receive(queue_url: str, most: int) -> list[dict]:
    """The messages of a batch: as soon as they are enough, or when the first has waited for the window."""
    from ministack.services import sqs

    with sqs._queues_lock:
        queue = sqs._get_q(queue_url)
        sqs._expire_retained(queue)
        sqs._dlq_sweep(queue)
        if not _is_due(queue, most):
            return []
        _taken["batches"] += 1
        return sqs._collect_msgs(queue, most, int(queue["attributes"].get("VisibilityTimeout", "30")))


def failed(answer, sent: set[str]) -> set[str]:
    """The messages that failed, by the answer of a function that reports them. All did if Lambda does not understand the answer."""
    if isinstance(answer, str):
        try:
            answer = json.loads(answer)
        except ValueError:
            return set(sent)
    if answer is None or answer == {}:
        return set()
    if not isinstance(answer, dict):
        return set(sent)
    failures = answer.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list) or not all(isinstance(one, dict) for one in failures):
        return set(sent)
    named = [one.get("itemIdentifier") for one in failures]
    return set(named) if all(isinstance(name, str) and name in sent for name in named) else set(sent)


def run_batch(mapping: dict, record: dict, event: dict, batch: list[dict], queue_url: str, _queue_name: str) -> None:
    """Invokes a function with a batch, and deletes what it processed. The rest is visible again after the queue's timeout."""
    from ministack.services import lambda_svc, sqs

    result = lambda_svc._execute_function(record, event)
    if result.get("error") or result.get("throttle"):
        mapping["LastProcessingResult"] = "FAILED"
        lambda_svc._esm_backoff_until[mapping["UUID"]] = lambda_svc.time.time() + lambda_svc._ESM_BACKOFF_SECONDS
        return
    lambda_svc._esm_backoff_until.pop(mapping["UUID"], None)
    reports = "ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", [])
    left = failed(result.get("body"), {message["id"] for message in batch}) if reports else set()
    done = [message for message in batch if message["id"] not in left]
    sqs._delete_messages_for_esm(queue_url, {message["receipt_handle"] for message in done if message.get("receipt_handle")})
    mapping["LastProcessingResult"] = f"OK - {len(done)} records, {len(left)} partial failures"


def install() -> None:
    from ministack.core import responses
    from ministack.services import lambda_svc, sqs
    from ministack.services.cloudformation import provisioners

    create, update, poll = lambda_svc._create_esm, lambda_svc._update_esm, lambda_svc._poll_sqs
    existing = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]

    def checked(given: dict, before: dict | None = None) -> None:
        whole = {**(before or {}), **{name: value for name, value in given.items() if value is not None}}
        batch, window = int(whole.get("BatchSize", 10)), int(whole.get("MaximumBatchingWindowInSeconds", 0))
        check(whole.get("FunctionName", ""), whole.get("EventSourceArn", ""), batch, window)

    def refused(error: Refused):
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "InvalidParameterValueException"}
        return 400, headers, json.dumps({"Type": "User", "message": str(error)}).encode()

    def create_mapping(data):
        try:
            checked(data)
        except Refused as error:
            return refused(error)
        return create(data)

    def update_mapping(identifier, data):
        try:
            if lambda_svc._esms.get(identifier):
                checked(data, lambda_svc._esms.get(identifier))
        except Refused as error:
            return refused(error)
        return update(identifier, data)

    def poll_queues():
        try:
            return poll()
        finally:
            _taken["batches"] = 0

    def of_stack(props: dict) -> None:
        with responses.request_scope(settings.current().account_id, settings.current().region):
            checked(props)

    def create_resource(logical_id, props, stack):
        of_stack(props)
        return existing["create"](logical_id, props, stack)

    def update_resource(physical_id, old_props, new_props, stack):
        of_stack(new_props)
        return existing["update"](physical_id, old_props, new_props, stack)

    lambda_svc._create_esm, lambda_svc._update_esm, lambda_svc._run_sqs_batch = create_mapping, update_mapping, run_batch
    lambda_svc._poll_sqs, sqs._receive_messages_for_esm = poll_queues, receive
    provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"] = {
        **existing,
        "create": create_resource,
        "update": update_resource,
    }
