"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const rowOf = new Map(data.tid.map((tid, row) => [String(tid), row]));
  const element = (name, text) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    return made;
  };

  // -- columns ---------------------------------------------------------------------------------
  const asNumber = (value) => (value === "inf" ? Infinity : value === "-inf" ? -Infinity : value);
  const column = (name, values, shown, numeric) => ({ name, values, shown, numeric });
  const asIs = (value) => (value === null || value === undefined ? "" : String(value));
  const columns = [
    column("trial", data.tid, asIs, data.tid.every((tid) => typeof tid === "number")),
    column("status", data.status, (value) => data.statuses[value], false),
    column(data.what, data.loss.map(asNumber), asIs, true),
    column("seconds", data.seconds, asIs, true),
    column("started (s)", data.start, asIs, true),
  ];
  if (data.error) columns.push(column("error", data.error, (value) => data.errors[value] || "", false));
  data.labels.forEach((label, at) => {
    const names = data.names[at];
    const shown = names.length ? (value) => (value === null ? "" : asIs(names[value])) : asIs;
    columns.push(column(label, data.values[at].map(asNumber), shown, !names.length));
  });

  // -- what a trial is, as text ----------------------------------------------------------------
  const literal = (value) => (typeof value === "string" ? JSON.stringify(value) : String(value));
  const codeOf = (row) => {
    const lines = data.labels.flatMap((label, at) => {
      const value = data.values[at][row];
      if (value === null) return [];
      const name = data.names[at].length ? "  # " + data.names[at][value] : "";
      return ["    " + literal(label) + ": " + asIs(value) + "," + name];
    });
    return "trial_" + data.tid[row] + " = {\n" + lines.join("\n") + "\n}";
  };
  const textOf = (row) => {
    const lines = ["trial " + data.tid[row] + ", " + data.statuses[data.status[row]]];
    if (data.loss[row] !== null) lines.push(data.what + " " + data.loss[row]);
    const error = data.error && data.errors[data.error[row]];
    if (error) lines.push(error.slice(0, 120));
    let shown = 0;
    for (const each of columns.slice(-data.labels.length || columns.length)) {
      const text = each.shown(each.values[row]);
      if (text !== "" && shown++ < 10) lines.push(each.name.slice(0, 40) + ": " + text.slice(0, 40));
    }
    return lines.join("\n");
  };

  // -- the table -------------------------------------------------------------------------------
  const table = byId("t");
  const PAGE = 50;
  const all = data.tid.map((_, row) => row);
  let found = all;
  let page = 0;
  let sortedBy = 2;
  let upwards = data.what !== "score";

  const texts = [];
  const textFor = (row) => {
    if (texts[row] === undefined) {
      texts[row] = columns.map((each) => each.shown(each.values[row])).join("\n").toLowerCase();
    }
    return texts[row];
  };
  const compare = (a, b) => {
    const one = columns[sortedBy];
    const [x, y] = one.numeric
      ? [one.values[a], one.values[b]]
      : [one.shown(one.values[a]), one.shown(one.values[b])];
    const missing = (value) => value === null || value === undefined || value === "";
    if (missing(x) || missing(y)) return missing(x) - missing(y);
    const order = x < y ? -1 : x > y ? 1 : 0;
    return upwards ? order : -order;
  };
  const isOk = (row) => data.statuses[data.status[row]] === "ok";
  const select = () => {
    const words = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    found = words.length ? all.filter((row) => words.every((word) => textFor(row).includes(word))) : all.slice();
    // By loss, a trial that may be the best comes before a failed one of the same loss.
    found = found.slice().sort((a, b) => compare(a, b) || isOk(b) - isOk(a) || a - b);
    page = 0;
    show();
  };
  const details = (row) => {
    const line = element("tr");
    line.className = "more";
    const cell = element("td");
    cell.colSpan = columns.length;
    const box = element("div");
    box.className = "code";
    const button = element("button", "Copy");
    button.type = "button";
    button.className = "copy";
    box.append(button, element("pre", codeOf(row)));
    cell.append(box);
    line.append(cell);
    return line;
  };
  const show = () => {
    const rows = found.slice(page * PAGE, (page + 1) * PAGE).map((row) => {
      const line = element("tr");
      line.dataset.row = row;
      for (const each of columns) {
        const text = each.shown(each.values[row]);
        const cell = element("td", text);
        if (each.numeric) cell.className = "n";
        if (text.length > 30) cell.title = text;
        line.append(cell);
      }
      return line;
    });
    table.tBodies[0].replaceChildren(...rows);
    const last = Math.max(0, Math.ceil(found.length / PAGE) - 1);
    const many = found.length > PAGE ? ", page " + (page + 1) + " of " + (last + 1) : "";
    byId("count").textContent = found.length + " of " + all.length + many;
    byId("back").disabled = page === 0;
    byId("next").disabled = page >= last;
    [...table.tHead.rows[0].cells].forEach((cell, at) => {
      cell.setAttribute("aria-sort", at !== sortedBy ? "none" : upwards ? "ascending" : "descending");
      cell.firstChild.textContent = columns[at].name + (at !== sortedBy ? "" : upwards ? " \u2191" : " \u2193");
    });
  };
  if (table) {
    const head = element("tr");
    columns.forEach((each, at) => {
      const cell = element("th");
      cell.scope = "col";
      cell.title = each.name;
      const button = element("button", each.name);
      button.type = "button";
      button.addEventListener("click", () => {
        upwards = at === sortedBy ? !upwards : true;
        sortedBy = at;
        select();
      });
      cell.append(button);
      head.append(cell);
    });
    table.tHead.replaceChildren(head);
    byId("bar").hidden = false;
    byId("hint").textContent = "Click on a trial to see its parameters as code, with rounded numbers.";
    byId("find").addEventListener("input", select);
    byId("back").addEventListener("click", () => { page -= 1; show(); });
    byId("next").addEventListener("click", () => { page += 1; show(); });
    table.tBodies[0].addEventListener("click", (event) => {
      const line = event.target.closest("tr[data-row]");
      if (!line) return;
      const next = line.nextElementSibling;
      if (next && next.className === "more") next.remove();
      else line.after(details(Number(line.dataset.row)));
    });
    select();
  }

  // -- copying ---------------------------------------------------------------------------------
  document.addEventListener("click", async (event) => {
    const button = event.target.closest(".copy");
    if (!button) return;
    const code = button.parentElement.querySelector("pre");
    let done = false;
    try {
      await navigator.clipboard.writeText(code.textContent);
      done = true;
    } catch {
      // Pages of files, and frames, may not use the clipboard: select the text for Ctrl-C.
      const range = document.createRange();
      range.selectNodeContents(code);
      const selection = getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      try { done = document.execCommand("copy"); } catch { done = false; }
    }
    button.textContent = done ? "Copied" : "Selected";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });

  // -- what is under the mouse -----------------------------------------------------------------
  const tip = byId("tip");
  const idsOf = (text) => {
    let id = 0;
    return text.split(",").map((step, at) => (id = (at ? id : 0) + (step === "" ? 1 : Number(step))));
  };
  const marksOf = (svg) => {
    if (svg.marks) return svg.marks;
    svg.marks = [];
    for (const path of svg.querySelectorAll("path[data-ts],path[data-hs]")) {
      const about = path.dataset.ts !== undefined
        ? idsOf(path.dataset.ts).map((id) => ({ id }))
        : JSON.parse(path.dataset.hs).map((text) => ({ text }));
      const places = [...path.getAttribute("d").matchAll(/M([-\d.e]+) ([-\d.e]+)/g)];
      places.forEach((place, at) => {
        if (about[at]) svg.marks.push([Number(place[1]), Number(place[2]), about[at]]);
      });
    }
    return svg.marks;
  };
  const hide = () => { tip.hidden = true; };
  const describe = (about) => {
    if (about.text !== undefined) return about.text;
    const row = rowOf.get(String(about.id));
    return row === undefined ? "trial " + about.id : textOf(row);
  };
  document.addEventListener("pointermove", (event) => {
    const svg = event.target.closest && event.target.closest("svg");
    if (!svg) return hide();
    let about = null;
    const single = event.target.closest("[data-t],[data-h]");
    if (single) {
      about = single.dataset.t !== undefined ? { id: single.dataset.t } : { text: single.dataset.h };
    } else {
      const outer = svg.ownerSVGElement || svg;
      const matrix = outer.getScreenCTM();
      if (!matrix) return hide();
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
      let nearest = 12 * 12;
      for (const [x, y, each] of marksOf(outer)) {
        const distance = (x - at.x) ** 2 + (y - at.y) ** 2;
        if (distance < nearest) [nearest, about] = [distance, each];
      }
    }
    if (!about) return hide();
    tip.textContent = describe(about);
    tip.hidden = false;
    const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
    const below = event.clientY + 16 + tip.offsetHeight < innerHeight;
    tip.style.left = Math.max(4, left) + "px";
    tip.style.top = Math.max(4, below ? event.clientY + 16 : event.clientY - tip.offsetHeight - 10) + "px";
  });
  document.addEventListener("pointerleave", hide);
})();
