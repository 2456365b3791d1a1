"""How many examples: the same few hundred each time, or FUZZ_EXAMPLES of them, drawn at random."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

FUZZ_EXAMPLES = os.environ.get("FUZZ_EXAMPLES")

# The modules take it by `settings.get_profile`: loading it would change the tests of other folders too.
settings.register_profile(
    "fuzz",
    max_examples=int(FUZZ_EXAMPLES or 300),
    derandomize=FUZZ_EXAMPLES is None,
    deadline=None,
    print_blob=True,
    # Servers and clients serve all examples of a test. Large examples take their time.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
