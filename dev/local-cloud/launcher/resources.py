"""CloudFormation resource types of AWS Config and SSM, implemented by calls of the services."""

import json

import aws_clients
import settings

_clients: dict = {}


def client(service: str):
    """Returns a client of the front door with the credentials of the root user."""
    if service not in _clients:
        _clients[service] = aws_clients.make(service, settings.endpoint(), settings.current().region, settings.root_credentials())
    return _clients[service]


def _name(stack: str, logical_id: str, limit: int) -> str:
    from ministack.services.cloudformation import provisioners

    return provisioners._physical_name(stack, logical_id, max_len=limit)


def _boolean(value) -> bool:
    """Converts the strings that CloudFormation accepts as booleans."""
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise ValueError(f"Properties validation failed: expected type Boolean, found {value!r}")


def _integers(value: dict, names: tuple[str, ...]) -> dict:
    return {k: int(v) if k in names else v for k, v in value.items()}


# --- AWS::Config::ConfigRule ---


def _rule_attributes(name: str) -> dict:
    rule = client("config").describe_config_rules(ConfigRuleNames=[name])["ConfigRules"][0]
    return {"Arn": rule["ConfigRuleArn"], "ConfigRuleId": rule["ConfigRuleId"], "Compliance.Type": "INSUFFICIENT_DATA"}


def _put_rule(name: str, props: dict) -> dict:
    rule = {k: v for k, v in props.items() if k not in ("Compliance", "Tags")}
    parameters = rule.get("InputParameters")
    if isinstance(parameters, (dict, list)):
        rule["InputParameters"] = json.dumps(parameters)
    details = rule.get("Source", {}).get("SourceDetails")
    if details:
        rule["Source"] = {**rule["Source"], "SourceDetails": _with_both_change_messages(details)}
    client("config").put_config_rule(ConfigRule={**rule, "ConfigRuleName": name})
    return _rule_attributes(name)


def _with_both_change_messages(details: list[dict]) -> list[dict]:
    """Adds the second change message to a rule for the first, as the property transform of the type does."""
    pair = ("ConfigurationItemChangeNotification", "OversizedConfigurationItemChangeNotification")
    present = {d.get("MessageType") for d in details}
    missing = [m for m in pair if m not in present] if present & set(pair) else []
    return details + [{"EventSource": "aws.config", "MessageType": m} for m in missing]


def create_rule(logical_id, props, stack):
    name = props.get("ConfigRuleName") or _name(stack, logical_id, 64)
    if client("config").describe_config_rules()["ConfigRules"] and _exists(name):
        raise ValueError(f"{name} already exists")
    return name, _put_rule(name, props)


