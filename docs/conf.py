"""How Sphinx builds the site: `make docs` writes it to docs/_build/html.

The build needs no network, and neither do the pages.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

from baselines_her import __version__  # noqa: E402

project = "baselines_her"
author = "the authors of baselines_her"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "command_pages",
    "settings_pages",
    "source_pages",
]
exclude_patterns = ["_build"]
nitpicky = True

# Markdown: GitHub's anchors, so that the same links work there and here.
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4
highlight_language = "text"

# The API is read from docstrings; what takes seconds to import is not imported.
autodoc_mock_imports = [
    "cloudpickle",
    "gymnasium",
    "gymnasium_robotics",
    "matplotlib",
    "mpi4py",
    "mujoco",
    "tensorflow",
    "threadpoolctl",
]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
default_role = "literal"  # docstrings mark code as Markdown does

# The standard library and NumPy have sites of their own, which we do not load.
nitpick_ignore_regex = [("py:.*", r".*")]

html_theme = "furo"
html_title = f"baselines_her {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["from_disk.js"]
html_show_sourcelink = False
html_show_copyright = False
html_copy_source = False
