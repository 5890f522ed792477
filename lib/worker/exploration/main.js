// --- the page: what happens at the pointer, the keys and the controls.

const DRAG_DISTANCE = 5; // CSS pixels that a click may move
const PAN_STEP = 60;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const map = new PointMap(element("points"), element("overlay"));
const overlay = element("overlay");
const card = new PictureBox(element("card"), CARD_SIDE);
let selectedBox = null;
let gridPanel = null;
let directionsPanel = null;

const say = (text) => { element("status").textContent = text; };

// --- a point under the pointer or at the keys

function hover(index) {
  map.hovered = index;
  map.drawOverlay();
  element("card").hidden = index < 0;
  if (index < 0) return;
  card.show(index);
  placeCard(index);
}

// The card stands beside its point, on the side that has room.
function placeCard(index) {
  const [x, y] = map.screenOf(index), node = element("card"), gap = 16;
  const { offsetWidth: width, offsetHeight: height } = node;
  const left = x + gap + width < map.width ? x + gap : x - gap - width;
  const top = y + gap + height < map.height ? y + gap : y - gap - height;
  node.style.left = `${Math.max(4, Math.min(map.width - width - 4, left))}px`;
  node.style.top = `${Math.max(4, Math.min(map.height - height - 4, top))}px`;
}

function point(x, y) {
  map.pointed = [x, y];
  if (gridPanel && map.projection.isCode) gridPanel.show(x, y);
}

function select(index) {
  map.selected = index;
  map.marked = index < 0 ? [] : neighborsOf(index);
  element("selected-hint").hidden = index >= 0;
  element("selected-picture").hidden = index < 0;
  if (index < 0) {
    element("neighbors").hidden = true;
  } else {
    selectedBox ??= new PictureBox(element("selected-picture"), SELECTED_SIDE);
    selectedBox.show(index);
    fillNeighbors(index, jumpTo);
    directionsPanel?.follow(index);
    say(`Selected: ${describe(index)}`);
  }
  map.drawOverlay();
}

// Select a picture wherever it is, also one of a class that is filtered out.
function jumpTo(index, closer = false) {
  if (!isShown(index)) {
    hiddenClasses[labels[index]] = 0;
    updateLegend();
  }
  map.reveal(index, closer);
  select(index);
  hover(-1);
}

// --- pointers: one drags, two pinch

const pointers = new Map();
let dragged = false;

const placeOf = (event) => {
  const box = overlay.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};
const reach = (event) => {
  const distance = event.pointerType === "mouse" ? HOVER_DISTANCE : TOUCH_DISTANCE;
  return map.hasPictures ? Math.max(distance, 0.6 * PICTURE_SIDE) : distance;
};

overlay.addEventListener("pointerdown", (event) => {
  if (event.pointerType === "mouse" && event.button !== 0) return;
  overlay.setPointerCapture(event.pointerId);
  if (!pointers.size) dragged = false;
  pointers.set(event.pointerId, { place: placeOf(event), start: placeOf(event) });
});

overlay.addEventListener("pointermove", (event) => {
  const place = placeOf(event), pointer = pointers.get(event.pointerId);
  if (!pointer) {
    point(...map.toPlane(...place));
    hover(map.nearest(...place, reach(event)));
    return;
  }
  const before = [...pointers.values()].map((other) => other.place);
  const [dx, dy] = [place[0] - pointer.place[0], place[1] - pointer.place[1]];
  if (!dragged && Math.hypot(place[0] - pointer.start[0], place[1] - pointer.start[1]) < DRAG_DISTANCE) return;
  if (!dragged) hover(-1);
  dragged = true;
  overlay.classList.add("dragging");
  pointer.place = place;
  if (pointers.size === 1) return map.pan(dx, dy);
  const after = [...pointers.values()].map((other) => other.place);
  const span = ([one, other]) => Math.hypot(one[0] - other[0], one[1] - other[1]) || 1;
  const middle = ([one, other]) => [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2];
  const [from, to] = [middle(before), middle(after)];
  map.pan(to[0] - from[0], to[1] - from[1]);
  return map.zoom(span(after) / span(before), ...to);
});

