# contrib: what is beside the product.
EXTRA_DIST += contrib/check contrib/demo contrib/demo.py contrib/packages
