"""S3 in a stack: a bucket with all its properties, conditional writes, and permissions."""

import hashlib
import json
import urllib.error
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from identities import ACCOUNT, code, document, statement
from local_cloud import StackFailed

TEMPLATE = """
Parameters:
  Key: {Type: String, Default: ''}
  Days: {Type: Number, Default: 365}
  Policy: {Type: String, Default: 'DenyInsecure'}
Conditions:
  WithKey: !Not [!Equals [!Ref Key, '']]
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      VersioningConfiguration: {Status: Enabled}
      BucketEncryption:
        ServerSideEncryptionConfiguration:
          - BucketKeyEnabled: !If [WithKey, true, !Ref AWS::NoValue]
            ServerSideEncryptionByDefault: !If
              - WithKey
              - {SSEAlgorithm: aws:kms, KMSMasterKeyID: !Ref Key}
              - {SSEAlgorithm: AES256}
      PublicAccessBlockConfiguration:
        BlockPublicAcls: true
        BlockPublicPolicy: true
        IgnorePublicAcls: true
        RestrictPublicBuckets: true
      OwnershipControls: {Rules: [{ObjectOwnership: BucketOwnerEnforced}]}
      LifecycleConfiguration:
        Rules:
          - Id: expire
            Status: Enabled
            ExpirationInDays: !Ref Days
            NoncurrentVersionExpiration: {NoncurrentDays: !Ref Days}
            AbortIncompleteMultipartUpload: {DaysAfterInitiation: 7}
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument:
        Version: '2012-10-17'
        Statement:
          - Sid: !Ref Policy
            Effect: Deny
            Principal: '*'
            Action: s3:*
            Resource: [!GetAtt Bucket.Arn, !Sub '${Bucket.Arn}/*']
            Condition: {Bool: {aws:SecureTransport: false}}
Outputs:
  Bucket: {Value: !Ref Bucket}
  Arn: {Value: !GetAtt Bucket.Arn}
"""


@pytest.fixture
def bucket(fresh) -> str:
    fresh.client("s3").create_bucket(Bucket="things")
    return "things"


def test_a_stack_s_bucket_has_all_its_properties(fresh):
    s3 = fresh.client("s3")
    bucket = fresh.deploy("bucket", TEMPLATE)["Bucket"]
    assert bucket.startswith("bucket-bucket-")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    [rule] = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert set(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()) == {True}
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    [rule] = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert (rule["Expiration"]["Days"], rule["NoncurrentVersionExpiration"]["NoncurrentDays"]) == (365, 365)
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"][0]["Sid"] == "DenyInsecure"

    assert fresh.deploy("bucket", TEMPLATE, Days="30", Policy="Other")["Bucket"] == bucket
    [rule] = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rule["Expiration"]["Days"] == 30
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"][0]["Sid"] == "Other"


def test_a_retained_bucket_outlives_its_stack(fresh):
    s3, cloudformation = fresh.client("s3"), fresh.client("cloudformation")
    bucket = fresh.deploy("bucket", TEMPLATE)["Bucket"]
    s3.put_object(Bucket=bucket, Key="kept", Body=b"x")
    cloudformation.delete_stack(StackName="bucket")
    assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b"x"
    with pytest.raises(ClientError) as caught:
        s3.get_bucket_policy(Bucket=bucket)
    assert code(caught) == "NoSuchBucketPolicy", "the policy was the stack's, and is not retained"
    assert fresh.deploy("bucket", TEMPLATE)["Bucket"] != bucket, "the next one has a name of its own"


def test_a_bucket_with_something_in_it_cannot_be_deleted_by_its_stack(fresh):
    cloudformation = fresh.client("cloudformation")
    template = TEMPLATE.replace("    DeletionPolicy: Retain\n", "")
    bucket = fresh.deploy("bucket", template)["Bucket"]
    fresh.client("s3").put_object(Bucket=bucket, Key="kept", Body=b"x")
    cloudformation.delete_stack(StackName="bucket")
    [stack] = [s for s in cloudformation.describe_stacks()["Stacks"] if s["StackName"] == "bucket"]
    assert stack["StackStatus"] == "DELETE_FAILED"
    events = cloudformation.describe_stack_events(StackName="bucket")["StackEvents"]
    assert any("not empty" in e.get("ResourceStatusReason", "") for e in events)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("!GetAtt Bucket.Arn,", "'arn:aws:s3:::another',", "Policy has invalid resource"),
        ("Effect: Deny", "Effect: Allow", "BlockPublicPolicy"),
    ],
)
def test_a_policy_that_s3_refuses_fails_the_stack(fresh, old, new, reason):
    template = TEMPLATE.replace("Condition: {Bool: {aws:SecureTransport: false}}", "").replace(old, new)
    with pytest.raises(StackFailed, match=reason):
        fresh.deploy("bucket", template)


