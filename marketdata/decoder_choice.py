"""Which decoder reads events: compiled loops wherever they can, or the complete decoder alone.

Both give the same events, and the same reasons for what they set aside; the compiled loops are several times
as fast. The complete decoder alone is the way out if compiled code is ever suspected of an error.

The choice is read from the environment, as `NUMBA_CACHE_DIR` is: what reads events knows no Django. The
site's settings refuse any value that is not accepted.
"""

import os
from typing import Final

EVENT_DECODER: Final = "EVENT_DECODER"
COMPILED: Final = "compiled"
COMPLETE: Final = "complete"
ACCEPTED: Final = (COMPILED, COMPLETE)


def may_use_compiled_loops() -> bool:
    """Whether compiled loops read events: unless the environment says otherwise."""
    return os.environ.get(EVENT_DECODER, COMPILED).strip() != COMPLETE
