"""What a description cannot tell a fuzzer of the API: which suppliers there are,
what fits together, and which key it must not end since it comes with it.

No check is switched off here, and one is added: a request that is as the
description says is never refused for its shape.
"""

import datetime
import itertools
import json
import os
import random
import re
import urllib.request

import schemathesis
from schemathesis.generation.meta import TestPhase
from schemathesis.specs.openapi.checks import is_unexpected_http_status_case

URL = os.environ["TENURE_FUZZ_URL"] + "/api/v1"
KEY = os.environ["TENURE_FUZZ_KEY"]
TOKEN = "Consistency-Token"
NOBODY = "00000000-0000-4000-8000-000000000000"
KEY_OPERATIONS = ("revoke-api-key", "rotate-api-key")
OF_KEYS = (*KEY_OPERATIONS, "get-api-key")
ISSUES_KEYS = ("issue-api-key", "replace-my-api-key")
OF_MEMBERS = (
    "get-memberships", "replace-memberships", "set-membership", "remove-membership",
    "change-user", "disable-user", "enable-user",
)  # fmt: skip


def ask(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, {"X-API-Key": KEY, "Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
        return json.loads(text) if text else None, answer.headers.get(TOKEN)


def own_keys():
    found, _ = ask("GET", "/api-keys?page_size=100")
    return [key["id"] for key in found["items"]]


SUPPLIER, token = ask("POST", "/suppliers", {"name": "Of the fuzzer"})
SUPPLIER = SUPPLIER["id"]
OWN_KEYS = own_keys()
count = itertools.count()
dice = random.Random(0)  # counting would fall into step with what is generated


def often(n):
    """All but one time in n."""
    return dice.randrange(n) > 0


def new_member():
    """A user with a membership in the supplier."""
    entry = {"scope_type": "supplier", "scope_id": SUPPLIER, "role": "viewer"}
    user, _ = ask("POST", "/users", {"email": f"member-{next(count)}@tenure.local", "memberships": {"memberships": [entry]}})
    return user["id"]


def some_key():
    """A key that is not the one in use. A user has only so many, so they are
    not made one for each request."""
    for key in own_keys():
        if key not in OWN_KEYS:
            return key
    return ask("POST", "/api-keys", {"name": "to be rotated"})[0]["id"]


def is_valid(case):
    """A request as described. One that only probes how HTTP is read, such as with
    an empty header, counts as one for schemathesis, but not for its checks."""
    return case.meta is not None and case.meta.generation.mode.is_positive and not is_unexpected_http_status_case(case)


@schemathesis.hook
def before_call(context, case, kwargs):
    protect(case)
    if is_valid(case):
        if case.meta.phase.name != TestPhase.STATEFUL:
            fit_state(case)
        fit_path(case)
        fit_headers(case)
        fit_query(case)
        fit_body(case.body)
        if often(2):
            fit_creation(case)


def operation(case):
    return case.operation.definition.raw.get("operationId", "")


def protect(case):
    """The fuzzer finds its own key in the list of its keys, and the supplier
    here in that of suppliers. Without them nothing more would be tested."""
    path = case.path_parameters or {}
    if operation(case) in KEY_OPERATIONS and str(path.get("id", "")).lower() in OWN_KEYS:
        path["id"] = NOBODY
    if operation(case) == "change-supplier" and str(path.get("id", "")).lower() == SUPPLIER:
        path["id"] = NOBODY


def fit_state(case):
    """Where an id was made up, every second one is of something there is, and
    there is room for one more key. A sequence of requests has ids of its own,
    and its checks follow what becomes of them, so these are left alone."""
    path, does = case.path_parameters or {}, operation(case)
    if does in ISSUES_KEYS and not often(8):
        for key in own_keys():
            if key not in OWN_KEYS:
                ask("DELETE", "/api-keys/" + key)
    if does in OF_MEMBERS and often(2):
        path["id"] = new_member()
    if does == "remove-membership":
        path["scope_type"] = "supplier"
    if does in OF_KEYS and often(2):
        path["id"] = some_key()


def fit_path(case):
    """A global membership has no supplier, another one that exists."""
    path = case.path_parameters or {}
    if "scope_type" in path:
        path["scope_id"] = "-" if path["scope_type"] == "global" else SUPPLIER


def fit_headers(case):
    """Tokens are of this log, suppliers exist, and a key that is used again
    comes with another request, which is refused (idempotency_key_reused)."""
    headers = case.headers
    if not headers:
        return
    if headers.get(TOKEN) and token:
        headers[TOKEN] = token
    if headers.get("X-Tenant-ID"):
        headers["X-Tenant-ID"] = SUPPLIER
    if "If-Match" in headers and (not headers["If-Match"] or often(8)):
        fit_match(case)
    if "Idempotency-Key" in headers:
        headers["Idempotency-Key"] = f"{next(count)}-" + headers["Idempotency-Key"][:200]


def fit_match(case):
    """What is not there yet has no version, and of what is there the fuzzer
    does not know it (version_mismatch). An empty header is not as described,
    though the fuzzer's coverage phase counts it as if it were."""
    if "{id}" in case.operation.path:
        case.headers["If-Match"] = "*"
    else:
        del case.headers["If-Match"]


def fit_query(case):
    """A cursor that was made up is refused (cursor_malformed), which would hide
    all else that a query asks for; it stays in every fourth."""
    if case.query and "cursor" in case.query and often(4):
        del case.query["cursor"]


def fit_body(body):
    """What has to exist, exists; what has to be in the future, is; and an
    invitation, which only an identity provider could send, is not asked for."""
    if not isinstance(body, dict):
        return
    body.pop("send_invite", None)
    if isinstance(body.get("expires_at"), str):
        body["expires_at"] = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).isoformat()
    if body.get("tenants"):
        body["tenants"] = [SUPPLIER]
    if body.get("capabilities") and "name" in body:
        body["capabilities"] = ["view_data"]
    fit_entries(body)
    if isinstance(body.get("memberships"), dict):
        fit_entries(body["memberships"])


def fit_creation(case):
    """Every second account has an e-mail that nobody has (email_taken) and a
    role without a scope (scope_required); every second key is not narrowed to
    what its owner may not have (not_held)."""
    if not isinstance(case.body, dict):
        return
    if operation(case) == "create-user":
        case.body.update(email=f"fuzzed-{next(count)}@tenure.local", role="viewer")
        case.body.pop("memberships", None)
    if operation(case) == "issue-api-key":
        for narrowed in ("capabilities", "tenants"):
            case.body.pop(narrowed, None)


def fit_entries(document):
    entries = document.get("memberships")
    if not isinstance(entries, list):
        return
    for entry in entries:
        entry["scope_id"] = SUPPLIER if entry["scope_type"] == "supplier" else None
    # A second entry for the same place is refused (duplicate_scope).
    document["memberships"] = list({entry["scope_type"]: entry for entry in entries}.values())


@schemathesis.check
def description_is_whole(ctx, response, case):
    """A request that is as the description says is refused for what it wants,
    if at all, and never as malformed: schemathesis.toml expects 422 of some
    operations, and the code tells the two apart."""
    if not is_valid(case) or response.status_code != 422:
        return
    problem = json.loads(response.content)
    if problem["code"] != "invalid" or all(unsayable(e) for e in problem["errors"]):
        return
    raise AssertionError(f"A request as described was refused as malformed: {problem['errors']}")


def unsayable(error):
    """Bytes are not characters, and a schema counts characters. 1.0 is whole to
    a schema, and not spelled as a whole number."""
    return re.search(r"at most \d+ bytes|must be a whole number", error["message"]) is not None


@schemathesis.deserializer("application/x-ndjson")
def lines(ctx, response):
    """Every line is an event. The last stands for all: one value is checked."""
    events = [json.loads(line) for line in response.content.splitlines()]
    if events:
        return events[-1]
    return ask("GET", "/audit/events/1")[0]
