"""Runs the script of an aws:executeScript step: the request on standard input, the answer on standard output."""

import contextlib
import io
import json
import sys
import traceback

request = json.load(sys.stdin)
log = io.StringIO()
answer = {}
try:
    with contextlib.redirect_stdout(log):
        scope = {"__name__": "automation_script"}
        exec(compile(request["script"], "script", "exec"), scope)
        handler = scope.get(request["handler"])
        if not callable(handler):
            raise NameError(f"the script has no function {request['handler']}")
        answer["payload"] = handler(request["events"], request["context"])
    json.dumps(answer)
except BaseException as error:
    # As Automation shows it: the trace, then "message - type".
    answer = {"error": f"{traceback.format_exc()}\n{error} - {type(error).__name__}"}
answer["log"] = log.getvalue()
print(json.dumps(answer))
