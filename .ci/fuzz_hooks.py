"""What a description cannot tell a fuzzer of the API: which suppliers there are,
what fits together, and which key it must not end since it comes with it.

Every second valid request is fitted to what there is, and has to be accepted by
the default checks. The other goes as it was generated, and may be refused for
the state that it met, with one of the codes that say so. No check is switched
off.
"""

import datetime
import itertools
import json
import os
import random
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

# What a valid request may be refused for: no schema says which versions, places
# in the log, pages and suppliers there are, what its key was sent with before,
# what its owner has, and what time it is.
OF_STATE = {
    "version_mismatch", "token_unknown", "cursor_malformed", "cursor_foreign", "page_and_cursor",
    "unknown_reference", "duplicate_scope", "scope_required", "not_held", "expired", "out_of_range",
    "idempotency_key_reused",
}  # fmt: skip


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
fitted = set()  # the ids of the requests that are to be accepted


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
    another method, counts as one for schemathesis, but not for its checks."""
    return case.meta is not None and case.meta.generation.mode.is_positive and not is_unexpected_http_status_case(case)


@schemathesis.hook
def before_call(context, case, kwargs):
    protect(case)
    if is_valid(case):
        match_path(case)
    # There are only a few examples of each operation, so all of them are fitted.
    if is_valid(case) and (case.meta.phase.name == TestPhase.EXAMPLES or dice.randrange(2)):
        fitted.add(case.id)
        if case.meta.phase.name != TestPhase.STATEFUL:
            fit_state(case)
        fit_path(case)
        fit_headers(case)
        fit_query(case)
        fit_body(case)


def operation(case):
    return case.operation.definition.raw.get("operationId", "")


def protect(case):
    """The fuzzer finds its own key in the list of its keys, and the supplier
    here in that of suppliers. Without them nothing more would be tested. And no
    invitation is asked for: without an identity provider that is answered with
    503, which the fuzzer takes for a broken server."""
    path = case.path_parameters or {}
    if operation(case) in KEY_OPERATIONS and str(path.get("id", "")).lower() in OWN_KEYS:
        path["id"] = NOBODY
    if operation(case) == "change-supplier" and str(path.get("id", "")).lower() == SUPPLIER:
        path["id"] = NOBODY
    if isinstance(case.body, dict) and case.body.get("send_invite") is True:
        case.body["send_invite"] = False


def match_path(case):
    """A global membership has no supplier in its path, another one has. What two
    variables of a path have to do with each other, no description can say."""
    path = case.path_parameters or {}
    if path.get("scope_type") == "global":
        path["scope_id"] = "-"
    if path.get("scope_type") == "supplier" and path["scope_id"] == "-":
        path["scope_id"] = NOBODY


def fit_state(case):
    """An id is of something there is, and there is room for one more key. A
    sequence of requests has ids of its own, and its checks follow what becomes
    of them, so these are left alone."""
    path, does = case.path_parameters or {}, operation(case)
    if does in ISSUES_KEYS:
        for key in own_keys():
            if key not in OWN_KEYS:
                ask("DELETE", "/api-keys/" + key)
    if does in OF_MEMBERS:
        path["id"] = new_member()
    if does == "remove-membership":
        path["scope_type"] = "supplier"
    if does in OF_KEYS:
        path["id"] = some_key()


def fit_path(case):
    """A membership is of a supplier that exists."""
    path = case.path_parameters or {}
    if path.get("scope_type") == "supplier":
        path["scope_id"] = SUPPLIER


def fit_headers(case):
    """Tokens are of this log, suppliers exist, and no key was sent before."""
    headers = case.headers or {}
    if headers.get(TOKEN) and token:
        headers[TOKEN] = token
    if headers.get("X-Tenant-ID"):
        headers["X-Tenant-ID"] = SUPPLIER
    if "Idempotency-Key" in headers:
        headers["Idempotency-Key"] = f"{next(count)}-" + headers["Idempotency-Key"][:200]
    if "If-Match" in headers:
        fit_match(case)


def fit_match(case):
    """What is not there yet is at no version; what is there, at one at least."""
    if "{id}" in case.operation.path and operation(case) != "set-membership":
        case.headers["If-Match"] = "*"
    else:
        del case.headers["If-Match"]


def fit_query(case):
    """A cursor comes from a list that was answered before."""
    if case.query:
        case.query.pop("cursor", None)


def fit_body(case):
    """What has to exist, exists; what must not, does not; and what has to be in
    the future, is."""
    body = case.body
    if not isinstance(body, dict):
        return
    if isinstance(body.get("expires_at"), str):
        body["expires_at"] = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)).isoformat()
    fit_terms(body)
    fit_entries(body)
    if isinstance(body.get("memberships"), dict):
        fit_entries(body["memberships"])
    if operation(case) in ("create-supplier", "change-supplier"):
        body["slug"] = f"fuzzed-{next(count)}"
    if operation(case) == "create-user":
        # An e-mail that nobody has, and a role without a scope.
        body.update(email=f"fuzzed-{next(count)}@tenure.local", role="viewer")
    if operation(case) == "issue-api-key":
        # No more than its owner has.
        if body.get("tenants"):
            body["tenants"] = [SUPPLIER]
        if body.get("capabilities"):
            body["capabilities"] = ["view_data"]


def fit_terms(entry):
    """There are no customers yet, and no addresses."""
    entry.pop("reseller_account_ids", None)
    entry.pop("address_ids", None)


def fit_entries(document):
    entries = document.get("memberships")
    if not isinstance(entries, list):
        return
    for entry in entries:
        entry["scope_id"] = SUPPLIER if entry["scope_type"] == "supplier" else None
        fit_terms(entry)
    # A second entry for the same place is refused (duplicate_scope).
    document["memberships"] = list({entry["scope_type"]: entry for entry in entries}.values())


@schemathesis.check
def refused_for_state_alone(ctx, response, case):
    """A request that is as the description says is refused for what it meets, if
    at all, and never as malformed: schemathesis.toml expects 412 and 422, and the
    code tells why. One that was fitted to what there is, is not refused."""
    if not is_valid(case) or response.status_code not in (412, 422):
        return
    problem = json.loads(response.content)
    if problem["code"] == "invalid" and all(is_too_long(e) for e in problem["errors"]):
        return
    if problem["code"] not in OF_STATE or case.id in fitted:
        raise AssertionError(f"A request as described was refused: {problem['code']} {problem.get('errors')}")


def is_too_long(error):
    """Bytes are not characters, and a schema counts characters."""
    return " bytes" in error["message"] and "at most " in error["message"]


@schemathesis.deserializer("application/x-ndjson")
def lines(ctx, response):
    """Every line is an event. The last stands for all: one value is checked."""
    events = [json.loads(line) for line in response.content.splitlines()]
    if events:
        return events[-1]
    return ask("GET", "/audit/events/1")[0]