def test_a_conditional_write_does_not_overwrite(fresh, bucket):
    s3 = fresh.client("s3")
    s3.put_object(Bucket=bucket, Key="a/once.json", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="a/once.json", Body=b"2", IfNoneMatch="*")
    assert code(caught) == "PreconditionFailed"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert s3.get_object(Bucket=bucket, Key="a/once.json")["Body"].read() == b"1"
    s3.delete_object(Bucket=bucket, Key="a/once.json")
    s3.put_object(Bucket=bucket, Key="a/once.json", Body=b"3", IfNoneMatch="*")


def test_s3_refuses_what_no_write_has(fresh, bucket):
    s3 = fresh.client("s3")
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", IfNoneMatch='"0123"')
    assert code(caught) == "NotImplemented"
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="é" * 512 + "k", Body=b"x")
    assert code(caught) == "KeyTooLongError"
    s3.put_object(Bucket=bucket, Key="é" * 512, Body=b"x")


def test_listing_takes_a_prefix_and_pages(fresh, bucket):
    s3 = fresh.client("s3")
    for key in ("a/1", "a/2", "a/3", "b/1"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="a/", PaginationConfig={"PageSize": 2}))
    assert [[o["Key"] for o in p["Contents"]] for p in pages] == [["a/1", "a/2"], ["a/3"]]
    after = s3.list_objects_v2(Bucket=bucket, Prefix="a/", StartAfter="a/1")
    assert [o["Key"] for o in after["Contents"]] == ["a/2", "a/3"]


@pytest.mark.parametrize("key", ["a/2026-11-21T03:04:05.678Z_x.json", "a/with space+plus~and%percent.json", "a/é.json"])
def test_keys_are_not_normalized(fresh, bucket, session, key):
    arn = f"arn:aws:s3:::{bucket}"
    client = session(
        "exact",
        statement("Allow", ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"], f"{arn}/{key}"),
        statement("Allow", "s3:ListBucket", arn),
    )
    mark = fresh.mark()
    client.put_object(Bucket=bucket, Key=key, Body=b"x", IfNoneMatch="*", ExpectedBucketOwner=ACCOUNT)
    assert [o["Key"] for o in client.list_objects_v2(Bucket=bucket, Prefix="a/")["Contents"]] == [key]
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == b"x"
    client.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError) as caught:
        client.get_object(Bucket=bucket, Key=key)
    assert code(caught) == "NoSuchKey"
    assert {c["resource"] for c in fresh.calls(since=mark)} == {arn, f"{arn}/{key}"}


def test_the_wrong_owner_is_refused(fresh, bucket):
    s3 = fresh.client("s3")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ExpectedBucketOwner=ACCOUNT)
    other = {"Bucket": bucket, "ExpectedBucketOwner": "999999999999"}
    for call in (
        lambda: s3.put_object(Key="k", Body=b"y", **other),
        lambda: s3.get_object(Key="k", **other),
        lambda: s3.delete_object(Key="k", **other),
        lambda: s3.list_objects_v2(**other),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        assert code(caught) == "AccessDenied"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert s3.get_object(Bucket=bucket, Key="k", ExpectedBucketOwner=ACCOUNT)["Body"].read() == b"x"


def test_checksums_are_kept_and_wrong_ones_refused(fresh, bucket):
    s3 = fresh.client("s3")
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm="CRC32")
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert put["ChecksumCRC32"] == got["ChecksumCRC32"] == "NhCmhg=="
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumCRC32="AAAAAA==")
    assert code(caught) in ("BadDigest", "InvalidRequest")