def _exists(name: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        client("config").describe_config_rules(ConfigRuleNames=[name])
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchConfigRuleException":
            return False
        raise
    return True


def update_rule(physical_id, old_props, new_props, stack):
    return physical_id, _put_rule(physical_id, new_props)


def delete_rule(physical_id, props):
    if _exists(physical_id):
        client("config").delete_config_rule(ConfigRuleName=physical_id)


# --- AWS::Config::RemediationConfiguration ---


def _put_remediation(props: dict) -> str:
    configuration = _integers(props, ("MaximumAutomaticAttempts", "RetryAttemptSeconds"))
    if "Automatic" in configuration:
        configuration["Automatic"] = _boolean(configuration["Automatic"])
    controls = (configuration.get("ExecutionControls") or {}).get("SsmControls")
    if controls:
        configuration["ExecutionControls"] = {"SsmControls": _integers(controls, ("ConcurrentExecutionRatePercentage", "ErrorPercentage"))}
    reply = client("config").put_remediation_configurations(RemediationConfigurations=[configuration])
    for batch in reply.get("FailedBatches", []):
        raise ValueError(batch["FailureMessage"])
    return configuration["ConfigRuleName"]


def create_remediation(logical_id, props, stack):
    return _put_remediation(props), {}


def update_remediation(physical_id, old_props, new_props, stack):
    return _put_remediation(new_props), {}


def delete_remediation(physical_id, props):
    existing = client("config").describe_remediation_configurations(ConfigRuleNames=[physical_id])
    if existing["RemediationConfigurations"]:
        client("config").delete_remediation_configuration(ConfigRuleName=physical_id)


# --- AWS::Config::ConfigurationRecorder, AWS::Config::DeliveryChannel ---


def _lower(name: str) -> str:
    return {"RoleARN": "roleARN", "SnsTopicARN": "snsTopicARN"}.get(name, name[:1].lower() + name[1:])


def _api_case(value):
    if isinstance(value, dict):
        return {_lower(k): _api_case(v) for k, v in value.items()}
    return [_api_case(v) for v in value] if isinstance(value, list) else value


def create_recorder(logical_id, props, stack):
    recorder = _api_case(props)
    recorder.setdefault("name", "default")
    for key in ("allSupported", "includeGlobalResourceTypes"):
        group = recorder.get("recordingGroup", {})
        if key in group:
            group[key] = _boolean(group[key])
    client("config").put_configuration_recorder(ConfigurationRecorder=recorder)
    return recorder["name"], {}


def update_recorder(physical_id, old_props, new_props, stack):
    return create_recorder("", {**new_props, "Name": physical_id}, stack)


def delete_recorder(physical_id, props):
    client("config").delete_configuration_recorder(ConfigurationRecorderName=physical_id)


def create_channel(logical_id, props, stack):
    channel = _api_case(props)
    channel.setdefault("name", "default")
    client("config").put_delivery_channel(DeliveryChannel=channel)
    # CloudFormation starts the recorder as soon as there is a delivery channel.
    for recorder in client("config").describe_configuration_recorders()["ConfigurationRecorders"]:
        client("config").start_configuration_recorder(ConfigurationRecorderName=recorder["name"])
    return channel["name"], {}


def update_channel(physical_id, old_props, new_props, stack):
    return create_channel("", {**new_props, "Name": physical_id}, stack)


def delete_channel(physical_id, props):
    config = client("config")
    for recorder in config.describe_configuration_recorders()["ConfigurationRecorders"]:
        config.stop_configuration_recorder(ConfigurationRecorderName=recorder["name"])
    config.delete_delivery_channel(DeliveryChannelName=physical_id)


# --- AWS::SSM::Document ---


def _content(props: dict) -> str:
    content = props["Content"]
    return content if isinstance(content, str) else json.dumps(content)


def create_document(logical_id, props, stack):
    name = props.get("Name") or _name(stack, logical_id, 128)
    arguments = {k: props[k] for k in ("DocumentType", "DocumentFormat", "TargetType", "VersionName", "Tags") if k in props}
    if isinstance(props["Content"], dict):
        # An object is passed as JSON, which is valid YAML.
        arguments.setdefault("DocumentFormat", "JSON")
    client("ssm").create_document(Name=name, Content=_content(props), **arguments)
    return name, {}


def update_document(physical_id, old_props, new_props, stack):
    """Updates the content for UpdateMethod NewVersion. For Replace the engine replaces the document."""
    arguments = {k: new_props[k] for k in ("DocumentFormat", "TargetType", "VersionName") if k in new_props}
    if _content(old_props) != _content(new_props):
        reply = client("ssm").update_document(Name=physical_id, Content=_content(new_props), DocumentVersion="$LATEST", **arguments)
        client("ssm").update_document_default_version(Name=physical_id, DocumentVersion=reply["DocumentDescription"]["DocumentVersion"])
    return physical_id, {}


def delete_document(physical_id, props):
    client("ssm").delete_document(Name=physical_id)


def _document_needs_replacement(old_props: dict, new_props: dict) -> bool:
    if old_props.get("Name") != new_props.get("Name") or old_props.get("DocumentType") != new_props.get("DocumentType"):
        return True
    return new_props.get("UpdateMethod", "Replace") == "Replace" and any(
        old_props.get(k) != new_props.get(k) for k in ("Content", "DocumentFormat", "TargetType", "VersionName", "Requires", "Attachments")
    )


def install() -> None:
    from ministack.services.cloudformation import provisioners, stacks

    types = {
        "AWS::Config::ConfigRule": (create_rule, update_rule, delete_rule),
        "AWS::Config::RemediationConfiguration": (create_remediation, update_remediation, delete_remediation),
        "AWS::Config::ConfigurationRecorder": (create_recorder, update_recorder, delete_recorder),
        "AWS::Config::DeliveryChannel": (create_channel, update_channel, delete_channel),
        "AWS::SSM::Document": (create_document, update_document, delete_document),
    }
    register(types)
    _install_conditions()
    provisioners._REPLACING_PROPERTIES.update(
        {
            "AWS::Config::ConfigRule": ("ConfigRuleName",),
            "AWS::Config::RemediationConfiguration": ("ConfigRuleName",),
            "AWS::Config::ConfigurationRecorder": ("Name",),
            "AWS::Config::DeliveryChannel": ("Name",),
        }
    )
    provisioners._CUSTOM_NAME_REPLACEMENT["AWS::SSM::Document"] = {"name": "Name", "requires_replacement": _document_needs_replacement}

    replacing = provisioners._replacing_change

    def replacing_change(resource_type, old_props, new_props):
        if resource_type == "AWS::SSM::Document":
            return _document_needs_replacement(old_props, new_props)
        return replacing(resource_type, old_props, new_props)

    # Both modules have imported the name into their own namespace.
    for module in (provisioners, stacks):
        if hasattr(module, "_replacing_change"):
            module._replacing_change = replacing_change


def _install_conditions() -> None:
    """Lets conditions compare pseudo parameters, which MiniStack knows everywhere else."""
    from ministack.services.cloudformation import changesets, engine, handlers, stacks

    evaluate = engine._evaluate_conditions

    def evaluate_conditions(template, params):
        current = settings.current()
        pseudo = {"AWS::Region": current.region, "AWS::AccountId": current.account_id, "AWS::Partition": "aws"}
        return evaluate(template, {name: {"Value": value} for name, value in pseudo.items()} | params)

    # Each of them has imported the name into its own namespace.
    for module in (changesets, engine, handlers, stacks):
        module._evaluate_conditions = evaluate_conditions


def register(types: dict) -> None:
    """Registers (create, update, delete) for each type. They run on separate threads, because they call the front door."""
    from ministack.services.cloudformation import provisioners, stacks

    for resource_type, (create, update, delete) in types.items():
        provisioners._RESOURCE_HANDLERS[resource_type] = {"create": create, "update": update, "delete": delete}
    on_worker_thread = stacks._runs_on_worker_thread

    def runs_on_worker_thread(resource_type: str) -> bool:
        return resource_type in types or on_worker_thread(resource_type)

    stacks._runs_on_worker_thread = runs_on_worker_thread
