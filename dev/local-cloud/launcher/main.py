"""Starts MiniStack with the additions of the local cloud.

MiniStack is the front door: one port for every service. Before it starts, this
module replaces the services it does not model closely enough (EC2, AWS Config,
SSM Automation and documents), adds the CloudFormation resource types that belong
to them, and opens the bridge through which the supervisor calls AWS.
"""

import argparse
import os
import sys
import threading

import settings


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="front door")
    parser.add_argument("--bridge-port", type=int, required=True)
    parser.add_argument("--control-url", required=True, help="where AWS Config and SSM Automation are served")
    parser.add_argument("--moto-url", required=True, help="where EC2 is served")
    parser.add_argument("--region", required=True)
    parser.add_argument("--account-id", required=True)
    parser.add_argument("--auth", choices=("true", "false"), required=True)
    parser.add_argument("--access-key-id", required=True)
    parser.add_argument("--secret-access-key", required=True)
    return parser.parse_args()


def end_with_parent() -> None:
    """Ends this process when the supervisor ends, which holds the other end of standard input."""

    def watch() -> None:
        while sys.stdin.buffer.read(4096):
            pass
        runtime = sys.modules.get("ministack.core.lambda_runtime")
        if runtime is not None:
            runtime.reset()  # ends the processes of functions
        # sys.exit would only end this thread: the main thread runs the event loop.
        os._exit(0)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def main() -> None:
    arguments = parse_arguments()
    end_with_parent()
    settings.configure(arguments)
    # MiniStack reads the environment when it is imported.
    os.environ.update(
        GATEWAY_PORT=str(arguments.port),
        BIND_HOST="127.0.0.1",
        MINISTACK_HOST="localhost",
        MINISTACK_REGION=arguments.region,
        MINISTACK_ACCOUNT_ID=arguments.account_id,
        AUTH=arguments.auth,
        AWS_ACCESS_KEY_ID=arguments.access_key_id,
        AWS_SECRET_ACCESS_KEY=arguments.secret_access_key,
        # Lambda functions inherit it. Their SDK has a variable of its own for the local cloud.
        AWS_ENDPOINT_URL=settings.endpoint(),
        # Turned off, because it would listen on a fixed port.
        IOT_MTLS_ENABLED="0",
    )

    import hooks

    hooks.install()

    import bridge

    bridge.serve(arguments.bridge_port)

    import ministack.app

    sys.argv = ["ministack"]
    ministack.app.main()


if __name__ == "__main__":
    main()
