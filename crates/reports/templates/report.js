"use strict";
(() => {
  const table = document.getElementById("table");
  if (!table) return;
  const body = table.tBodies[0];
  const filter = document.getElementById("filter");
  const kind = document.getElementById("kind");
  const count = document.getElementById("count");
  const announcer = document.getElementById("announcer");
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const rows = Array.from(body.rows, (element) => ({ element, text: element.textContent.toLowerCase() }));

  const number = (value) => value.toLocaleString("en");
  const findings = (value) => `${number(value)} ${value === 1 ? "finding" : "findings"}`;

  const show = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { element, text } of rows) {
      const matches = (!kind.value || element.dataset.kind === kind.value) && words.every((word) => text.includes(word));
      element.hidden = !matches;
      shown += matches ? 1 : 0;
    }
    count.value = shown === rows.length ? findings(shown) : `${number(shown)} of ${findings(rows.length)}`;
    document.getElementById("none").hidden = shown > 0;
  };

  const key = (row, column) => {
    const cell = row.element.cells[column];
    return cell.dataset.sort === undefined ? cell.textContent : Number(cell.dataset.sort);
  };

  const sort = (header, column) => {
    const direction = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const keyed = rows.map((row) => [key(row, column), row]);
    keyed.sort(([a], [b]) => direction * (typeof a === "number" ? a - b : collator.compare(a, b)));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
    body.append(...keyed.map(([, row]) => row.element));
    announcer.textContent = `Sorted by ${header.textContent}, ${direction === 1 ? "ascending" : "descending"}`;
  };

  Array.from(table.tHead.rows[0].cells).forEach((header, column) => {
    if ("unsorted" in header.dataset) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sort(header, column));
    header.append(button);
  });

  // The clipboard is closed to some browsers when a page comes from a file.
  const copy = async (code) => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      return true;
    } catch {
      getSelection().selectAllChildren(code);
      return document.execCommand("copy");
    }
  };

  for (const button of table.querySelectorAll("button.copy")) button.hidden = false;
  table.addEventListener("click", async ({ target }) => {
    if (!target.matches("button.copy")) return;
    const copied = await copy(target.previousElementSibling);
    target.textContent = copied ? "Copied" : "Selected";
    announcer.textContent = copied ? "Command copied" : "Command selected, copy it with the keyboard";
    setTimeout(() => { target.textContent = "Copy"; }, 2000);
  });

  let waiting;
  filter.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, rows.length > 500 ? 150 : 0);
  });
  kind.addEventListener("change", show);
  document.getElementById("controls").hidden = false;
})();
