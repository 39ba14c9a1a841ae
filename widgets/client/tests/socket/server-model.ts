/** A server of one table in memory: what docs/protocol.md says of positions, resume and resync, and nothing else. */
import { tableDifference } from "../../dev/table-difference.mjs";
import type { Row, Wish } from "../../src/socket/messages";
import { FEED } from "./builders";
import type { FakeSocket } from "./fake-browser";

interface Delta {
  readonly prev: number;
  readonly seq: number;
}

export class ServerModel {
  rows: readonly Row[];
  #epoch = 1;
  #seq = 1;
  #kept: Delta[] = [];
  /** Frames that the client has not got yet, in order. */
  #underWay: object[] = [];
  #socket: FakeSocket | null = null;
  #read = 0;
  #subscribed = false;

  constructor(rows: readonly Row[]) {
    this.rows = rows;
  }

  connect(socket: FakeSocket): void {
    this.#socket = socket;
    this.#underWay = [];
    this.#read = 0;
    this.#subscribed = false;
    socket.accept();
  }

  /** The rows become others, and the subscriber is sent the delta; `lose`: it is not. */
  become(rows: readonly Row[], jump: number, lose: boolean): void {
    const prev = this.#seq;
    this.#seq += jump;
    const delta = { ...this.#head("delta"), prev, ...tableDifference(this.rows, rows) };
    this.rows = rows;
    this.#kept.push(delta);
    if (this.#subscribed && !lose) this.#underWay.push(delta);
  }

  /** Another producer: another epoch, and a snapshot for the subscriber. */
  restart(rows: readonly Row[]): void {
    this.#epoch += 1;
    this.#seq = 1;
    this.#kept = [];
    this.rows = rows;
    if (this.#subscribed) this.#sendSnapshot();
  }

  /** Forgets the frames that it kept for clients that resume. */
  forget(): void {
    this.#kept = [];
  }

  /** Reads all requests, and answers them. */
  answer(): void {
    const sent = this.#socket?.sent ?? [];
    for (; this.#read < sent.length; this.#read += 1) {
      const message = sent[this.#read];
      for (const entry of message?.feeds ?? []) {
        this.#subscribed = true;
        const wish: Partial<Wish> = typeof entry === "string" ? {} : entry;
        if (message?.type !== "subscribe" || !this.#resume(wish)) this.#sendSnapshot();
      }
    }
  }

  /** Delivers up to `count` frames. */
  deliver(count: number): void {
    for (const frame of this.#underWay.splice(0, count)) this.#socket?.deliver(frame);
  }

  get idle(): boolean {
    return this.#underWay.length === 0 && this.#read === (this.#socket?.sent.length ?? 0);
  }

  #resume({ epoch, seq }: Partial<Wish>): boolean {
    if (epoch !== `e${this.#epoch}`) return false;
    const from = seq === this.#seq ? this.#kept.length : this.#kept.findIndex(({ prev }) => prev === seq);
    if (from === -1) return false;
    this.#underWay.push(...this.#kept.slice(from), this.#head("resumed"));
    return true;
  }

  #sendSnapshot(): void {
    this.#underWay.push({ ...this.#head("snapshot"), columns: ["volume", "close"], rows: this.rows });
  }

  #head(type: string) {
    return { type, feed: FEED, epoch: `e${this.#epoch}`, seq: this.#seq, age_ms: 1, market_time_ms: 1 };
  }
}
