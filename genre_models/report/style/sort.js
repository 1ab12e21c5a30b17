// Sorts a table by the clicked column. Without this, rows stay in the order in which they are written.
for (const button of document.querySelectorAll("th > .sort")) {
  button.addEventListener("click", () => {
    const head = button.parentElement, table = head.closest("table"), body = table.tBodies[0];
    const place = Number(head.dataset.column);
    const down = head.getAttribute("aria-sort") !== "descending";
    const worth = (row) => {
      const cell = row.cells[place], text = cell.dataset.value;
      return text === undefined ? cell.textContent : text === "" ? null : Number(text);
    };
    const rows = [...body.rows].sort((a, b) => {
      const x = worth(a), y = worth(b);
      if (x === null || y === null) return (x === null) - (y === null);
      const order = typeof x === "string" ? y.localeCompare(x) : x - y;
      return down ? -order : order;
    });
    for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows);
  });
}
