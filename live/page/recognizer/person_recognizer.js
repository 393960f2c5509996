/** @import { Frame, Person, PersonAnswer, Status } from "../types.js" */
/** @import { WindowInputs, WindowRule } from "./windows.js" */
import { Advisor, isTooDark } from "./advice.js";
import { ExerciseLog, NO_EXERCISE, isSure, surer } from "./segments.js";
import { LandmarkBuffer, recentInputs } from "./windows.js";

/**
 * @typedef {object} BundleSettings Of bundle.json, as `python -m live serve --static` writes them.
 * @property {string} bundle its name
 * @property {string[]} labels
 * @property {Record<string, string>} shown_names
 * @property {string[]} holds
 * @property {number} frame_rate_hz
 * @property {"world" | "image"} coordinates that the model is fed
 * @property {WindowRule} window
 * @property {number} min_probability
 *
 * @typedef {{answer: (window: WindowInputs) => Promise<Float32Array>}} Model
 */

/** What one person does, from poses; a port of live/recognizer.py, PersonRecognizer. */
export class PersonRecognizer {
  #advisor = new Advisor();
  /** @type {Float32Array | null} */ #last = null;

  /** @param {BundleSettings} settings @param {Model} model */
  constructor(settings, model) {
    this.settings = settings;
    this.model = model;
    this.buffer = new LandmarkBuffer(settings.window);
    this.log = new ExerciseLog(settings.labels, settings.holds, settings.min_probability, 0);
  }

  /**
   * Takes the next frame; one after the other.
   * @param {Frame} frame
   * @returns {Promise<PersonAnswer | null>} where one is due
   */
  async update({ timestampMs, brightness, people }) {
    const person = people.at(0) ?? null;
    const row = person && person[this.settings.coordinates];
    const window = this.buffer.push(row, timestampMs);
    this.log.pushRow(row, timestampMs);
    const isDue = this.buffer.isDue;
    const isDark = isTooDark(brightness);
    /** @type {Float32Array | null} */
    let counts = null;
    if (window && !isDark) {
      this.#last = await this.model.answer(window);
      const recent = isSure(this.#last) ? null : recentInputs(window, this.settings.window);
      counts = surer(this.#last, recent && (await this.model.answer(recent)));
    } else if (isDue || isDark || !person) {
      this.#last = null;
    }
    const hint = this.#advisor.update(person, brightness);
    if (!isDue) return null;
    this.log.pushAnswer(timestampMs, counts);
    const { steady, current } = this.log;
    const exercise = isDark ? null : steady.exercise;
    return {
      person: 0,
      exercise,
      probability: isDark ? null : steady.probability,
      status: this.#status(exercise, person, hint, isDark),
      hint,
      repetitions: isDark ? null : (current?.repetitions ?? null),
      held_s: isDark ? null : (current?.held_s ?? null),
      probabilities: this.#last && [...this.#last],
    };
  }

  /**
   * @param {string | null} exercise
   * @param {Person | null} person
   * @param {string | null} hint
   * @param {boolean} isDark
   * @returns {Status}
   */
  #status(exercise, person, hint, isDark) {
    if (isDark) return "too_dark";
    if (exercise !== null) return exercise === NO_EXERCISE ? "no_exercise" : "exercise";
    if (!person) return "no_person";
    if (hint !== null) return "partly_in_view";
    return this.#last === null ? "warming_up" : "not_sure";
  }
}
