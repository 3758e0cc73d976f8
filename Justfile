# Commands of development; `just` lists them. CONTRIBUTING.md says more.

[private]
default:
    @{{just_executable()}} --list

# Install jobsvc with its tools into .venv
setup:
    .ci/setup

# Run every test, or those of the arguments
test *ARGUMENTS:
    .venv/bin/pytest -n auto --dist loadscope --no-loadscope-reorder {{ARGUMENTS}}

# Run a part of the tests of each room, in a minute
test-fast:
    .venv/bin/pytest -q -n 2 --dist loadscope $(cat tests/fast.txt)

# Run all tests with all generated cases, and axe-core on all pages
nightly *ARGUMENTS:
    JOBSVC_NIGHTLY=1 .venv/bin/pytest -n auto --dist loadscope --no-loadscope-reorder {{ARGUMENTS}}

# Check style, format and types
lint:
    .ci/lint

# Correct style and format
fix:
    .venv/bin/ruff check --fix .
    .venv/bin/ruff format .

# Serve a data directory and restart after each change
serve DATA="play":
    .venv/bin/jobsvc serve --reload --debug --data-dir {{DATA}}

# Fill a new data directory with a thing of each kind and state
seed DATA="play":
    .venv/bin/python -m tests.seed {{DATA}}

# Print all that derives from a request, such as EstimatesRequest
show NAME:
    .venv/bin/python -m tests.derived {{NAME}}

# Write what derives from the contract: the client's keywords, tables of the docs, options of draws
docs-tables:
    .venv/bin/python -m tests.client.api_fields
    .venv/bin/python -m tests.derived
    .venv/bin/python -m tests.command_line.declared_methods

# Check the documentation: links, tables and commands
docs:
    .venv/bin/pytest -q -n 2 --dist loadscope tests/test_docs.py tests/test_style.py tests/test_documented_commands.py

# Compare the engines of this version with those of a revision
bench REVISION *ARGUMENTS:
    .venv/bin/python -m benchmarks.against {{REVISION}} {{ARGUMENTS}}

# Print the measures of the code with their goals
measures:
    .venv/bin/python -m benchmarks.measures

# Say which refusals of the API aren't recorded
refusals:
    .venv/bin/pytest -q -n auto --dist loadscope tests/contract --refusals compare

# Record the API's outline and its refusals anew, and lower the ceilings of the measures
record:
    .venv/bin/python -m tests.contract.api_outline
    .venv/bin/pytest -q -n auto --dist loadscope tests/contract --refusals record
    .venv/bin/python -m benchmarks.measures --record