@pytest.mark.parametrize("trailer", ["NhCmhg==", "AAAAAA=="])
def test_a_body_in_chunks_ends_with_its_checksum(fresh, bucket, trailer):
    """The SDKs send a body this way if its checksum is not known before it is read."""
    url = f"{fresh.endpoints['endpoint']}/{bucket}/chunked"
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:" + trailer.encode() + b"\r\n\r\n"
    headers = {
        "content-encoding": "aws-chunked",
        "x-amz-trailer": "x-amz-checksum-crc32",
        "x-amz-decoded-content-length": "5",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    }
    request = AWSRequest("PUT", url, headers=headers, data=body)
    credentials = Credentials(fresh.endpoints["accessKeyId"], fresh.endpoints["secretAccessKey"])

    class Signer(SigV4Auth):
        def payload(self, _request):
            return "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

    Signer(credentials, "s3", fresh.endpoints["region"]).add_auth(request)
    sent = urllib.request.Request(url, data=body, method="PUT", headers=dict(request.headers.items()))
    if trailer != "NhCmhg==":
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(sent, timeout=10)
        assert caught.value.code == 400
        return
    with urllib.request.urlopen(sent, timeout=10) as reply:
        assert reply.status == 200
    assert hashlib.md5(fresh.client("s3").get_object(Bucket=bucket, Key="chunked")["Body"].read()).hexdigest() == (
        "5d41402abc4b2a76b9719d911017c592"
    )


def test_a_missing_key_is_revealed_only_with_permission_to_list(fresh, bucket, session):
    objects = f"arn:aws:s3:::{bucket}/*"
    blind = session("blind", statement("Allow", "s3:GetObject", objects))
    seeing = session("seeing", statement("Allow", "s3:GetObject", objects), statement("Allow", "s3:ListBucket", f"arn:aws:s3:::{bucket}"))
    only_a = statement("Allow", "s3:ListBucket", f"arn:aws:s3:::{bucket}", {"StringLike": {"s3:prefix": "a/*"}})
    partly = session("partly", statement("Allow", "s3:GetObject", objects), only_a)

    def missing(client, key="a/none") -> str:
        with pytest.raises(ClientError) as caught:
            client.get_object(Bucket=bucket, Key=key)
        return code(caught)

    assert missing(blind) == "AccessDenied"
    assert missing(seeing) == "NoSuchKey"
    assert missing(partly) == "AccessDenied"
    fresh.settings(missingKeyHasPrefix=True)
    assert missing(partly) == "NoSuchKey"
    assert missing(partly, "b/none") == "AccessDenied"
    with pytest.raises(ClientError) as caught:
        blind.head_object(Bucket=bucket, Key="none")
    assert code(caught) == "403"


def test_policies_are_enforced_by_prefix_and_principal(fresh, bucket, session):
    s3, arn = fresh.client("s3"), f"arn:aws:s3:::{bucket}"
    everything = statement("Allow", "s3:*", [arn, f"{arn}/*"])
    lister = session("lister", statement("Allow", "s3:ListBucket", arn, {"StringLike": {"s3:prefix": "a/*"}}))
    assert lister.list_objects_v2(Bucket=bucket, Prefix="a/x")["KeyCount"] == 0
    for prefix in ("b/", "a"):
        with pytest.raises(ClientError, match="AccessDenied"):
            lister.list_objects_v2(Bucket=bucket, Prefix=prefix)
    with pytest.raises(ClientError, match="AccessDenied"):
        lister.list_objects_v2(Bucket=bucket)

    chosen, other = session("chosen", everything), session("other", everything)
    only_chosen = statement(
        "Deny",
        ["s3:PutObject", "s3:DeleteObject"],
        f"{arn}/*",
        {"ArnNotEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/made/chosen"}},
        Principal="*",
    )
    insecure = statement("Deny", "s3:*", [arn, f"{arn}/*"], {"Bool": {"aws:SecureTransport": "false"}}, Principal="*")
    s3.put_bucket_policy(Bucket=bucket, Policy=document(only_chosen, insecure))
    chosen.put_object(Bucket=bucket, Key="k", Body=b"x")
    with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
        other.put_object(Bucket=bucket, Key="k", Body=b"y")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=bucket, Key="k")
    assert other.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    s3.delete_bucket_policy(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k")


def test_a_version_is_deleted_with_a_permission_of_its_own(fresh, bucket, session):
    s3, arn = fresh.client("s3"), f"arn:aws:s3:::{bucket}"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    versions = [s3.put_object(Bucket=bucket, Key=f"holds/{n}", Body=b"x")["VersionId"] for n in range(3)]

    marker = session("marker", statement("Allow", "s3:DeleteObject", f"{arn}/*"))
    everything = session("everything", statement("Allow", "s3:*", [arn, f"{arn}/*"]))
    s3.put_bucket_policy(Bucket=bucket, Policy=document(statement("Deny", "s3:DeleteObjectVersion", f"{arn}/holds/*", Principal="*")))
    # A delete marker hides the newest version; removing it revives that version.
    marker.delete_object(Bucket=bucket, Key="holds/2")
    for client in (marker, everything, s3):
        with pytest.raises(ClientError, match="AccessDenied"):
            client.delete_object(Bucket=bucket, Key="holds/0", VersionId=versions[0])
        with pytest.raises(ClientError, match="AccessDenied"):
            client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "holds/1", "VersionId": versions[1]}]})
    s3.put_bucket_policy(Bucket=bucket, Policy=document(statement("Deny", "s3:DeleteObject", f"{arn}/holds/*", Principal="*")))
    with pytest.raises(ClientError, match="AccessDenied"):
        everything.delete_object(Bucket=bucket, Key="holds/0")
    everything.delete_object(Bucket=bucket, Key="holds/0", VersionId=versions[0])
    # S3 documents that a call for several objects needs s3:DeleteObject in any case.
    with pytest.raises(ClientError, match="AccessDenied"):
        everything.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "holds/1", "VersionId": versions[1]}]})


