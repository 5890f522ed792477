// --- map: points on a canvas that is drawn when the view changes; what follows the pointer is on a second one.

const MIN_RADIUS = 2, MAX_RADIUS = 4.5, MARK_RADIUS = 7; // CSS pixels
const RADIUS_STEP = 0.5; // so that stamps are rarely made while zooming
const FILLED = 0.35; // of the mean distance of the points in view
const HOVER_DISTANCE = 12, TOUCH_DISTANCE = 26;
const FEW_POINTS = 250; // at most, for pictures in place of points
const PICTURE_SIDE = 36;
const TINY = 1e-30; // in place of a range of zero
const ZOOM_STEP = 1.5, MAX_ZOOM = 500, MIN_ZOOM = 0.5;

class PointMap {
  constructor(canvas, overlay) {
    this.canvas = canvas;
    this.overlay = overlay;
    this.showsPictures = true;
    this.showsGrid = false;
    this.hovered = this.selected = -1;
    this.pointed = null; // the code at the pointer, [x, y] of the projection
    this.marked = []; // neighbors of the selected point
    this.stamps = [];
    this.layer = document.createElement("canvas");
    this.isScheduled = false;
    this.hasPictures = false; // in place of points
    this.drawn = 0; // points in the last picture, for tests and for the status
  }

  // --- view

  setProjection(projection) {
    this.projection = projection;
    this.positions = projection.positions;
    this.bounds = this._bounds();
    this.buckets = new Buckets(this.positions, this.bounds);
    this.fit();
  }

  _bounds() {
    const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
    for (let index = 0; index < this.positions.length; index++) {
      const axis = index & 1;
      low[axis] = Math.min(low[axis], this.positions[index]);
      high[axis] = Math.max(high[axis], this.positions[index]);
    }
    return { low, high };
  }

  resize() {
    const { width, height } = this.canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    if (this.width === Math.max(1, width) && this.height === Math.max(1, height) && this.ratio === ratio) return;
    const before = this.width;
    this.width = Math.max(1, width);
    this.height = Math.max(1, height);
    this.ratio = ratio;
    for (const canvas of [this.canvas, this.overlay]) {
      canvas.width = Math.round(this.width * this.ratio);
      canvas.height = Math.round(this.height * this.ratio);
    }
    this.stamps = [];
    if (before === undefined) return;
    const zoom = this.scale / this.fitScale;
    this.fitScale = this._fitScale();
    this.scale = zoom * this.fitScale;
    this.draw();
  }

  _fitScale() {
    const spans = [0, 1].map((axis) => this.bounds.high[axis] - this.bounds.low[axis]);
    const margin = 2 * MARK_RADIUS + 10;
    const sides = [this.width, this.height].map((side) => Math.max(1, side - 2 * margin));
    return Math.min(sides[0] / (spans[0] || TINY), sides[1] / (spans[1] || TINY));
  }

  fit() {
    this.center = [0, 1].map((axis) => (this.bounds.high[axis] + this.bounds.low[axis]) / 2);
    this.scale = this.fitScale = this._fitScale();
    this.schedule();
  }

  toScreen(x, y) {
    return [(x - this.center[0]) * this.scale + this.width / 2, this.height / 2 - (y - this.center[1]) * this.scale];
  }

  toPlane(x, y) {
    return [(x - this.width / 2) / this.scale + this.center[0], (this.height / 2 - y) / this.scale + this.center[1]];
  }

  screenOf(index) {
    return this.toScreen(this.positions[2 * index], this.positions[2 * index + 1]);
  }

  pan(dx, dy) {
    this.center[0] -= dx / this.scale;
    this.center[1] += dy / this.scale;
    this.schedule();
  }

