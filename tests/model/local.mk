# tests/model: Promela models, for spin; tests/model/run checks them.
EXTRA_DIST += tests/model/run tests/model/log.pml tests/model/twopc.pml tests/model/threepc.pml \
	tests/model/paxoscommit.pml
