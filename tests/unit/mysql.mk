# plugins/mysql
if HAVE_CMOCKA
if HAVE_MYSQL
check_PROGRAMS += tests/unit/test_mysql_screen
TESTS += tests/unit/test_mysql_screen
tests_unit_test_mysql_screen_SOURCES = tests/unit/test_mysql_screen.c plugins/mysql/txc_my_screen.c
tests_unit_test_mysql_screen_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/plugins/mysql
tests_unit_test_mysql_screen_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(MYSQL_CFLAGS)
tests_unit_test_mysql_screen_LDADD = $(CMOCKA_LIBS)
endif
endif
