"""Ranges of the parameters of messages that SQS checks and MiniStack does not.

Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html and the pages of the other operations
"""

# Highest values of parameters, by the operation and by the function that serves it. The lowest is 0.
_HIGHEST = {
    "SendMessage": ("_act_send_message", {"DelaySeconds": 900}),
    "ReceiveMessage": ("_act_receive_message", {"VisibilityTimeout": 43_200, "WaitTimeSeconds": 20}),
    "ChangeMessageVisibility": ("_act_change_visibility", {"VisibilityTimeout": 43_200}),
}


def _checked(function, highest: dict[str, int]):
    def run(data: dict, queue_url: str):
        from ministack.services import sqs

        for name, most in highest.items():
            value = data.get(name)
            if value is not None and not 0 <= int(value) <= most:
                message = f"Value {value} for parameter {name} is invalid. Reason: {name} must be >= 0 and <= {most}."
                raise sqs._Err("InvalidParameterValue", message)
        return function(data, queue_url)

    return run


def install() -> None:
    from ministack.services import sqs

    for operation, (name, highest) in _HIGHEST.items():
        checked = _checked(getattr(sqs, name), highest)
        # By both names: a batch calls the function of one message.
        setattr(sqs, name, checked)
        sqs._HANDLERS[operation] = checked
