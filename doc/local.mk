# doc
include doc/client.mk
include doc/daemons.mk
include doc/agent.mk
dist_doc_DATA = README.md doc/architecture.md doc/bank.md doc/benchmarks.md doc/found-bugs.md doc/operations.md doc/protocols.md doc/simulator.md doc/model.md
