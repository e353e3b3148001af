"""Deliveries of EventBridge and SNS to queues, topics and functions: only if the policy of the target lets the service.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html,
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html and
https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
"""

import contextvars
import hashlib
import json
import uuid

import clock
import functions
import settings

EVENTBRIDGE, SNS = "events.amazonaws.com", "sns.amazonaws.com"
# The rule and the target of the delivery in progress.
_current: contextvars.ContextVar[tuple[dict, dict]] = contextvars.ContextVar("local_cloud_delivery", default=({}, {}))


def _over_tls(decide):
    """Has a policy be evaluated for a call of a service, which uses TLS and belongs to no request here."""

    def decided(*arguments):
        from ministack.core import iam_evaluator

        def run():
            iam_evaluator.pin_request_origin("127.0.0.1", True)
            return decide(*arguments)

        return contextvars.copy_context().run(run)

    return decided


@_over_tls
def _topic_allows(topic_arn: str, rule_arn: str) -> bool:
    """Whether the policy of a topic lets EventBridge publish for a rule. The default policy does not: it names the account's principals."""
    import ministack.app
    from ministack.core import iam_evaluator
    from ministack.services import sns

    topic = sns._topic_by_arn_any_scope(topic_arn)
    if not ministack.app.AUTH or topic is None:
        return True
    context = iam_evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action="sns:Publish",
        resource_arn=topic_arn,
        region=settings.current().region,
        service_context={"aws:sourcearn": rule_arn, "aws:sourceaccount": settings.current().account_id},
    )
    policy = topic.get("attributes", {}).get("Policy") or ""
    return bool(policy) and iam_evaluator.evaluate_resource_policy(policy, context, service=EVENTBRIDGE).decision == "Allow"


def _undelivered(payload: str, reason: str) -> None:
    """Sends an event that a target refused to the dead-letter queue of the target. It is not tried again."""
    from ministack.services import eventbridge, sqs

    rule, target = _current.get()
    eventbridge.logger.warning("EventBridge -> %s: %s", target.get("Arn"), reason)
    queue_arn = (target.get("DeadLetterConfig") or {}).get("Arn", "")
    account = settings.current().account_id
    if not queue_arn or not sqs.queue_policy_allows(queue_arn, EVENTBRIDGE, rule.get("Arn", ""), account):
        return
    said = {"ERROR_CODE": "NO_PERMISSIONS", "ERROR_MESSAGE": reason, "RULE_ARN": rule.get("Arn", ""), "TARGET_ARN": target.get("Arn", "")}
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in said.items()}
    queue = sqs._queue_by_arn(queue_arn)
    message = {
        "id": str(uuid.uuid4()),
        "body": payload,
        "md5": hashlib.md5(payload.encode(), usedforsecurity=False).hexdigest(),
        "message_attributes": attributes,
        "md5_attrs": sqs._md5_msg_attrs(attributes),
        "receipt_handle": None,
        "sent_at": clock.now(),
        "visible_at": clock.now() + sqs.queue_delay(queue),
        "receive_count": 0,
    }
    sqs._ensure_msg_fields(message)
    queue["messages"].append(message)


def _of_sns(envelope: str) -> dict:
    """A notification as functions get it, whose members differ from those that queues get."""
    said = json.loads(envelope)
    renamed = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}
    return {"Subject": None, "MessageAttributes": {}, **{renamed.get(name, name): value for name, value in said.items()}}


def install() -> None:
    from ministack.services import eventbridge, sns, sqs

    sqs.queue_policy_allows = _over_tls(sqs.queue_policy_allows)
    invoke_target, to_sqs, to_sns = eventbridge._invoke_target, eventbridge._dispatch_to_sqs, eventbridge._dispatch_to_sns

    def invoke_target_of_rule(target, event, rule, view=None):
        token = _current.set((rule, target))
        try:
            invoke_target(target, event, rule, view)
        finally:
            _current.reset(token)

    def rule_arn() -> str:
        return _current.get()[0].get("Arn", "")

    def dispatch_to_lambda(arn, payload):
        # EventBridge invokes asynchronously, too, and needs permission in the policy of the function.
        refused = functions.invoke_as_service(arn, json.loads(payload), EVENTBRIDGE, rule_arn())
        if refused:
            _undelivered(payload, refused)

    def dispatch_to_sqs(spec, payload, sqs_parameters=None):
        if sqs.queue_policy_allows(str(spec), EVENTBRIDGE, rule_arn(), settings.current().account_id):
            to_sqs(spec, payload, sqs_parameters)
        else:
            _undelivered(payload, f"The policy of the queue {spec} does not allow {EVENTBRIDGE} to send messages")

    def dispatch_to_sns(arn, payload):
        if _topic_allows(arn, rule_arn()):
            to_sns(arn, payload)
        else:
            _undelivered(payload, f"The policy of the topic {arn} does not allow {EVENTBRIDGE} to publish")

    def deliver_to_lambda(endpoint, envelope, topic_arn, subscription_arn, *_more):
        record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription_arn, "Sns": _of_sns(envelope)}
        refused = functions.invoke_as_service(endpoint, {"Records": [record]}, SNS, topic_arn)
        if refused:
            sns.logger.warning("SNS -> %s: %s", endpoint, refused)

    eventbridge._invoke_target = invoke_target_of_rule
    eventbridge._dispatch_to_lambda = dispatch_to_lambda
    eventbridge._dispatch_to_sqs = dispatch_to_sqs
    eventbridge._dispatch_to_sns = dispatch_to_sns
    sns._deliver_to_lambda = deliver_to_lambda
