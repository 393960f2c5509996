/** @import { Frame, Listener, Recognizer, Summary } from "../types.js" */
/** @import { BundleSettings } from "./person_recognizer.js" */
import { Classifier } from "./classifier.js";
import { PersonRecognizer } from "./person_recognizer.js";

const MODELS = new URL("../../models/", import.meta.url).href;
/** So many frames wait at most, when the model is slower than they come: then some are left out. */
const MAX_WAITING = 15;

/**
 * A recogniser that runs in this browser, without a server; one person.
 * @implements {Recognizer}
 */
export class PageRecognizer {
  /** @type {Promise<[BundleSettings, Classifier]> | null} */ #loaded = null;
  /** @type {PersonRecognizer | null} */ #person = null;
  /** Frames are worked through one after the other. @type {Promise<void>} */ #work = Promise.resolve();
  #numWaiting = 0;
  #session = 0;

  /** @param {Listener} listener */
  constructor(listener) {
    this.listener = listener;
  }

  async open() {
    const session = ++this.#session;
    this.listener.onLink({ state: "connecting" });
    try {
      this.#loaded ??= Promise.all([readSettings(), Classifier.load(`${MODELS}exercises.tflite`)]);
      const [settings, classifier] = await this.#loaded;
      if (session !== this.#session) return;
      this.#person = new PersonRecognizer(settings, classifier);
      this.listener.onLink({ state: "ready" });
      this.listener.onHello({ ...settings, max_people: 1 });
    } catch (error) {
      this.#loaded = null;
      const message = `The model of the exercises cannot be loaded (${error}). Load the page again.`;
      this.listener.onLink({ state: "lost", message });
    }
  }

  /** @param {Frame} frame */
  send(frame) {
    const person = this.#person;
    if (!person || this.#numWaiting >= MAX_WAITING) return;
    this.#numWaiting += 1;
    this.#work = this.#work.then(() => this.#answer(person, frame));
  }

  /** @param {PersonRecognizer} person @param {Frame} frame */
  async #answer(person, frame) {
    try {
      const answer = await person.update(frame);
      if (answer && person === this.#person) {
        this.listener.onAnswer({ timestamp_ms: frame.timestampMs, people: [answer] });
      }
    } catch (error) {
      if (person !== this.#person) return;
      this.#person = null;
      const message = `The model of the exercises has failed (${error}). Pause and go on, or load the page again.`;
      this.listener.onLink({ state: "lost", message });
    } finally {
      this.#numWaiting -= 1;
    }
  }

  /** @returns {Promise<Summary | null>} */
  async end() {
    this.#session += 1;
    // Taken away first: a new session may begin meanwhile.
    const person = this.#person;
    this.#person = null;
    await this.#work;
    return person && { segments: person.log.segments() };
  }
}

/** @returns {Promise<BundleSettings>} */
async function readSettings() {
  const answer = await fetch(`${MODELS}bundle.json`);
  if (!answer.ok) throw new Error(`bundle.json: ${answer.status}`);
  return answer.json();
}
