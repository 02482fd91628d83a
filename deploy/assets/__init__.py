"""Vendors the browser assets named in package.json into shared/pages/static/vendor."""
