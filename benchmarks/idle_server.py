"""``jobsvc`` whose sampling jobs do nothing: what is left is accepting, claiming and ending them.

python -m benchmarks.idle_server serve …
"""

from functools import partial

import composition_root
from benchmarks.load_queues import nothing
from command_line import Composition, command
from job_runner.handlers import HANDLERS
from storage.jobs.kinds import SAMPLE

if __name__ == "__main__":
    handlers = {**HANDLERS, SAMPLE: nothing}
    listening = partial(composition_root.listening, handlers=handlers)
    command(obj=Composition(listening, listening), prog_name="jobsvc")
