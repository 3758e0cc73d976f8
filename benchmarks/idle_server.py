"""``jobsvc`` whose sampling jobs do nothing: what is left is accepting, claiming and ending them.

python -m benchmarks.idle_server serve …
"""

import jobsvc
from benchmarks.load_queues import nothing

if __name__ == "__main__":
    jobsvc.HANDLERS = {**jobsvc.HANDLERS, "sampling": nothing}  # type: ignore[attr-defined]
    jobsvc.main()
