
"use strict";
(function () {
  var form = document.getElementById("filters");
  var table = form && document.getElementById(form.getAttribute("data-table"));
  if (!table) { return; }
  var body = table.tBodies[0];
  var rows = Array.prototype.slice.call(body.rows);
  var output = form.querySelector("output");
  var selects = Array.prototype.slice.call(form.querySelectorAll("select"));
  var texts = rows.map(function (row) {
    // Digests stand in titles, so that a search finds whole ones.
    var titles = Array.prototype.map.call(row.querySelectorAll("code[title]"), function (code) { return code.title; });
    return (row.textContent + " " + titles.join(" ")).toLowerCase();
  });
  var group = function (number) { return String(number).replace(/\B(?=(\d{3})+$)/g, ","); };

  function filter() {
    var words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    var shown = 0;
    rows.forEach(function (row, place) {
      var fits = words.every(function (word) { return texts[place].indexOf(word) >= 0; }) &&
        selects.every(function (select) {
          if (!select.value) { return true; }
          var value = row.getAttribute("data-" + select.name);
          return select.name === "key" ? value.split(" ").indexOf(select.value) >= 0 : value === select.value;
        });
      row.hidden = !fits;
      if (fits) { shown += 1; }
    });
    output.textContent = group(shown) + " of " + group(rows.length) + " rows";
  }

  function key(row, column) {
    var text = row.cells[column].textContent.trim();
    var number = /^[\d,]+/.exec(text);
    return number ? [0, Number(number[0].replace(/,/g, "")), ""] : [1, 0, text];
  }

  function sort(header, column) {
    var down = header.getAttribute("aria-sort") === "ascending";
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (cell) { cell.removeAttribute("aria-sort"); });
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    var keyed = rows.map(function (row, place) { return { key: key(row, column), place: place }; });
    keyed.sort(function (a, b) {
      var order = a.key[0] - b.key[0] || a.key[1] - b.key[1] || (a.key[2] < b.key[2] ? -1 : a.key[2] > b.key[2] ? 1 : 0);
      return (down ? -order : order) || a.place - b.place;
    });
    var sorted = document.createDocumentFragment();
    keyed.forEach(function (one) { sorted.appendChild(rows[one.place]); });
    body.appendChild(sorted);
  }

  Array.prototype.forEach.call(table.tHead.rows[0].cells, function (header, column) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    header.textContent = "";
    header.appendChild(button);
    button.addEventListener("click", function () { sort(header, column); });
  });
  form.addEventListener("input", filter);
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.addEventListener("reset", function () { setTimeout(filter, 0); });
  window.addEventListener("hashchange", function () {
    // A link to a row that a filter hides shows all again.
    var row = document.getElementById(location.hash.slice(1));
    if (row && row.hidden) { form.reset(); setTimeout(function () { row.scrollIntoView(); }, 50); }
  });
  form.hidden = false;
  filter();
})();
