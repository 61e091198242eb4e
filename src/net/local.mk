# src/net: messages over ZeroMQ, which is named here and nowhere above.
noinst_LTLIBRARIES += src/net/libnet.la
src_net_libnet_la_SOURCES = \
	src/net/txc_calls.c src/net/txc_calls.h \
	src/net/txc_endpoint.c src/net/txc_endpoint.h \
	src/net/txc_net.c src/net/txc_net.h \
	src/net/txc_routes.c src/net/txc_routes.h \
	src/net/txc_socket.c src/net/txc_socket.h
src_net_libnet_la_CFLAGS = $(AM_CFLAGS) $(ZMQ_CFLAGS)
src_net_libnet_la_LIBADD = $(ZMQ_LIBS)
