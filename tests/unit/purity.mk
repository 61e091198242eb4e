# The rooms keep to themselves.
EXTRA_DIST += tests/unit/test_purity
TESTS += tests/unit/test_purity