function releasePointer(event) {
  const pointer = pointers.get(event.pointerId);
  pointers.delete(event.pointerId);
  if (!pointers.size) overlay.classList.remove("dragging");
  if (!pointer || dragged || event.type === "pointercancel") return;
  const place = placeOf(event), index = map.nearest(...place, reach(event));
  point(...map.toPlane(...place));
  hover(index);
  if (index >= 0) select(index);
}
overlay.addEventListener("pointerup", releasePointer);
overlay.addEventListener("pointercancel", releasePointer);
overlay.addEventListener("pointerleave", (event) => {
  if (event.pointerType !== "mouse" || pointers.size) return;
  map.pointed = null;
  hover(-1);
});
overlay.addEventListener("wheel", (event) => {
  event.preventDefault();
  const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
  map.zoom(Math.exp(-0.0015 * lines * event.deltaY), ...placeOf(event));
  hover(-1);
}, { passive: false });
overlay.addEventListener("dblclick", (event) => map.zoom(ZOOM_STEP * ZOOM_STEP, ...placeOf(event)));

// --- keys

overlay.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = ARROWS[event.key];
  if (arrow && event.shiftKey) map.pan(-PAN_STEP * arrow[0], -PAN_STEP * arrow[1]);
  else if (arrow) moveTo(map.next(map.hovered >= 0 ? map.hovered : map.selected, ...arrow));
  else if (event.key === "Enter" || event.key === " ") select(map.hovered >= 0 ? map.hovered : map.selected);
  else if (event.key === "+" || event.key === "=") map.zoom(ZOOM_STEP);
  else if (event.key === "-") map.zoom(1 / ZOOM_STEP);
  else if (event.key === "0" || event.key === "Home") map.fit();
  else if (event.key === "Escape") { select(-1); hover(-1); say(""); }
  else return;
  event.preventDefault();
});

function moveTo(index) {
  if (index < 0) return;
  map.reveal(index);
  point(map.positions[2 * index], map.positions[2 * index + 1]);
  hover(index);
  say(describe(index));
}
overlay.addEventListener("blur", () => hover(-1));

// --- controls

function updateLegend() {
  fillLegend(() => {
    map.schedule();
    if (map.hovered >= 0 && !isShown(map.hovered)) hover(-1);
  });
}

function chooseProjection(projection) {
  map.setProjection(projection);
  map.pointed = null;
  hover(-1);
  element("decoded-grid").hidden = element("show-grid-label").hidden = !(gridPanel && projection.isCode);
  overlay.setAttribute("aria-label", `Map of ${formatCount(count)} latent codes, ${projection.title}`);
}

function fillControls() {
  projections.forEach((projection, number) => {
    const label = make("label"), button = make("input");
    button.type = "radio";
    button.name = "projection";
    button.checked = number === 0;
    button.addEventListener("change", () => chooseProjection(projection));
    label.append(button, ` ${projection.title}`);
    element("projections").append(label);
  });
  for (const [key, { text }] of Object.entries(COLORINGS)) element("coloring").append(new Option(text, key));
  element("coloring").addEventListener("change", (event) => {
    coloring = COLORINGS[event.target.value];
    updateLegend();
    map.schedule();
  });
  for (const [id, property] of [["show-pictures", "showsPictures"], ["show-grid", "showsGrid"]]) {
    element(id).addEventListener("change", (event) => { map[property] = event.target.checked; map.schedule(); });
  }
  element("zoom-in").addEventListener("click", () => map.zoom(ZOOM_STEP));
  element("zoom-out").addEventListener("click", () => map.zoom(1 / ZOOM_STEP));
  element("zoom-fit").addEventListener("click", () => map.fit());
}

function start() {
  element("title").textContent = page.title;
  element("summary").textContent =
    `${formatCount(count)} pictures, latent codes of ${page.shape} number${page.shape === "1" ? "" : "s"}` +
    (labels ? `, ${formatCount(classes.length)} classes` : "");
  element("refusal").textContent = page.refusal && `${page.refusal[0].toUpperCase()}${page.refusal.slice(1)}.`;
  element("refusal").hidden = !page.refusal;
  if (page.grid) gridPanel = new GridPanel();
  if (page.directions) directionsPanel = new DirectionsPanel();
  fillControls();
  map.resize();
  chooseProjection(projections[0]);
  updateLegend();
  new Search((index) => jumpTo(index, true));
  new ResizeObserver(() => map.resize()).observe(element("plane"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { map.stamps = []; map.draw(); });
}

start();