  // Zoom so that the point of the plane at (x, y) of the screen stays there.
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const before = this.toPlane(x, y);
    this.scale = Math.max(MIN_ZOOM * this.fitScale, Math.min(MAX_ZOOM * this.fitScale, this.scale * factor));
    const after = this.toPlane(x, y);
    this.center = this.center.map((value, axis) => value + before[axis] - after[axis]);
    this.schedule();
  }

  // Move the map so that a point is in view, and near to it if `closer`.
  reveal(index, closer = false) {
    const [x, y] = this.screenOf(index), margin = 40;
    if (closer) this.scale = Math.max(this.scale, 6 * this.fitScale);
    if (closer || x < margin || y < margin || x > this.width - margin || y > this.height - margin) {
      this.center = [this.positions[2 * index], this.positions[2 * index + 1]];
      this.schedule();
    }
  }

  // --- points

  // The nearest point that is shown, within a distance in CSS pixels; -1 if there is none.
  nearest(x, y, distance) {
    const [px, py] = this.toPlane(x, y);
    return this.buckets.nearest(px, py, distance / this.scale, isShown);
  }

  // The next point from another one in a direction (dx, dy) of the screen; -1 if there is none.
  next(from, dx, dy) {
    const [x, y] = from < 0 ? [this.width / 2, this.height / 2] : this.screenOf(from);
    let best = -1, least = Infinity;
    for (let index = 0; index < count; index++) {
      if (index === from || !isShown(index)) continue;
      const [px, py] = this.screenOf(index);
      const along = (px - x) * dx + (py - y) * dy, across = Math.abs((px - x) * dy) + Math.abs((py - y) * dx);
      const cost = from < 0 ? Math.hypot(px - x, py - y) : along + 2 * across;
      if ((from < 0 || (along > 0.5 && across <= 2 * along)) && cost < least) [best, least] = [index, cost];
    }
    return best;
  }

  // --- drawing

  schedule() {
    if (this.isScheduled) return;
    this.isScheduled = true;
    requestAnimationFrame(() => { this.isScheduled = false; this.draw(); });
  }

  draw() {
    if (!this.positions) return;
    const context = this.canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    if (this.showsGrid && this.projection.isCode) this._drawGrid(context);
    const inView = this._inView();
    this.drawn = inView.length;
    this.hasPictures = this.showsPictures && inView.length <= FEW_POINTS;
    if (this.hasPictures) this._drawPictures(context, inView);
    else this._drawPoints(context, inView);
    this.drawOverlay();
  }

  _inView() {
    const { positions, scale, width, height } = this, inView = [];
    const left = width / 2 - this.center[0] * scale, top = height / 2 + this.center[1] * scale;
    for (let index = 0; index < count; index++) {
      const x = left + positions[2 * index] * scale, y = top - positions[2 * index + 1] * scale;
      if (x > -20 && y > -20 && x < width + 20 && y < height + 20 && isShown(index)) inView.push(index);
    }
    return inView;
  }

  // Points are smaller where many are in view.
  _radius(inView) {
    const distance = Math.sqrt(this.width * this.height / Math.max(1, inView));
    return Math.max(MIN_RADIUS, Math.min(MAX_RADIUS, Math.round(FILLED * distance / RADIUS_STEP) * RADIUS_STEP));
  }

  // The pixels of a point of each color: opaque ones as words, those of its edge as channels with an opacity.
  _stamp(number, radius) {
    if (this.stamps.palette !== coloring.palette || this.stamps.radius !== radius) {
      this.stamps = Object.assign([], { palette: coloring.palette, radius });
    }
    return (this.stamps[number] ??= this._makeStamp(coloring.palette[number], radius));
  }

  _makeStamp(color, radius) {
    const side = Math.ceil((2 * radius + 2) * this.ratio), sprite = document.createElement("canvas");
    sprite.width = sprite.height = side;
    const context = sprite.getContext("2d");
    context.beginPath();
    context.arc(side / 2, side / 2, radius * this.ratio, 0, 2 * Math.PI);
    context.fillStyle = color;
    context.fill();
    context.lineWidth = 0.75 * this.ratio;
    context.strokeStyle = this.backgroundColor();
    context.stroke();
    const bytes = context.getImageData(0, 0, side, side).data, words = new Uint32Array(bytes.buffer);
    const inside = [], edge = [];
    for (let pixel = 0; pixel < side * side; pixel++) {
      const alpha = bytes[4 * pixel + 3];
      if (alpha) (alpha === 255 ? inside : edge).push(pixel);
    }
    const columns = (pixels) => Int32Array.from(pixels, (pixel) => pixel % side);
    const rows = (pixels) => Int32Array.from(pixels, (pixel) => Math.floor(pixel / side));
    return {
      side, inside: [columns(inside), rows(inside), Uint32Array.from(inside, (pixel) => words[pixel])],
      edge: [columns(edge), rows(edge), edge.map((pixel) => bytes.slice(4 * pixel, 4 * pixel + 4))],
    };
  }

  backgroundColor() {
    return getComputedStyle(document.body).backgroundColor;
  }

  // Points are written as pixels: ten thousand calls of the canvas take ten times as long.
  _drawPoints(context, inView) {
    const { positions, scale, ratio } = this, { width, height } = this.canvas;
    if (this.pixels?.width !== width || this.pixels?.height !== height) this.pixels = new ImageData(width, height);
    const bytes = this.pixels.data, words = new Uint32Array(bytes.buffer);
    words.fill(0);
    const left = this.width / 2 - this.center[0] * scale, top = this.height / 2 + this.center[1] * scale;
    const radius = this._radius(inView.length), half = radius + 1;
    const indices = coloring.indices, stamps = coloring.palette.map((_, number) => this._stamp(number, radius));
    for (const index of inView) {
      const x = Math.round((left + positions[2 * index] * scale - half) * ratio);
      const y = Math.round((top - positions[2 * index + 1] * scale - half) * ratio);
      const { inside: [columns, rows, colors], edge: [edgeColumns, edgeRows, edgeColors] } = stamps[indices[index]];
      for (let number = 0; number < colors.length; number++) {
        const column = x + columns[number], row = y + rows[number];
        if (column >= 0 && row >= 0 && column < width && row < height) words[row * width + column] = colors[number];
      }
      for (let number = 0; number < edgeColors.length; number++) {
        const column = x + edgeColumns[number], row = y + edgeRows[number];
        if (column < 0 || row < 0 || column >= width || row >= height) continue;
        const place = 4 * (row * width + column), color = edgeColors[number];
        const part = bytes[place + 3] ? color[3] / 255 : 1;
        for (let channel = place; channel < place + 3; channel++) {
          bytes[channel] += part * (color[channel - place] - bytes[channel]);
        }
        bytes[place + 3] = Math.max(bytes[place + 3], color[3]);
      }
    }
    if (!this.showsGrid || !this.projection.isCode) return context.putImageData(this.pixels, 0, 0);
    // What is put replaces what is there; over the grid, the pixels have to be drawn.
    this.layer.width = width;
    this.layer.height = height;
    this.layer.getContext("2d").putImageData(this.pixels, 0, 0);
    return context.drawImage(this.layer, 0, 0, this.width, this.height);
  }

  _drawPictures(context, inView) {
    const scale = PICTURE_SIDE / Math.max(inputs.width, inputs.height);
    const width = inputs.width * scale, height = inputs.height * scale;
    context.imageSmoothingEnabled = scale < 1;
    for (const index of inView) {
      const [x, y] = this.screenOf(index), left = x - width / 2, top = y - height / 2;
      context.fillStyle = pointColor(index);
      context.fillRect(left - 2, top - 2, width + 4, height + 4);
      inputs.draw(context, index, left, top, width, height, () => this.schedule());
    }
  }

  _drawGrid(context) {
    const grid = page.grid, width = grid.cellWidth * this.scale, height = grid.cellHeight * this.scale;
    context.imageSmoothingEnabled = width < decoded.width;
    for (let row = 0; row < grid.rows; row++) {
      for (let column = 0; column < grid.columns; column++) {
        const [x, y] = this.toScreen(grid.left + column * grid.cellWidth, grid.top - row * grid.cellHeight);
        if (x + width < 0 || y + height < 0 || x > this.width || y > this.height) continue;
        const cell = row * grid.columns + column;
        decoded.draw(context, cell, x, y, width + 0.5, height + 0.5, () => this.schedule());
      }
    }
  }

  drawOverlay() {
    const context = this.overlay.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    if (this.pointed && this.projection.isCode) this._drawPointedCell(context, style.getPropertyValue("--ring"));
    if (this.selected >= 0) {
      const [x, y] = this.screenOf(this.selected);
      context.strokeStyle = style.getPropertyValue("--link");
      context.lineWidth = 1;
      context.beginPath();
      for (const index of this.marked) {
        context.moveTo(x, y);
        context.lineTo(...this.screenOf(index));
      }
      context.stroke();
      for (const index of this.marked) this._drawMark(context, index, 1, 0.7 * MARK_RADIUS, style);
      this._drawMark(context, this.selected, 3, MARK_RADIUS + 1, style);
    }
    if (this.hovered >= 0) this._drawMark(context, this.hovered, 2, MARK_RADIUS, style);
  }

  _drawMark(context, index, lineWidth, radius, style) {
    context.beginPath();
    context.arc(...this.screenOf(index), radius, 0, 2 * Math.PI);
    context.lineWidth = lineWidth + 2;
    context.strokeStyle = style.getPropertyValue("--background");
    context.stroke();
    context.lineWidth = lineWidth;
    context.strokeStyle = style.getPropertyValue("--ring");
    context.stroke();
  }

  _drawPointedCell(context, color) {
    const grid = page.grid, cell = gridCell(...this.pointed);
    if (!cell) return;
    const [x, y] = this.toScreen(grid.left + cell.column * grid.cellWidth, grid.top - cell.row * grid.cellHeight);
    context.strokeStyle = color;
    context.lineWidth = 1;
    context.strokeRect(x, y, grid.cellWidth * this.scale, grid.cellHeight * this.scale);
  }
}

