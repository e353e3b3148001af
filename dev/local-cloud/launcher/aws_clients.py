"""boto3 clients. They are created one at a time, because creating one is not thread-safe; using one is."""

import threading

import boto3
from botocore.config import Config

_lock = threading.Lock()


def make(service: str, url: str, region: str, credentials: dict, **config):
    with _lock:
        return boto3.client(
            service,
            endpoint_url=url,
            region_name=region,
            aws_access_key_id=credentials["accessKeyId"],
            aws_secret_access_key=credentials["secretAccessKey"],
            aws_session_token=credentials.get("sessionToken") or None,
            config=Config(max_pool_connections=32, **config),
        )
