"""moto, with what it lacks for our Terraform and for functions that run.

It serves on a free port, which it prints, until its standard input ends: it goes with the test,
however that ends. Three kinds of things are mended: calls that moto does not know; fields that it
forgets, which the next plan would take for a change; and functions, which it would run in Docker.
Each is written for the version of moto that tests/support/moto.rs names.
"""

import json
import logging
import sys

from functions import Functions
from moto.awslambda.models import LambdaBackend, LambdaFunction, lambda_backends
from moto.budgets.responses import BudgetsResponse
from moto.core.responses import BaseResponse
from moto.ec2.models.instances import Instance
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.iam.access_control import PermissionResult
from moto.rds.models import DBParameterGroup, MasterUserSecret
from moto.s3.models import FakeBucket
from moto.server import ThreadedMotoServer
from moto.sqs.models import Queue, sqs_backends

FUNCTIONS = Functions()


def instead_of(cls, name):
    """Replaces a method; the new one gets the old one first."""
    old = getattr(cls, name)

    def replace(new):
        setattr(cls, name, lambda self, *args, **kwargs: new(old, self, *args, **kwargs))
        return new

    return replace


# --- Calls that moto does not know.


@instead_of(BaseResponse, "call_action")
def _(old, self):
    """Terraform repeats a 500 for ten minutes; a 400 is its error at once."""
    try:
        return old(self)
    except NotImplementedError as error:
        print("moto lacks", self.service_name, self._get_action(), file=sys.stderr, flush=True)
        body = {"__type": "NotImplementedByMoto", "message": str(error)}
        return 400, {"status": 400}, json.dumps(body)


BUDGET_TAGS = {}


@instead_of(BudgetsResponse, "create_budget")
def _(old, self):
    asked = json.loads(self.body)
    BUDGET_TAGS[asked["Budget"]["BudgetName"]] = asked.get("ResourceTags", [])
    return old(self)


def budget_tags(self):
    name = json.loads(self.body)["ResourceARN"].split("/", 1)[1]
    return json.dumps({"ResourceTags": BUDGET_TAGS.get(name, [])})


def budget_subscribers(self):
    def same(one, other):
        without = "NotificationState"
        return all(one.get(it) == other.get(it) for it in {*one, *other} - {without})

    asked = json.loads(self.body)
    budget = self.backend.budgets[asked["AccountId"]][asked["BudgetName"]]
    for notification in budget.notifications:
        if same(notification.details, asked["Notification"]):
            return json.dumps({"Subscribers": notification.subscribers})
    return json.dumps({"Subscribers": []})


BudgetsResponse.list_tags_for_resource = budget_tags
BudgetsResponse.describe_subscribers_for_notification = budget_subscribers

# --- Fields that moto forgets.

Queue.BASE_ATTRIBUTES.append("RedriveAllowPolicy")
Queue.redrive_allow_policy = None


@instead_of(Queue, "_set_attributes")
def _(old, self, attributes, now=None):
    """To set another attribute is not to forget the policy."""
    keep = None if "Policy" in attributes else getattr(self, "policy", None)
    old(self, attributes, now)
    self.policy = keep or self.policy


queue_attributes = Queue.attributes.fget


def attributes_as_sent(self):
    """SQS gives JSON back without spaces, and leaves out what is empty."""
    found = queue_attributes(self)
    if isinstance(found.get("RedrivePolicy"), str):
        policy = json.loads(found["RedrivePolicy"])
        found["RedrivePolicy"] = json.dumps(policy, separators=(",", ":"))
    if not found.get("RedriveAllowPolicy"):
        found.pop("RedriveAllowPolicy", None)
    return found


Queue.attributes = property(attributes_as_sent)


@instead_of(FakeBucket, "get_permission")
def _(old, self, action, resource):
    """moto knows no conditions: "nobody without TLS" would be nobody."""
    if self.policy is None:
        return old(self, action, resource)
    whole, policy = self.policy, json.loads(self.policy)
    policy["Statement"] = [it for it in policy["Statement"] if "Condition" not in it]
    if not policy["Statement"]:
        return PermissionResult.NEUTRAL
    self.policy = json.dumps(policy).encode()
    try:
        return old(self, action, resource)
    finally:
        self.policy = whole


@instead_of(DBParameterGroup, "update_parameters")
def _(old, self, new):
    old(self, new)
    for parameter in self.parameters.values():
        parameter["Source"] = "user"


@instead_of(MasterUserSecret, "_generate_secret_string")
def _(old, self):
    """The user is the instance's own."""
    account = json.loads(old(self)) | {"username": self.resource.master_username}
    return json.dumps(account)


@instead_of(SecurityGroupRule, "__init__")
def _(old, self, *args, **kwargs):
    old(self, *args, **kwargs)
    parts = [it for it in (*args, *kwargs.values()) if isinstance(it, dict)]
    self._said = next((it["Description"] for it in parts if it.get("Description")), None)


SecurityGroupRule.description = property(lambda self: self._said)


@instead_of(Instance, "__init__")
def _(old, self, *args, **kwargs):
    """Groups that are given with a network interface, as for a public address, are both's."""
    old(self, *args, **kwargs)
    self.security_groups = self.security_groups or list(self.nics[0].group_set)


@instead_of(LambdaFunction, "__init__")
def _(old, self, account_id, spec, *args, **kwargs):
    old(self, account_id, spec, *args, **kwargs)
    self._logging = spec.get("LoggingConfig")


@instead_of(LambdaFunction, "update_configuration")
def _(old, self, updates):
    self._logging = updates.get("LoggingConfig", self._logging)
    return old(self, updates)


@instead_of(LambdaFunction, "get_configuration")
def _(old, self, *args, **kwargs):
    found = old(self, *args, **kwargs)
    return found | ({"LoggingConfig": self._logging} if self._logging else {})


# --- Functions.


@instead_of(LambdaFunction, "_invoke_lambda")
def _(_old, self, event=None):
    backend = lambda_backends[self.account_id][self.region]
    layers = [backend.layers_versions_by_arn(it["Arn"]).code_bytes for it in self.layers]
    body, failed = FUNCTIONS.invoke(self, layers, event)
    return body, failed, ""


@instead_of(LambdaBackend, "send_sqs_batch")
def _(_old, self, function_arn, messages, queue_arn):
    """One event for the batch, and of its messages only those stay that it names as failed."""
    if not messages:
        return True
    records = [sqs_record(it, queue_arn, self.region_name) for it in messages]
    headers = {}
    answer = self.invoke(function_arn, None, json.dumps({"Records": records}), {}, headers)
    if "x-amz-function-error" in headers:
        return False
    failures = (json.loads(answer) or {}).get("batchItemFailures", [])
    failed = {it["itemIdentifier"] for it in failures}
    queue = queue_arn.rsplit(":", 1)[1]
    for message in messages:
        if message.id not in failed:
            backend = sqs_backends[self.account_id][self.region_name]
            backend.delete_message(queue, message.receipt_handle)
    messages[:] = [it for it in messages if it.id in failed]
    return False


def sqs_record(message, queue_arn, region):
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": str(message.approximate_receive_count)},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": region,
    }


if __name__ == "__main__":
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server.start()
    FUNCTIONS.endpoint = "http://%s:%d" % server.get_host_and_port()
    print(FUNCTIONS.endpoint, flush=True)
    sys.stdin.read()
    FUNCTIONS.stop()
