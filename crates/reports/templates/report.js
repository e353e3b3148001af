"use strict";
(() => {
  const table = document.getElementById("table");
  if (!table) return;
  const body = table.tBodies[0];
  const filter = document.getElementById("filter");
  const kind = document.getElementById("kind");
  const count = document.getElementById("count");
  const announcer = document.getElementById("announcer");
  const facets = document.getElementById("facets");
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  // Commands state the whole policy, and would match every port of it.
  const words = (row) => [...row.querySelectorAll(".badge, .group, .place, .rules")].map((part) => part.textContent).join(" ");
  const rows = Array.from(body.rows, (element) => ({ element, text: words(element).toLowerCase() }));
  const all = count.dataset.all.split("\n").filter(Boolean).map((line) => line.split("\t"));
  const chosen = { account: "", region: "" };

  const number = (value) => value.toLocaleString("en");
  const groups = (value) => `${number(value)} ${value === 1 ? "group" : "groups"}`;

  // Groups with this severity, account and region, on the page or not.
  const total = () => all.reduce((sum, [account, region, level, some]) => {
    const matches = (!kind.value || kind.value === level) && (!chosen.account || chosen.account === account) && (!chosen.region || chosen.region === region);
    return sum + (matches ? Number(some) : 0);
  }, 0);

  const show = () => {
    const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0, candidates = 0;
    for (const { element, text } of rows) {
      const { dataset } = element;
      const candidate = (!kind.value || dataset.kind === kind.value) && (!chosen.account || dataset.account === chosen.account) && (!chosen.region || dataset.region === chosen.region);
      const matches = candidate && wanted.every((word) => text.includes(word));
      element.hidden = !matches;
      candidates += candidate ? 1 : 0;
      shown += matches ? 1 : 0;
    }
    const missing = total() - candidates;
    let text = shown === rows.length ? groups(shown) : `${number(shown)} of ${groups(rows.length)}`;
    if (missing > 0) {
      const where = [kind.value, chosen.account, chosen.region].filter(Boolean).join(", ");
      text += wanted.length
        ? `; ${number(missing)} more are not on this page, and were not searched`
        : `; ${number(missing)} more${where ? ` (${where})` : ""} are not on this page`;
    }
    count.value = text;
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
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sort(header, column));
    header.append(button);
  });

  for (const item of facets ? facets.querySelectorAll("[data-facet]") : []) {
    const { facet, value } = item.dataset;
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    button.append(...item.childNodes);
    button.addEventListener("click", () => {
      chosen[facet] = chosen[facet] === value ? "" : value;
      for (const other of facets.querySelectorAll(`[data-facet="${facet}"] button`)) {
        other.setAttribute("aria-pressed", String(other.parentElement.dataset.value === chosen[facet]));
      }
      show();
    });
    item.append(button);
  }
  if (facets && matchMedia("(min-width: 60.01rem)").matches) facets.open = true;

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
  show();
})();
