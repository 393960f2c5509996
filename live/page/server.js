/** @import { Answer, Frame, Hello, Listener, Recognizer, Summary } from "./types.js" */

const NUM_LANDMARKS = 33;
const FLOATS_A_PERSON = 8 * NUM_LANDMARKS;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;
const SUMMARY_TIMEOUT_MS = 3000;
/** Frames wait in the browser when the way to the server is slower than they come: then some are left out. */
const MAX_WAITING_BYTES = 64_000;

/**
 * A frame as `python -m live serve` reads it, little-endian: float64 timestamp, float32 brightness, uint32 number of people;
 * for each of them 33 × 8 float32: world x, y, z, image x, y, z, visibility, presence.
 * @param {Frame} frame
 */
export function encode({ timestampMs, brightness, people }) {
  const message = new ArrayBuffer(16 + 4 * FLOATS_A_PERSON * people.length);
  const view = new DataView(message);
  view.setFloat64(0, timestampMs, true);
  view.setFloat32(8, brightness, true);
  view.setUint32(12, people.length, true);
  people.forEach(({ world, image, visibility, presence }, person) => {
    for (let landmark = 0; landmark < NUM_LANDMARKS; landmark++) {
      const values = [
        ...world.subarray(3 * landmark, 3 * landmark + 3),
        ...image.subarray(3 * landmark, 3 * landmark + 3),
        visibility[landmark],
        presence[landmark],
      ];
      const offset = 16 + 4 * (person * FLOATS_A_PERSON + 8 * landmark);
      values.forEach((value, index) => view.setFloat32(offset + 4 * index, value, true));
    }
  });
  return message;
}

/**
 * A recogniser that runs on the server: landmarks travel there by WebSocket. A lost connection is made again, as a new session.
 * @implements {Recognizer}
 */
export class ServerRecognizer {
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  /** Words of the server about why it closes. */
  #refusal = "";
  #isReady = false;
  #maxPeople = 1;
  #retryMs = FIRST_RETRY_MS;

  /** @param {Listener} listener */
  constructor(listener) {
    this.listener = listener;
  }

  open() {
    clearTimeout(this.#timer);
    this.#forget();
    this.#refusal = "";
    this.listener.onLink({ state: "connecting" });
    const address = new URL("../session", import.meta.url);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    socket.onclose = () => this.#lost();
    this.#socket = socket;
  }

  /** @param {Frame} frame */
  send(frame) {
    if (!this.#isReady || !this.#socket || this.#socket.bufferedAmount > MAX_WAITING_BYTES) return;
    this.#socket.send(encode({ ...frame, people: frame.people.slice(0, this.#maxPeople) }));
  }

  /** @returns {Promise<Summary | null>} */
  end() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    if (!socket || !this.#isReady) {
      this.#forget();
      return Promise.resolve(null);
    }
    // From here on the socket is this promise's: a new session may begin meanwhile.
    this.#isReady = false;
    this.#socket = null;
    return new Promise((resolve) => {
      /** @param {Summary | null} summary */
      const finish = (summary) => {
        clearTimeout(timeout);
        close(socket);
        resolve(summary);
      };
      const timeout = setTimeout(() => finish(null), SUMMARY_TIMEOUT_MS);
      socket.onclose = () => finish(null);
      socket.onmessage = ({ data }) => {
        const { summary } = JSON.parse(data);
        if (summary) finish(summary);
      };
      socket.send(JSON.stringify({ end: true }));
    });
  }

  /** @param {{hello?: Hello, error?: {code: string, message: string}} & Partial<Answer>} message */
  #take(message) {
    if (message.hello) {
      this.#isReady = true;
      this.#retryMs = FIRST_RETRY_MS;
      this.#maxPeople = message.hello.max_people;
      this.listener.onHello(message.hello);
      this.listener.onLink({ state: "ready" });
    } else if (message.error) {
      this.#refusal = message.error.message;
    } else if (this.#isReady) {
      this.listener.onAnswer(/** @type {Answer} */ (message));
    }
  }

  #lost() {
    this.#isReady = false;
    const seconds = Math.ceil(this.#retryMs / 1000);
    const why = this.#refusal || "The connection to the server is lost.";
    this.listener.onLink({
      state: this.#refusal ? "refused" : "lost",
      message: `${why} Trying again in ${seconds} s …`,
    });
    // Not all pages at the same moment.
    this.#timer = setTimeout(() => this.open(), this.#retryMs * (0.8 + 0.4 * Math.random()));
    this.#retryMs = Math.min(2 * this.#retryMs, LAST_RETRY_MS);
  }

  #forget() {
    this.#isReady = false;
    if (this.#socket) close(this.#socket);
    this.#socket = null;
  }
}

/** Closes a socket that nobody listens to any more. @param {WebSocket} socket */
function close(socket) {
  socket.onclose = socket.onmessage = null;
  socket.close();
}
