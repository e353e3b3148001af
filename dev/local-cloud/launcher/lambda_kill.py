"""Interruption of a function: its process is killed before the answer to a call that it made."""

import contextlib
import os
import pathlib
import re
import signal

import connection

_EXITED = "Runtime exited before returning a response"
_SIGNALS = {signal.SIGKILL: "killed", signal.SIGTERM: "terminated", signal.SIGABRT: "aborted", signal.SIGSEGV: "segmentation fault"}
_EXIT_ERROR = re.compile(r"RequestId: \S+ Error: Runtime exited with error: ")


def _sockets(port: int) -> set[str]:
    """Returns the inodes of the sockets that are bound to a port."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in pathlib.Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if int(fields[1].rsplit(":", 1)[1], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found


def _holds(process: int, sockets: set[str]) -> bool:
    with contextlib.suppress(OSError):
        for descriptor in pathlib.Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(descriptor.readlink()) in sockets:
                    return True
    return False


def kill(function_arn: str) -> bool:
    """Kills the process of the function that makes the current call. Returns whether there was one."""
    from ministack.core import lambda_runtime

    with lambda_runtime._lock:
        workers = [w for pool in lambda_runtime._workers.values() for w in pool]
    workers = [w for w in workers if w.config.get("FunctionArn") == function_arn and w._proc is not None and w._proc.poll() is None]
    sockets = _sockets(connection.client_port.get())
    # Without /proc the calling process is unknown: kill all busy processes of the function.
    chosen = [w for w in workers if _holds(w._proc.pid, sockets)] or [w for w in workers if w.in_use]
    for worker in chosen:
        worker.local_cloud_killed = True
        with contextlib.suppress(OSError):
            os.kill(worker._proc.pid, signal.SIGKILL)
    return bool(chosen)


def _exit_error(request_id: str, how: str) -> str:
    return f"RequestId: {request_id} Error: Runtime exited with error: {how}"


def _how(status: int | None) -> str:
    """Formats an exit status as Lambda does."""
    if status is None or status >= 0:
        return f"exit status {status or 0}"
    return f"signal: {_SIGNALS.get(-status, -status)}"


def install() -> None:
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    invoke_script = lambda_runtime.Worker.invoke
    invoke_provided = lambda_runtime.ProvidedWorker.invoke
    teardown = lambda_runtime.ProvidedWorker._teardown
    execute_warm = lambda_svc._execute_function_warm

    def teardown_noting_the_status(self):
        if self._proc is not None:
            self.local_cloud_status = self._proc.poll()
        teardown(self)

    def provided(self, event, request_id, **more):
        result = invoke_provided(self, event, request_id, **more)
        if result.get("error") == _EXITED:
            error = _exit_error(request_id, _how(self.local_cloud_status))
            payload = {"errorType": "Runtime.ExitError", "errorMessage": error}
            log = "\n".join(filter(None, [result.get("log"), error, "Runtime.ExitError"]))
            result = {**result, "error": error, "error_payload": payload, "log": log}
        return result

    def script(self, event, request_id, **more):
        self.local_cloud_killed = False
        result = invoke_script(self, event, request_id, **more)
        if result.get("status") == "error" and self.local_cloud_killed:
            result = {**result, "error": _exit_error(request_id, _how(-signal.SIGKILL))}
        return result

    def warm(func, event, request_id):
        result = execute_warm(func, event, request_id)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and _EXIT_ERROR.match(str(body.get("errorMessage"))):
            body["errorType"] = "Runtime.ExitError"
        return result

    lambda_runtime.ProvidedWorker._teardown = teardown_noting_the_status
    lambda_runtime.ProvidedWorker.invoke = provided
    lambda_runtime.Worker.invoke = script
    lambda_svc._execute_function_warm = warm
