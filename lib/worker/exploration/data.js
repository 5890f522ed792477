// --- data: what the page shows. Arrays of numbers are base64 of 32 bits each.

const page = JSON.parse(document.getElementById("data").textContent);

function decodeBytes(text) {
  const binary = atob(text), bytes = new Uint8Array(binary.length);
  for (let index = 0; index < bytes.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes.buffer;
}

const toFloats = (text) => new Float32Array(decodeBytes(text));
const toIntegers = (text) => new Uint32Array(decodeBytes(text));

const count = page.count;
const names = page.names;
const classes = page.classes;
const labels = page.labels && toIntegers(page.labels); // null without classes
const errors = toFloats(page.errors); // mean squared errors; NaN where nothing is predicted
const neighborPositions = toIntegers(page.neighborPositions);
const neighborDistances = toFloats(page.neighborDistances);
const projections = page.projections.map((view) => ({ ...view, positions: toFloats(view.positions) }));

const element = (id) => document.getElementById(id);

// An element with plain text: names of pictures and classes may hold HTML, which stays text.
function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

const formatNumber = (number) => (Number.isFinite(number) ? String(Number(number.toPrecision(3))) : "–");
const formatCount = (number) => number.toLocaleString("en-US");

// Small pictures of one size in sheets, each of which is decoded when it is first needed.
class Sheets {
  constructor(content) {
    Object.assign(this, content);
    this.images = [];
  }

  // The sheet of a picture if it is decoded; else null, and `whenLoaded` is called later.
  sheetOf(index, whenLoaded) {
    const number = Math.floor(index / (this.columns * this.rows));
    if (!this.images[number]) {
      const image = new Image();
      image.src = this.files[number];
      const entry = { image, isReady: false };
      entry.loading = image.decode().then(() => (entry.isReady = true), () => {});
      this.images[number] = entry;
    }
    const entry = this.images[number];
    if (entry.isReady) return entry.image;
    if (whenLoaded) entry.loading.then(() => entry.isReady && whenLoaded());
    return null;
  }

  // Draw a picture into a rectangle, and return whether it could be drawn yet.
  draw(context, index, x, y, width, height, whenLoaded) {
    const sheet = this.sheetOf(index, whenLoaded);
    if (!sheet) return false;
    const place = index % (this.columns * this.rows);
    const left = (place % this.columns) * this.cellWidth, top = Math.floor(place / this.columns) * this.cellHeight;
    context.drawImage(sheet, left, top, this.width, this.height, x, y, width, height);
    return true;
  }

  // A canvas with a picture whose longer side has `side` CSS pixels.
  canvas(side) {
    const canvas = make("canvas", "picture");
    const scale = side / Math.max(this.width, this.height);
    canvas.width = this.width;
    canvas.height = this.height;
    canvas.style.width = `${Math.max(1, Math.round(this.width * scale))}px`;
    canvas.style.height = `${Math.max(1, Math.round(this.height * scale))}px`;
    if (scale > 1.5) canvas.classList.add("sharp");
    return canvas;
  }

  // Show a picture in a canvas of `canvas`; a later call for the same canvas wins.
  show(canvas, index) {
    canvas.dataset.index = index;
    const context = canvas.getContext("2d");
    const paint = () => {
      if (Number(canvas.dataset.index) !== index) return;
      context.clearRect(0, 0, canvas.width, canvas.height);
      this.draw(context, index, 0, 0, this.width, this.height);
    };
    if (this.sheetOf(index, paint)) paint();
  }
}

const inputs = new Sheets(page.inputs);
const outputs = new Sheets(page.outputs);
const decoded = page.decoded && new Sheets(page.decoded); // null if no codes are decoded
