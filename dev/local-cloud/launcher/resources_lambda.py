"""Checks of functions that CloudFormation and Lambda perform and MiniStack does not.

A template with a missing permission must fail as it does in AWS: the trust policy of
the execution role, the dead-letter queue, the network interfaces.
"""

import grants
import moto_client
import settings


def _authorized(config: dict, action: str, resource: str) -> bool:
    from ministack.core import lambda_runtime

    key = lambda_runtime.execution_credentials(config)["AWS_ACCESS_KEY_ID"]
    return grants.authorize(key, action, resource, {}) is None


def _check_role(role_arn: str, function_arn: str) -> None:
    import ministack.app

    if not ministack.app.AUTH:
        return
    try:
        grants.assume_role_as_service(role_arn, "lambda.amazonaws.com", "local-cloud-check", function_arn)
    except grants.RoleNotAssumable as error:
        raise ValueError("The role defined for the function cannot be assumed by Lambda.") from error


def _vpc(props: dict) -> dict | None:
    wanted = props.get("VpcConfig")
    if not wanted or not wanted.get("SubnetIds"):
        return None
    subnets = moto_client.client().describe_subnets(SubnetIds=wanted["SubnetIds"])["Subnets"]
    moto_client.client().describe_security_groups(GroupIds=wanted.get("SecurityGroupIds", []))
    vpcs = sorted({s["VpcId"] for s in subnets})
    if len(vpcs) != 1:
        raise ValueError("The subnets of VpcConfig belong to more than one VPC")
    return {"SubnetIds": wanted["SubnetIds"], "SecurityGroupIds": wanted.get("SecurityGroupIds", []), "VpcId": vpcs[0]}


def _complete(name: str, props: dict) -> None:
    """Returns the properties that the provisioner of MiniStack drops."""
    from ministack.services import lambda_svc

    function = lambda_svc._functions[name]
    config = function["config"]
    if props.get("PackageType", "Zip") == "Zip" and function.get("code_zip") is None:
        code = props.get("Code", {})
        raise ValueError(
            "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: "
            f"The specified key does not exist: s3://{code.get('S3Bucket')}/{code.get('S3Key')}"
        )
    _check_role(config["Role"], config["FunctionArn"])
    queue = (props.get("DeadLetterConfig") or {}).get("TargetArn", "")
    if queue:
        service, call = ("SQS", "SendMessage") if queue.split(":")[2] == "sqs" else ("SNS", "Publish")
        if not _authorized(config, f"{service.lower()}:{call}", queue):
            raise ValueError(f"The provided execution role does not have permissions to call {call} on {service}")
        config["DeadLetterConfig"] = {"TargetArn": queue}
    else:
        config.pop("DeadLetterConfig", None)
    vpc = _vpc(props)
    if vpc and not _authorized(config, "ec2:CreateNetworkInterface", "*"):
        raise ValueError("The provided execution role does not have permissions to call CreateNetworkInterface on EC2")
    config["VpcConfig"] = vpc or {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": ""}
    config["KMSKeyArn"] = props.get("KmsKeyArn", "")
    reserved = props.get("ReservedConcurrentExecutions")
    function["concurrency"] = None if reserved is None else int(reserved)


def install() -> None:
    from ministack.core import responses
    from ministack.services import lambda_svc
    from ministack.services.cloudformation import provisioners, stacks

    existing = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    create, update, delete = existing["create"], existing["update"], existing["delete"]

    def scoped(function, *arguments):
        with responses.request_scope(settings.current().account_id, settings.current().region):
            return function(*arguments)

    def create_function(logical_id, props, stack):
        physical_id, attributes = scoped(create, logical_id, props, stack)
        try:
            scoped(_complete, physical_id, props)
        except Exception:
            # The engine does not know the function yet, and would not delete it.
            scoped(delete, physical_id, props)
            raise
        return physical_id, attributes

    def update_function(physical_id, old_props, new_props, stack, logical_id=None):
        result = scoped(update, physical_id, old_props, new_props, stack, logical_id)
        scoped(_complete, result[0], new_props)
        # A running worker would keep the old environment.
        lambda_svc.invalidate_worker(result[0], account=settings.current().account_id, region=settings.current().region)
        return result

    provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"] = {
        **existing,
        "create": create_function,
        "update": update_function,
        "update_with_logical_id": True,
    }
    on_worker_thread = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda kind: kind == "AWS::Lambda::Function" or on_worker_thread(kind)
