// --- decoded codes: on a grid under the pointer, or along principal directions. All were decoded beforehand.

const GRID_PICTURE_SIDE = 112, DIRECTION_SIDE = 72; // CSS pixels

// The cell of the grid at a code; null outside of it.
function gridCell(x, y) {
  const grid = page.grid;
  if (!grid) return null;
  const column = Math.floor((x - grid.left) / grid.cellWidth), row = Math.floor((grid.top - y) / grid.cellHeight);
  return column >= 0 && row >= 0 && column < grid.columns && row < grid.rows ? { column, row } : null;
}

const partText =
  (page.decodedPart ? ` Decoded is the ${page.decodedPart} alone.` : "") +
  (page.decodedClass ? ` All are of class ${page.decodedClass}.` : "");

class GridPanel {
  constructor() {
    this.canvas = decoded.canvas(GRID_PICTURE_SIDE);
    this.canvas.setAttribute("role", "img");
    this.text = make("div", "facts");
    element("grid-picture").append(this.canvas, this.text);
    const grid = page.grid; // it begins in the middle
    this.show(grid.left + (grid.columns / 2) * grid.cellWidth, grid.top - (grid.rows / 2) * grid.cellHeight);
  }

  show(x, y) {
    const grid = page.grid, cell = gridCell(x, y);
    if (!cell) return;
    decoded.show(this.canvas, cell.row * grid.columns + cell.column);
    const code = [grid.left + (cell.column + 0.5) * grid.cellWidth, grid.top - (cell.row + 0.5) * grid.cellHeight];
    const shown = code.slice(0, grid.dimensions).map(formatNumber).join(", ");
    const total = formatCount(grid.columns * grid.rows);
    this.text.textContent = `code (${shown}), the nearest of ${total} decoded ones.${partText}`;
    this.canvas.setAttribute("aria-label", `decoded code (${shown})`);
  }
}

class DirectionsPanel {
  constructor() {
    const { steps, shares, centers } = page.directions;
    this.middle = (steps.length - 1) / 2;
    this.rows = shares.map((share, direction) => this._makeRow(direction, share));
    this.choice = element("center");
    this.choice.append(new Option("the mean of all codes", 0));
    centers.forEach((index, number) => this.choice.append(new Option(`picture ${names[index]}`, number + 1)));
    this.choice.addEventListener("change", () => this.show());
    element("directions-reset").addEventListener("click", () => this.reset());
    element("directions-note").textContent = "Each slider moves the code along one direction alone, " +
      `up to ${steps.at(-1)} standard deviations (σ).${partText}`;
    element("directions").hidden = false;
    this.show();
  }

  _makeRow(direction, share) {
    const row = make("div", "direction"), slider = make("input"), label = make("label"), value = make("output");
    slider.type = "range";
    slider.min = 0;
    slider.max = page.directions.steps.length - 1;
    slider.value = this.middle;
    slider.id = `direction-${direction}`;
    label.htmlFor = value.htmlFor = slider.id;
    label.append(`${direction + 1}: ${formatNumber(100 * share)}% of the variance `, value);
    const canvas = decoded.canvas(DIRECTION_SIDE);
    canvas.setAttribute("role", "img");
    slider.addEventListener("input", () => this.showRow(direction));
    row.append(label, slider, canvas);
    element("sliders").append(row);
    return { slider, value, canvas };
  }

  showRow(direction) {
    const { steps, shares } = page.directions, { slider, value, canvas } = this.rows[direction];
    const step = Number(slider.value), center = Number(this.choice.value);
    decoded.show(canvas, (center * shares.length + direction) * steps.length + step);
    const text = `${steps[step] > 0 ? "+" : ""}${steps[step]} σ`;
    value.textContent = text;
    slider.setAttribute("aria-valuetext", text);
    canvas.setAttribute("aria-label", `decoded code, direction ${direction + 1} at ${text}`);
  }

  show() {
    this.rows.forEach((_, direction) => this.showRow(direction));
    if (this.choice.value !== this.followed) element("center-note").textContent = "";
  }

  reset() {
    for (const { slider } of this.rows) slider.value = this.middle;
    this.show();
  }

  // Begin at the stored picture that is nearest to the selected one.
  follow(index) {
    if (!element("follow").checked) return;
    const { centers, nearest } = page.directions, center = nearest[index];
    this.choice.value = this.followed = String(center + 1);
    this.show();
    const isCenter = centers[center] === index, name = names[centers[center]];
    element("center-note").textContent = isCenter ? "" :
      `${name} is the nearest to ${names[index]} of the ${centers.length} pictures with decoded directions.`;
  }
}
