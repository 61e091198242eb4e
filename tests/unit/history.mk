# The checker of what the bank's clients were told.
TESTS += tests/unit/test_history
EXTRA_DIST += tests/unit/test_history tests/lib/history.py
