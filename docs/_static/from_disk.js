/* A page that is opened from a disk may not read other pages.  So the search lists the
   pages that it finds there without an excerpt of each. */
if (location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}
