"""Links within the repository lead somewhere."""

import pytest
from pages import PAGES, ROOT, anchor, anchors, links

NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_to_a_file_and_a_heading(page):
    for link in links(page):
        path, _, part = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if part:
            assert part in anchors(target), link


def test_anchors_are_those_of_github():
    assert anchor("What does `clip_return` do?") == "what-does-clip_return-do"
    assert anchor("Hopper, Walker2d, Ant") == "hopper-walker2d-ant"
    assert anchor("With 100 demonstrations") == "with-100-demonstrations"
