
"use strict";
// Whoever points at a box, or reaches it by keyboard, sees its own arrows alone.
(() => {
  const drawing = document.querySelector("svg.fleet");
  if (!drawing) return;
  const marks = drawing.querySelectorAll("[data-from]");
  const boxes = drawing.querySelectorAll("[data-name]");
  const choose = (name) => {
    const near = new Set([name]);
    for (const mark of marks) {
      const own = mark.dataset.from === name || mark.dataset.to === name;
      mark.classList.toggle("faint", !own);
      if (own) { near.add(mark.dataset.from); near.add(mark.dataset.to); }
    }
    for (const box of boxes) box.classList.toggle("faint", !near.has(box.dataset.name));
    drawing.classList.add("chosen");
  };
  const clear = () => drawing.classList.remove("chosen");
  for (const box of boxes) {
    const target = box.closest("a") || box;
    for (const event of ["mouseenter", "focus"]) target.addEventListener(event, () => choose(box.dataset.name));
    for (const event of ["mouseleave", "blur"]) target.addEventListener(event, clear);
  }
})();
