# Operators' commands, and bad input of all kinds, at daemons with real databases.
if HAVE_PGSQL
if HAVE_MYSQL
TESTS += tests/integration/cooperative tests/integration/left_behind tests/integration/operators tests/integration/bad_input tests/integration/three_phase tests/integration/last_resource
endif
endif
EXTRA_DIST += tests/integration/cooperative tests/integration/left_behind tests/integration/operators tests/integration/bad_input tests/integration/three_phase tests/integration/last_resource tests/lib/cases.py
