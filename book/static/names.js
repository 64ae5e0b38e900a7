/* What the theme calls things differently from what it shows: assistive technology then hears a name
   that nobody sees (WCAG 2.5.3). Without these attributes the visible text is the name. */
document.addEventListener("DOMContentLoaded", () => {
  const misnamed = document.querySelectorAll("summary[aria-label], .search-button-field[aria-label]");
  for (const element of misnamed) element.removeAttribute("aria-label");

  // The list of references is called a list and its entries are not called its items.
  for (const list of document.querySelectorAll(".citation-list[role]")) list.removeAttribute("role");
});
