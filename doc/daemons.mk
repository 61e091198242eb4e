# The manual pages of the coordinator.
dist_man_MANS += doc/man/txcoord.8 doc/man/txcoord.cfg.5
