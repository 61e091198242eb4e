# The Python package on real databases.  Not with a sanitizer: its runtime would have to be in the interpreter.
if HAVE_PGSQL
if HAVE_MYSQL
if !SANITIZED
check_PROGRAMS += tests/integration/python_layout
TESTS += tests/integration/python tests/integration/other_copies
endif
endif
endif
tests_integration_python_layout_SOURCES = tests/integration/python_layout.c
EXTRA_DIST += tests/integration/python tests/integration/other_copies
