# The Python package on real databases.  Not with a sanitizer: its runtime would have to be in the interpreter.
if HAVE_PGSQL
if HAVE_MYSQL
if !SANITIZED
TESTS += tests/integration/python
endif
endif
endif
EXTRA_DIST += tests/integration/python
