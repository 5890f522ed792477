// --- search: a picture by a part of its name.

const MAX_MATCHES = 12;

class Search {
  constructor(select) {
    this.select = select;
    this.input = element("search");
    this.list = element("matches");
    this.matches = [];
    this.active = -1;
    this.lowered = null; // names in lower case, made at the first search
    this.input.addEventListener("input", () => this.update());
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.input.addEventListener("blur", () => this.close());
  }

  // Names that are equal come first, then those that begin with the text, then those that contain it.
  find(text) {
    this.lowered ??= names.map((name) => name.toLowerCase());
    const groups = [[], [], []];
    for (let index = 0; index < count; index++) {
      const place = this.lowered[index].indexOf(text);
      if (place < 0) continue;
      const group = this.lowered[index] === text ? 0 : place === 0 ? 1 : 2;
      if (groups[group].length < MAX_MATCHES) groups[group].push(index);
    }
    return groups.flat().slice(0, MAX_MATCHES);
  }

  update() {
    const text = this.input.value.trim().toLowerCase();
    if (!text) return this.close();
    this.matches = this.find(text);
    this.active = this.matches.length ? 0 : -1;
    this.list.replaceChildren(...this.matches.map((index, number) => {
      const item = make("li", "", labels ? `${names[index]} (${classes[labels[index]]})` : names[index]);
      item.id = `match-${number}`;
      item.setAttribute("role", "option");
      // The input keeps the focus, without which the list closes.
      item.addEventListener("mousedown", (event) => event.preventDefault());
      item.addEventListener("click", () => this.choose(number));
      return item;
    }));
    if (!this.matches.length) this.list.append(make("li", "none", "no picture has this name"));
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.mark();
    return undefined;
  }

  mark() {
    [...this.list.children].forEach((item, number) => {
      item.setAttribute("aria-selected", String(number === this.active));
    });
    if (this.active < 0) return this.input.removeAttribute("aria-activedescendant");
    this.input.setAttribute("aria-activedescendant", `match-${this.active}`);
    return this.list.children[this.active].scrollIntoView({ block: "nearest" });
  }

  onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.matches.length && !this.list.hidden) {
      this.active = (this.active + step + this.matches.length) % this.matches.length;
      this.mark();
    } else if (event.key === "Enter") {
      if (this.list.hidden) this.update();
      if (this.active >= 0) this.choose(this.active);
    } else if (event.key === "Escape") {
      this.close();
    } else {
      return;
    }
    event.preventDefault();
  }

  choose(number) {
    const index = this.matches[number];
    this.input.value = names[index];
    this.close();
    this.select(index);
  }

  close() {
    this.list.hidden = true;
    this.active = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }
}
