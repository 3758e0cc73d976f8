"""``jobsvc`` whose sampling jobs do nothing: what is left is accepting, claiming and ending them.

python -m benchmarks.idle_server serve …
"""

import composition_root
import jobsvc
from benchmarks.load_queues import nothing

if __name__ == "__main__":
    handlers = {**composition_root.HANDLERS, "sampling": nothing}  # type: ignore[attr-defined]
    composition_root.HANDLERS = handlers  # type: ignore[attr-defined]
    jobsvc.main()