def test_a_key_of_kms_has_to_be_the_caller_s_too(fresh, session):
    kms = fresh.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    bucket = fresh.deploy("bucket", TEMPLATE, Key=key)["Bucket"]
    rights = statement("Allow", ["s3:PutObject", "s3:GetObject"], f"arn:aws:s3:::{bucket}/*")
    without = session("without", rights)
    writer = session("writer", rights, statement("Allow", "kms:GenerateDataKey", key))
    of_bucket = {
        "StringEquals": {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}", "kms:ViaService": "s3.us-east-1.amazonaws.com"}
    }
    reader = session("reader", rights, statement("Allow", "kms:Decrypt", key, of_bucket))
    with pytest.raises(ClientError, match="kms:GenerateDataKey"):
        without.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert writer.put_object(Bucket=bucket, Key="k", Body=b"x")["SSEKMSKeyId"] == key
    with pytest.raises(ClientError, match="kms:Decrypt"):
        writer.get_object(Bucket=bucket, Key="k")
    assert reader.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    [call] = fresh.calls(principal="writer", action="kms:GenerateDataKey")
    assert (call["resource"], call["errorCode"], call["invokedBy"]) == (key, None, "s3.amazonaws.com")


def test_calls_and_faults_have_the_names_of_iam(fresh, bucket):
    s3 = fresh.client("s3", retries={"total_max_attempts": 1})
    mark = fresh.mark()
    s3.put_object(Bucket=bucket, Key="a/k", Body=b"x")
    s3.get_object(Bucket=bucket, Key="a/k")
    s3.list_objects_v2(Bucket=bucket, Prefix="a/")
    s3.delete_object(Bucket=bucket, Key="a/k")
    made = [(c["action"], c["resource"]) for c in fresh.calls(since=mark)]
    arn = f"arn:aws:s3:::{bucket}"
    assert made == [
        ("s3:PutObject", f"{arn}/a/k"),
        ("s3:GetObject", f"{arn}/a/k"),
        ("s3:ListBucket", arn),
        ("s3:DeleteObject", f"{arn}/a/k"),
    ]
    for action in ("PutObject", "GetObject", "ListBucket", "ListObjectsV2", "DeleteObject"):
        fresh.fault(service="s3", action=action)
    calls = (
        lambda: s3.put_object(Bucket=bucket, Key="a/k", Body=b"x"),
        lambda: s3.get_object(Bucket=bucket, Key="a/k"),
        lambda: s3.list_objects_v2(Bucket=bucket, Prefix="a/"),
        lambda: s3.list_objects_v2(Bucket=bucket, Prefix="a/"),
        lambda: s3.delete_object(Bucket=bucket, Key="a/k"),
    )
    for call in calls:
        with pytest.raises(ClientError) as caught:
            call()
        assert code(caught) == "SlowDown"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert all(f["injected"] == 1 for f in fresh.control("GET", "/faults"))
    fresh.fault(service="s3", action="PutObject", kind="accessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=bucket, Key="a/k", Body=b"x")
    fresh.fault(service="s3", action="PutObject", code="InternalError", status=500)
    with pytest.raises(ClientError, match="InternalError"):
        s3.put_object(Bucket=bucket, Key="a/k", Body=b"x")
