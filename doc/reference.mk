# The manual pages of the library: one for each function; or one that several share, and for every other name of it a line that
# leads there.
dist_man_MANS += doc/man/txc_begin.3 doc/man/txc_client_new.3 doc/man/txc_commit.3 doc/man/txc_enlist.3 doc/man/txc_enlist_xa.3 doc/man/txc_exec.3 \
	doc/man/txc_export.3 doc/man/txc_outcome.3 doc/man/txc_result.3 doc/man/txc_rollback.3 doc/man/txc_savepoint.3 \
	doc/man/txc_strerror.3 doc/man/txc_tx_error.3

TXC_CLIENT_NEW_LINKS = doc/man/links/txc_client_destroy.3
TXC_BEGIN_LINKS = doc/man/links/txc_tx_destroy.3 doc/man/links/txc_tx_gtrid.3 \
	doc/man/links/txc_tx_set_commit_return.3
TXC_EXEC_LINKS = doc/man/links/txc_exec_last.3 doc/man/links/txc_exec_async.3 doc/man/links/txc_wait.3
TXC_SAVEPOINT_LINKS = doc/man/links/txc_rollback_to.3 doc/man/links/txc_release.3
TXC_RESULT_LINKS = doc/man/links/txc_result_destroy.3 doc/man/links/txc_result_rows.3 \
	doc/man/links/txc_result_columns.3 doc/man/links/txc_result_affected.3 doc/man/links/txc_result_name.3 \
	doc/man/links/txc_result_type.3 doc/man/links/txc_result_value.3 doc/man/links/txc_result_is_null.3 \
	doc/man/links/txc_result_tag.3
TXC_COMMIT_LINKS = doc/man/links/txc_commit_async.3 doc/man/links/txc_commit_poll.3 doc/man/links/txc_commit_within.3 doc/man/links/txc_tx_fd.3
TXC_ENLIST_LINKS = doc/man/links/txc_enlist_cb.3 doc/man/links/txc_enlist_failed.3 doc/man/links/txc_enlist_mysql.3 \
	doc/man/links/txc_enlist_pg.3
TXC_TX_PG_LINKS = doc/man/links/txc_tx_mysql.3
TXC_ENLIST_XA_LINKS = doc/man/links/txc_xa_load.3 doc/man/links/ax_reg.3 doc/man/links/ax_unreg.3
TXC_EXPORT_LINKS = doc/man/links/txc_join.3 doc/man/links/txc_detach.3 doc/man/links/txc_reattach.3
TXC_TX_ERROR_LINKS = doc/man/links/txc_last_error.3 doc/man/links/txc_tx_is_rollback_only.3 \
	doc/man/links/txc_error_is_retryable.3
TXC_STRERROR_LINKS = doc/man/links/txc_code_name.3

MAN_LINKS = $(TXC_CLIENT_NEW_LINKS) $(TXC_BEGIN_LINKS) $(TXC_EXEC_LINKS) $(TXC_SAVEPOINT_LINKS) \
	$(TXC_RESULT_LINKS) $(TXC_COMMIT_LINKS) $(TXC_ENLIST_LINKS) $(TXC_ENLIST_XA_LINKS) $(TXC_TX_PG_LINKS) $(TXC_EXPORT_LINKS) $(TXC_TX_ERROR_LINKS) $(TXC_STRERROR_LINKS)
nodist_man_MANS += $(MAN_LINKS)
CLEANFILES += $(MAN_LINKS)

$(TXC_CLIENT_NEW_LINKS): PAGE = txc_client_new
$(TXC_BEGIN_LINKS): PAGE = txc_begin
$(TXC_EXEC_LINKS): PAGE = txc_exec
$(TXC_SAVEPOINT_LINKS): PAGE = txc_savepoint
$(TXC_RESULT_LINKS): PAGE = txc_result
$(TXC_COMMIT_LINKS): PAGE = txc_commit
$(TXC_ENLIST_LINKS): PAGE = txc_enlist
$(TXC_ENLIST_XA_LINKS): PAGE = txc_enlist_xa
$(TXC_TX_PG_LINKS): PAGE = txc_tx_pg
$(TXC_EXPORT_LINKS): PAGE = txc_export
$(TXC_TX_ERROR_LINKS): PAGE = txc_tx_error
$(TXC_STRERROR_LINKS): PAGE = txc_strerror

$(MAN_LINKS):
	$(AM_V_GEN)$(MKDIR_P) doc/man/links && echo '.so man3/$(PAGE).3' >$@

# The API reference, from the public headers: doc/api/html in the build folder.
EXTRA_DIST += doc/reference.dox doc/reference.md doc/reference_filter.awk
.PHONY: doc
doc:
	@test -n '$(DOXYGEN)' || { echo 'make doc: doxygen is missing; install it (Debian: doxygen) and configure again' >&2; exit 1; }
	$(AM_V_at)rm -rf doc/api && $(MKDIR_P) doc/api
	$(AM_V_GEN){ cat '$(srcdir)/doc/reference.dox' && \
		echo 'INPUT = "$(srcdir)/doc/reference.md" "$(srcdir)/src/include"' && \
		echo 'USE_MDFILE_AS_MAINPAGE = "$(srcdir)/doc/reference.md"' && \
		echo 'STRIP_FROM_PATH = "$(srcdir)/src/include"' && \
		echo 'FILTER_PATTERNS = "*.h=awk -f $(srcdir)/doc/reference_filter.awk"' && \
		echo 'PROJECT_NUMBER = $(PACKAGE_VERSION)' && \
		echo 'OUTPUT_DIRECTORY = doc/api'; } | $(DOXYGEN) -

EXTRA_DIST += tests/unit/test_reference
TESTS += tests/unit/test_reference
AM_TESTS_ENVIRONMENT = DOXYGEN='$(DOXYGEN)'; export DOXYGEN;

mostlyclean-local:
	-rm -rf doc/api
