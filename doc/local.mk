# doc
include doc/client.mk
include doc/reference.mk
include doc/daemons.mk
include doc/agent.mk
include doc/tx.mk
dist_doc_DATA = README.md doc/architecture.md doc/bank.md doc/benchmarks.md doc/coming-from.md doc/found-bugs.md doc/operations.md doc/protocols.md doc/simulator.md doc/model.md
