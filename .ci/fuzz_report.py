"""fuzz_report.py report.json code: whether what the fuzzer did is enough. A
machine that was too slow for all of it fails for what was found alone, and for
what was not tried at all.
"""

import json
import sys

OUT_OF_TIME = 124  # of timeout

path, code = sys.argv[1], int(sys.argv[2])
try:
    report = json.load(open(path, encoding="utf-8"))
except (OSError, ValueError) as err:
    sys.exit(f"fuzz: there is no report: {err}")
if code == OUT_OF_TIME:
    print("fuzz: the time ran out before all was done")
    code = bool(report["failures"] or report["errors"] or any(report["warnings"].values()))

# How valid requests were answered, by operation and phase.
rates = report["valid_rates"]
answered = {of for of, phases in rates.items() if any(rate["accepted"] for rate in phases.values())}
total = report["operations"]["selected"]
print(f"fuzz: {len(answered)} of {total} operations were answered with success")
if len(answered) < total:
    print(f"fuzz: {total - len(rates)} were not tried, and never were:", sorted(rates.keys() - answered), file=sys.stderr)
    code = code or 1
sys.exit(code)
