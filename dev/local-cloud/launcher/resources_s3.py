"""AWS::S3::Bucket and AWS::S3::BucketPolicy by calls of S3, with the properties that the types of MiniStack ignore."""

import json

from resources import client, register


def _boolean(value) -> bool:
    return value if isinstance(value, bool) else str(value).lower() == "true"


def _encryption(props: dict) -> list[dict]:
    rules = []
    for rule in props["ServerSideEncryptionConfiguration"]:
        default = rule.get("ServerSideEncryptionByDefault")
        one = {"ApplyServerSideEncryptionByDefault": default} if default else {}
        if "BucketKeyEnabled" in rule:
            one["BucketKeyEnabled"] = _boolean(rule["BucketKeyEnabled"])
        rules.append(one)
    return rules


def _days(value: dict, names: tuple[str, ...]) -> dict:
    return {k: int(v) if k in names else v for k, v in value.items()}


def _lifecycle_rule(rule: dict) -> dict:
    """Converts a lifecycle rule to the form of the API. CloudFormation has days and prefix at the top level."""
    one: dict = {"Status": rule["Status"]}
    if rule.get("Id"):
        one["ID"] = rule["Id"]
    one["Filter"] = {"Prefix": rule.get("Prefix", "")}
    expiration = {}
    if "ExpirationInDays" in rule:
        expiration["Days"] = int(rule["ExpirationInDays"])
    if "ExpirationDate" in rule:
        expiration["Date"] = rule["ExpirationDate"]
    if "ExpiredObjectDeleteMarker" in rule:
        expiration["ExpiredObjectDeleteMarker"] = _boolean(rule["ExpiredObjectDeleteMarker"])
    if expiration:
        one["Expiration"] = expiration
    if "NoncurrentVersionExpiration" in rule:
        one["NoncurrentVersionExpiration"] = _days(rule["NoncurrentVersionExpiration"], ("NoncurrentDays", "NewerNoncurrentVersions"))
    elif "NoncurrentVersionExpirationInDays" in rule:
        one["NoncurrentVersionExpiration"] = {"NoncurrentDays": int(rule["NoncurrentVersionExpirationInDays"])}
    if "AbortIncompleteMultipartUpload" in rule:
        one["AbortIncompleteMultipartUpload"] = _days(rule["AbortIncompleteMultipartUpload"], ("DaysAfterInitiation",))
    transitions = [
        {"StorageClass": t["StorageClass"], "Days": int(t["TransitionInDays"])}
        for t in rule.get("Transitions", [])
        if "TransitionInDays" in t
    ]
    if transitions:
        one["Transitions"] = transitions
    if len(one) <= 2 + ("ID" in one):
        raise ValueError("At least one action needs to be specified in a rule")
    return one


def _apply(bucket: str, props: dict, before: dict) -> None:
    s3 = client("s3")

    def changed(name: str) -> bool:
        return name in props and props[name] != before.get(name)

    def dropped(name: str) -> bool:
        return name in before and name not in props

    if changed("BucketEncryption"):
        configuration = {"Rules": _encryption(props["BucketEncryption"])}
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=configuration)
    elif dropped("BucketEncryption"):
        s3.delete_bucket_encryption(Bucket=bucket)
    if changed("OwnershipControls"):
        s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=props["OwnershipControls"])
    elif dropped("OwnershipControls"):
        s3.delete_bucket_ownership_controls(Bucket=bucket)
    if changed("LifecycleConfiguration"):
        rules = [_lifecycle_rule(r) for r in props["LifecycleConfiguration"]["Rules"]]
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    elif dropped("LifecycleConfiguration"):
        s3.delete_bucket_lifecycle(Bucket=bucket)
    if changed("VersioningConfiguration"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": props["VersioningConfiguration"]["Status"]})
    elif dropped("VersioningConfiguration"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    if changed("Tags") and props["Tags"]:
        tags = [{"Key": str(t["Key"]), "Value": str(t["Value"])} for t in props["Tags"]]
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})


def _statements(props: dict) -> str:
    document = props["PolicyDocument"]
    return document if isinstance(document, str) else json.dumps(document)


def put_policy(logical_id, props, stack):
    client("s3").put_bucket_policy(Bucket=props["Bucket"], Policy=_statements(props))
    return props["Bucket"], {}


def update_policy(physical_id, old_props, new_props, stack):
    return put_policy("", new_props, stack)


def delete_policy(physical_id, props):
    from botocore.exceptions import ClientError

    try:
        client("s3").delete_bucket_policy(Bucket=props["Bucket"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            raise


def install() -> None:
    import settings
    from ministack.core import responses
    from ministack.services.cloudformation import provisioners

    existing = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]

    def scoped(function, *arguments):
        with responses.request_scope(settings.current().account_id, settings.current().region):
            return function(*arguments)

    def create_bucket(logical_id, props, stack):
        bucket, attributes = scoped(existing["create"], logical_id, props, stack)
        try:
            _apply(bucket, props, {})
        except Exception:
            # The engine does not know the bucket yet, and would not delete it.
            scoped(existing["delete"], bucket, props)
            raise
        return bucket, attributes

    def update_bucket(physical_id, old_props, new_props, stack):
        result = scoped(existing["update"], physical_id, old_props, new_props, stack)
        _apply(result[0], new_props, old_props if result[0] == physical_id else {})
        return result

    def delete_bucket(physical_id, props):
        from botocore.exceptions import ClientError

        try:
            client("s3").delete_bucket(Bucket=physical_id)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise

    register(
        {
            "AWS::S3::Bucket": (create_bucket, update_bucket, delete_bucket),
            "AWS::S3::BucketPolicy": (put_policy, update_policy, delete_policy),
        }
    )
    provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]["import"] = existing["import"]
    provisioners._REPLACING_PROPERTIES["AWS::S3::BucketPolicy"] = ("Bucket",)