// Points by the square of the plane that they are in, so that few are compared for the nearest one.
class Buckets {
  constructor(positions, { low, high }) {
    this.positions = positions;
    this.low = low;
    const total = positions.length / 2;
    this.side = Math.max(1, Math.min(256, Math.ceil(Math.sqrt(total / 2))));
    this.step = [0, 1].map((axis) => (high[axis] - low[axis]) / this.side || 1);
    this.starts = new Uint32Array(this.side * this.side + 1);
    const place = new Uint32Array(total);
    for (let index = 0; index < total; index++) {
      place[index] = this._bucket(1, positions[2 * index + 1]) * this.side + this._bucket(0, positions[2 * index]);
      this.starts[place[index] + 1]++;
    }
    for (let bucket = 0; bucket < this.side * this.side; bucket++) this.starts[bucket + 1] += this.starts[bucket];
    const next = this.starts.slice();
    this.order = new Uint32Array(total);
    for (let index = 0; index < total; index++) this.order[next[place[index]]++] = index;
  }

  _bucket(axis, value) {
    return Math.max(0, Math.min(this.side - 1, Math.floor((value - this.low[axis]) / this.step[axis])));
  }

  nearest(x, y, distance, accepts) {
    let best = -1, least = distance * distance;
    const lastColumn = this._bucket(0, x + distance), lastRow = this._bucket(1, y + distance);
    for (let row = this._bucket(1, y - distance); row <= lastRow; row++) {
      for (let column = this._bucket(0, x - distance); column <= lastColumn; column++) {
        const bucket = row * this.side + column;
        for (let number = this.starts[bucket]; number < this.starts[bucket + 1]; number++) {
          const index = this.order[number];
          const dx = this.positions[2 * index] - x, dy = this.positions[2 * index + 1] - y;
          const square = dx * dx + dy * dy;
          if (square <= least && accepts(index)) [best, least] = [index, square];
        }
      }
    }
    return best;
  }
}
