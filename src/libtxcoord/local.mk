# src/libtxcoord: the client library.
pkginclude_HEADERS += src/include/txcoord/txcoord.h src/include/txcoord/txc_rm.h
pkgconfig_DATA += src/libtxcoord/libtxcoord.pc
