# The manual pages of the agent.
dist_man_MANS += doc/man/txagent.8 doc/man/txagent.cfg.5
