# contrib: what is beside the product.
EXTRA_DIST += contrib/check contrib/demo contrib/demo.py contrib/packages
# The Python package: installed by pip, not by make.
EXTRA_DIST += contrib/python/README.md contrib/python/pyproject.toml contrib/python/txcoord/__init__.py \
	contrib/python/txcoord/client.py contrib/python/txcoord/codes.py contrib/python/txcoord/enlist.py contrib/python/txcoord/errors.py \
	contrib/python/txcoord/native.py contrib/python/txcoord/py.typed contrib/python/txcoord/result.py \
	contrib/python/txcoord/transaction.py
