"""Runs the zips of Lambda functions as processes of this machine, over the Runtime API.

One warm process per function and version of its code, one event at a time. Layers lie in a folder
of their own: where a variable names a file below /opt, the process gets the file's real place. The
database of RDS, which moto only pretends to have, is the one that TICKFOLD_DATABASE names.

Source: "Using the Lambda runtime API" of the Lambda developer guide.
"""

import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# host:port of an instance, as RDS names them.
RDS_ENDPOINT = re.compile(r"[a-z0-9.-]+\.rds\.amazonaws\.com:\d+")


class Function:
    """One function's process, and the Runtime API that it asks for events."""

    def __init__(self, of, layers, endpoint):
        """of: moto's LambdaFunction; layers: the zips' bytes; endpoint: that of moto itself."""
        self.of, self.endpoint = of, endpoint
        self.one_at_a_time = threading.Lock()
        self.event_there, self.answer_there = threading.Event(), threading.Event()
        self.request_id, self.event, self.answer, self.process = None, b"", None, None
        self.folder = tempfile.TemporaryDirectory(prefix="function-")
        self.task, self.opt = (os.path.join(self.folder.name, it) for it in ("task", "opt"))
        zipfile.ZipFile(io.BytesIO(of.code_bytes)).extractall(self.task)
        for layer in layers:
            zipfile.ZipFile(io.BytesIO(layer)).extractall(self.opt)
        self.program = os.path.join(self.task, "bootstrap")
        os.chmod(self.program, 0o755)
        self.api = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        threading.Thread(target=self.api.serve_forever, daemon=True).start()

    def environment(self):
        own = {name: str(value) for name, value in (self.of.environment_vars or {}).items()}
        for name, value in own.items():
            value = re.sub(r"^/opt/", self.opt + "/", value)
            own[name] = RDS_ENDPOINT.sub(os.environ["TICKFOLD_DATABASE"], value)
        return own | {
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" % self.api.server_port,
            "AWS_LAMBDA_FUNCTION_NAME": self.of.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": str(self.of.version),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.of.memory_size),
            "LAMBDA_TASK_ROOT": self.task,
            "_HANDLER": self.of.handler,
            "AWS_REGION": self.of.region,
            "AWS_ACCESS_KEY_ID": "moto",
            "AWS_SECRET_ACCESS_KEY": "moto",
            "AWS_SESSION_TOKEN": "moto",
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def call(self, event):
        """The answer, and whether it is an error."""
        with self.one_at_a_time:
            if self.process is None or self.process.poll() is not None:
                self.process = subprocess.Popen(
                    [self.program], cwd=self.task, env=self.environment(), stdout=sys.stderr
                )
            self.request_id, self.event = str(uuid.uuid4()), event.encode()
            self.answer_there.clear()
            self.event_there.set()
            deadline = time.monotonic() + int(self.of.timeout)
            while not self.answer_there.wait(0.1):
                if self.process.poll() is not None:
                    return failure("Runtime.ExitError", "the program has ended")
                if time.monotonic() > deadline:
                    self.stop()
                    return failure("Sandbox.Timedout", "Task timed out")
            return self.answer

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.event_there.clear()


def failure(kind, message):
    return json.dumps({"errorType": kind, "errorMessage": message}), True


def handler(function):
    class RuntimeApi(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):  # .../runtime/invocation/next
            function.event_there.wait()
            function.event_there.clear()
            deadline = (time.time() + int(function.of.timeout)) * 1000
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", function.request_id)
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", function.of.function_arn)
            self.send_header("Lambda-Runtime-Deadline-Ms", str(int(deadline)))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(function.event)))
            self.end_headers()
            self.wfile.write(function.event)

        def do_POST(self):  # .../runtime/invocation/<id>/response, or .../error
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode()
            function.answer = (body, not self.path.endswith("/response"))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            function.answer_there.set()

    return RuntimeApi


class Functions:
    """All that have been called; what Lambda does when moto is asked to invoke one."""

    def __init__(self):
        self.lock, self.running, self.endpoint = threading.Lock(), {}, None

    def invoke(self, of, layers, event):
        with self.lock:
            key = (of.function_name, of.code_sha_256)
            if key not in self.running:
                self.running[key] = Function(of, layers, self.endpoint)
        event = event if isinstance(event, str) else json.dumps(event or {})
        return self.running[key].call(event)

    def stop(self):
        for function in self.running.values():
            function.stop()
