// --- details: a picture with its reconstruction and its neighbors.

const CARD_SIDE = 96, SELECTED_SIDE = 132, NEIGHBOR_SIDE = 56; // CSS pixels

// A picture, its reconstruction and their facts, which `show(index)` replaces.
class PictureBox {
  constructor(parent, side) {
    this.canvases = [inputs.canvas(side), outputs.canvas(side)];
    const pair = make("div", "pair");
    ["picture", page.outputName].forEach((text, number) => {
      const figure = make("figure");
      this.canvases[number].setAttribute("role", "img");
      figure.append(this.canvases[number], make("figcaption", "", text));
      pair.append(figure);
    });
    this.facts = make("div", "facts");
    parent.replaceChildren(pair, this.facts);
  }

  show(index) {
    inputs.show(this.canvases[0], index);
    outputs.show(this.canvases[1], index);
    this.canvases[0].setAttribute("aria-label", `picture ${names[index]}`);
    this.canvases[1].setAttribute("aria-label", `${page.outputName} of ${names[index]}`);
    this.facts.replaceChildren(make("b", "", names[index]));
    if (labels) {
      const swatch = make("span", "swatch");
      swatch.style.background = classColor(labels[index]);
      const line = make("div");
      line.append(swatch, ` ${classes[labels[index]]}`);
      this.facts.append(line);
    }
    this.facts.append(make("div", "", `error (MSE) ${formatNumber(errors[index])}`));
  }
}

const neighborsOf = (index) =>
  Array.from(neighborPositions.subarray(index * page.neighbors, (index + 1) * page.neighbors));

const describe = (index) =>
  `${names[index]}${labels ? `, ${classes[labels[index]]}` : ""}, error ${formatNumber(errors[index])}`;

function fillNeighbors(index, select) {
  const list = element("neighbor-list");
  list.replaceChildren(...neighborsOf(index).map((neighbor, number) => {
    const distance = formatNumber(neighborDistances[index * page.neighbors + number]);
    const button = make("button"), item = make("li");
    button.type = "button";
    button.setAttribute("aria-label", `${describe(neighbor)}, distance ${distance}`);
    button.title = names[neighbor];
    const canvas = inputs.canvas(NEIGHBOR_SIDE);
    inputs.show(canvas, neighbor);
    const text = labels ? classes[labels[neighbor]] : names[neighbor].split("/").at(-1);
    button.append(canvas, make("span", "short", text));
    button.append(make("span", "count", distance));
    button.addEventListener("click", () => {
      select(neighbor);
      list.querySelector("button")?.focus({ preventScroll: true });  // this button is gone
    });
    item.append(button);
    return item;
  }));
  element("neighbors").hidden = false;
}
