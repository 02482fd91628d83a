"""What every HTML page of the four services is made of: base templates, filters and vendored assets."""

from shared.pages.assets import Assets
from shared.pages.render import CONTENT_SECURITY_POLICY, Pages, Viewer, wants_html

__all__ = ["CONTENT_SECURITY_POLICY", "Assets", "Pages", "Viewer", "wants_html"]
