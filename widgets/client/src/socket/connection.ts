/**
 * The connection to the server: it opens the socket, checks that it is alive, and reconnects or stops after a loss.
 *
 * It does not know feeds. `reconnect.ts` decides whether and when to reconnect.
 */
import type { ConnectionFacts } from "./connection-report";
import {
  type ClientMessage,
  ProtocolError,
  parseServerMessage,
  type ServerMessage,
  type Status,
} from "./messages";
import { reconnectDelayMs, STABLE_AFTER_MS, type StopReason, stopReason } from "./reconnect";

/** The part of the browser's WebSocket that is used. */
export type Socket = Pick<WebSocket, "readyState" | "send" | "close" | "onopen" | "onmessage" | "onclose">;

/** The functions of the browser that the connection uses. Tests pass their own. */
export interface ConnectionEnvironment {
  openSocket(): Socket;
  /** Milliseconds of a monotonic clock, because a wall clock can jump. */
  now(): number;
  /** In [0, 1). */
  random(): number;
  /** Whether the login session has ended. Asked after a refused handshake, whose reason browsers do not show. */
  sessionEnded(): Promise<boolean>;
}

export interface ConnectionHandlers {
  /** A new connection is open. No message was sent or received on it yet. */
  opened(): void;
  received(message: ServerMessage): void;
  /** `facts` may have changed. */
  changed(): void;
}

const PING_EVERY_MS = 10_000;
/** After this silence the connection counts as dead: the server sends a message at least every 5 s. */
const DEAD_AFTER_MS = 20_000;
const SOCKET_OPEN = 1;

export class Connection {
  readonly #environment: ConnectionEnvironment;
  readonly #handlers: ConnectionHandlers;
  #socket: Socket | null = null;
  #phase: ConnectionFacts["phase"] = "connecting";
  #failedAttempts = 0;
  #retryAtMs: number | null = null;
  #stopReason: StopReason | null = null;
  #status: Status | null = null;
  #statusAtMs = 0;
  #openedAtMs = 0;
  #lastMessageAtMs: number | null = null;
  #pingId = 0;
  #pingTimer: ReturnType<typeof setInterval> | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(environment: ConnectionEnvironment, handlers: ConnectionHandlers) {
    this.#environment = environment;
    this.#handlers = handlers;
  }

  get facts(): ConnectionFacts {
    return {
      phase: this.#phase,
      failedAttempts: this.#failedAttempts,
      retryAtMs: this.#retryAtMs,
      stopReason: this.#stopReason,
      status: this.#status,
      lastMessageAtMs: this.#lastMessageAtMs,
    };
  }

  get isOpen(): boolean {
    return this.#phase === "open";
  }

  /** The age of the newest data by the server's last status; `null` if it had none. */
  get statusAgeMs(): number | null {
    const age = this.#status?.age_ms ?? null;
    return age === null ? null : age + (this.#environment.now() - this.#statusAtMs);
  }

  connect(): void {
    clearTimeout(this.#retryTimer);
    this.#phase = "connecting";
    this.#retryAtMs = null;
    this.#status = null;
    const socket = this.#environment.openSocket();
    this.#socket = socket;
    socket.onopen = () => this.#opened();
    socket.onmessage = (event) => this.#received(event.data);
    socket.onclose = (event) => this.#closed(socket, event.code);
    this.#handlers.changed();
  }

  /** Connects now instead of waiting for the next attempt. For the browser's `online` event. */
  retryNow(): void {
    if (this.#phase === "waiting") this.connect();
  }

  send(message: ClientMessage): void {
    if (this.#socket?.readyState === SOCKET_OPEN) this.#socket.send(JSON.stringify(message));
  }

  #opened(): void {
    this.#phase = "open";
    this.#openedAtMs = this.#environment.now();
    this.#lastMessageAtMs = this.#openedAtMs;
    this.#pingTimer = setInterval(() => this.#checkAlive(), PING_EVERY_MS);
    this.#handlers.opened();
    this.#handlers.changed();
  }

  #received(frame: unknown): void {
    this.#lastMessageAtMs = this.#environment.now();
    let message: ServerMessage;
    try {
      message = parseServerMessage(frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      // This loses no data: if the frame belonged to a feed, the next delta has a gap, which causes a resync.
      console.warn(`Ignored a frame: ${error.message}`);
      return;
    }
    if (message.type === "status") {
      this.#status = message;
      this.#statusAtMs = this.#lastMessageAtMs;
      this.#handlers.changed();
    }
    this.#handlers.received(message);
  }

  #checkAlive(): void {
    const socket = this.#socket;
    if (socket === null) return;
    if (this.#environment.now() - (this.#lastMessageAtMs ?? 0) > DEAD_AFTER_MS) {
      // The close handshake of a half-open connection can take minutes, so it counts as lost now.
      socket.close();
      this.#closed(socket, 1006);
      return;
    }
    this.#pingId += 1;
    this.send({ type: "ping", id: this.#pingId });
  }

  #closed(socket: Socket, code: number): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    clearInterval(this.#pingTimer);
    const wasOpen = this.#phase === "open";
    const wasStable = wasOpen && this.#environment.now() - this.#openedAtMs >= STABLE_AFTER_MS;
    const attempt = wasStable ? 0 : this.#failedAttempts;
    this.#failedAttempts = attempt + 1;
    const reason = stopReason(code);
    if (reason === null) this.#scheduleRetry(attempt);
    else this.#stop(reason);
    if (!wasOpen && reason === null) void this.#stopIfSessionEnded();
    this.#handlers.changed();
  }

  #scheduleRetry(attempt: number): void {
    const delayMs = reconnectDelayMs(attempt, this.#environment.random());
    this.#phase = "waiting";
    this.#retryAtMs = this.#environment.now() + delayMs;
    this.#retryTimer = setTimeout(() => this.connect(), delayMs);
  }

  #stop(reason: StopReason): void {
    clearTimeout(this.#retryTimer);
    this.#phase = "stopped";
    this.#stopReason = reason;
    this.#retryAtMs = null;
  }

  async #stopIfSessionEnded(): Promise<void> {
    const ended = await this.#environment.sessionEnded();
    if (!ended || this.#phase === "open" || this.#phase === "stopped") return;
    const socket = this.#socket;
    this.#socket = null;
    this.#stop("logged_out");
    socket?.close();
    this.#handlers.changed();
  }
}
