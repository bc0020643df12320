// An evidence map, filtered by kind of mark and by the name of a trial; without this script all marks are there.
"use strict";
(() => {
  for (const table of document.querySelectorAll("table.map-table")) {
    const marks = [...table.tBodies[0].querySelectorAll(".mark")];
    const boxes = [];
    const field = document.createElement("input");
    field.type = "search";
    field.setAttribute("aria-label", "Trial");
    field.placeholder = "Name of a trial";
    const said = document.createElement("p");
    said.className = "map-said";
    said.setAttribute("role", "status");
    const update = () => {
      const left = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
      const name = field.value.trim().toLowerCase();
      for (const mark of marks) mark.hidden = !left.has(mark.className.match(/k\d/)[0]) || !mark.textContent.toLowerCase().includes(name);
      let shown = 0;
      for (const cell of table.tBodies[0].querySelectorAll("td")) {
        const count = [...cell.querySelectorAll(".mark")].filter((mark) => !mark.hidden).length;
        const small = cell.querySelector(".count");
        if (small) small.textContent = count || "";
        shown += count;
      }
      said.textContent = `${shown} of ${marks.length} marks.`;
    };
    for (const key of table.querySelectorAll(".key")) {
      const box = document.createElement("input");
      box.type = "checkbox";
      box.checked = true;
      box.value = key.querySelector(".mark").className.match(/k\d/)[0];
      const label = document.createElement("label");
      key.replaceWith(label);
      label.className = "key";
      label.append(box, ...key.childNodes);
      box.addEventListener("change", update);
      boxes.push(box);
    }
    field.addEventListener("input", update);
    const region = table.closest(".scroll") ?? table;
    region.after(field, said);
    field.className = "map-field";
    update();
  }
})();
