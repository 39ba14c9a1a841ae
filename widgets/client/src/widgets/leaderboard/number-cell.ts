/** A numeric cell of a leaderboard: the text, the colour of its sign, the arrow of the last change, and the bar. */
import type { ICellRendererComp, ICellRendererParams } from "ag-grid-community";
import { barLength, OFF, signClass } from "../../format";
import type { ColumnMark } from "../../socket/feed-state";
import type { Row, Value } from "../../socket/messages";
import type { BoardColumn } from "./columns";

const FLASH_MS = 350;

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
let marked: HTMLElement[] = [];
let clearing = false;

export interface NumberCellParams extends ICellRendererParams<Row, Value> {
  readonly boardColumn: BoardColumn;
  readonly relativeVolume: (row: Row) => Value;
  readonly mark: () => ColumnMark;
}

/** AG Grid calls `refresh` only if the value differs from the displayed one. */
export class NumberCell implements ICellRendererComp<Row> {
  readonly #cell = document.createElement("span");
  readonly #text = document.createTextNode("");
  #bar: HTMLElement | null = null;
  #value: Value = null;

  init(params: NumberCellParams): void {
    this.#cell.className = "cell";
    this.#cell.append(this.#text);
    if (params.boardColumn.bar) {
      const track = document.createElement("span");
      track.className = "cell-bar-track";
      this.#bar = document.createElement("span");
      this.#bar.className = "cell-bar";
      track.append(this.#bar);
      this.#cell.append(track);
    }
    this.#draw(params);
  }

  getGui(): HTMLElement {
    return this.#cell;
  }

  refresh(params: NumberCellParams): boolean {
    const before = this.#value;
    this.#draw(params);
    if (before !== null && this.#value !== null && before !== this.#value)
      this.#mark(params, this.#value > before);
    return true;
  }

  #draw(params: NumberCellParams): void {
    this.#value = params.value ?? null;
    const isOff = params.mark() === "off";
    this.#text.data = isOff ? OFF : params.boardColumn.format(this.#value);
    this.#cell.classList.toggle("cell-off", isOff);
    if (params.boardColumn.signed) {
      const sign = signClass(this.#value);
      this.#cell.classList.toggle("up", sign === "up");
      this.#cell.classList.toggle("down", sign === "down");
    }
    if (this.#bar !== null && params.data) {
      // The width is set, not a transform: a transform could become a layer, which costs time in each frame.
      this.#bar.style.width = `${(100 * barLength(params.relativeVolume(params.data))).toFixed(0)}%`;
    }
  }

  #mark(params: NumberCellParams, up: boolean): void {
    if (params.boardColumn.tick) {
      this.#cell.classList.toggle("tick-up", up);
      this.#cell.classList.toggle("tick-down", !up);
    }
    if (params.boardColumn.flash) flash(this.#cell, up);
  }
}

/**
 * Marks a cell whose value changed, for a short time.
 *
 * It uses two class changes per cell and one timer per batch, not CSS transitions: hundreds of transitions would keep
 * the main thread busy in each frame. Cells do not flash if the user prefers reduced motion.
 */
function flash(cell: HTMLElement, up: boolean): void {
  if (reducedMotion.matches) return;
  cell.classList.remove("flash-up", "flash-down");
  cell.classList.add(up ? "flash-up" : "flash-down");
  marked.push(cell);
  if (clearing) return;
  clearing = true;
  setTimeout(clearMarked, FLASH_MS);
}

function clearMarked(): void {
  for (const cell of marked) cell.classList.remove("flash-up", "flash-down");
  marked = [];
  clearing = false;
}
