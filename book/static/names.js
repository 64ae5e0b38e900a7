/* What the theme calls things differently from what it shows: assistive technology then hears a name
   that nobody sees (WCAG 2.5.3). Without these attributes the visible text is the name. */
document.addEventListener("DOMContentLoaded", () => {
  const misnamed = document.querySelectorAll("summary[aria-label], .search-button-field[aria-label]");
  for (const element of misnamed) element.removeAttribute("aria-label");

  // The list of references is called a list and its entries are not called its items.
  for (const list of document.querySelectorAll(".citation-list[role]")) list.removeAttribute("role");
});

/* A page that was opened from a disk may not read others: the search then finds pages, but cannot show
   the sentences around a hit, and says so. */
if (location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  document.addEventListener("DOMContentLoaded", () => {
    const results = document.getElementById("search-results");
    if (!results) return;
    const note = document.createElement("p");
    note.textContent = "This page was opened from a disk, where browsers let no page read another: " +
      "the search finds pages, without the sentences around your words.";
    results.before(note);
  });
}
