/** @import { SegmentMessage } from "../types.js" */
import { RepetitionCounter } from "./repetitions.js";

/** A port of beam_jobs/segments.py: the steady answer, and what was done from when to when and how often. */

export const NO_EXERCISE = "none";
const SURE_PROBABILITY = 0.9;
const SMOOTHING_MS = 350;
const KEEP_SHARE = 0.4;
const MIN_SUM = 0.3;
const MIN_RUN_AVERAGE = 0.1;
const STEP_MS = 200;
const MAX_WEIGHED_MS = SMOOTHING_MS;
const MAX_PAUSE_MS = 5000;
const MIN_LENGTH_MS = 1000;
const LEAD_MS = 700;

/** @param {ArrayLike<number>} values */
export function indexOfLargest(values) {
  let best = 0;
  for (let index = 1; index < values.length; index++) if (values[index] > values[best]) best = index;
  return best;
}

/** So clear that the last second need not be asked about; is_sure. @param {Float32Array} whole */
export function isSure(whole) {
  return Math.max(...whole) >= SURE_PROBABILITY;
}

/**
 * What counts of a window's probabilities and those of its last second: whichever are surer.
 * @param {Float32Array} whole
 * @param {Float32Array | null} recent
 */
export function surer(whole, recent) {
  return recent === null || Math.max(...whole) >= Math.max(...recent) ? whole : recent;
}

/** One person's answer, smoothed over time; SteadyAnswer. */
export class SteadyAnswer {
  /** The end of the first window of the run that made the answer. @type {number | null} */ startMs = null;
  /** @type {number | null} */ #lastMs = null;
  #elapsedMs = STEP_MS;
  /** @type {number | null} */ #shown = null;

  /** @param {string[]} labels @param {number} minProbability */
  constructor(labels, minProbability) {
    this.labels = labels;
    this.minProbability = minProbability;
    this.average = new Float64Array(labels.length);
    /** @type {(number | null)[]} */
    this.runMs = labels.map(() => null);
  }

  get exercise() {
    return this.#shown === null ? null : this.labels[this.#shown];
  }

  get probability() {
    return this.#shown === null ? null : this.average[this.#shown];
  }

  /** @param {number} timestampMs @param {Float32Array | null} probabilities null where a window says nothing */
  push(timestampMs, probabilities) {
    let elapsedMs = this.#lastMs === null ? STEP_MS : timestampMs - this.#lastMs;
    // Slow cameras have longer steps: those are no pauses.
    const usualMs = Math.max(STEP_MS, this.#elapsedMs);
    this.#lastMs = timestampMs;
    this.#elapsedMs = elapsedMs;
    if (elapsedMs >= 1.5 * usualMs) {
      this.#step(timestampMs - usualMs, elapsedMs - usualMs, null);
      elapsedMs = usualMs;
    }
    this.#step(timestampMs, Math.min(elapsedMs, MAX_WEIGHED_MS), probabilities);
  }

  /** @param {number} timestampMs @param {number} elapsedMs @param {Float32Array | null} probabilities */
  #step(timestampMs, elapsedMs, probabilities) {
    const weight = 1 - Math.exp(-elapsedMs / SMOOTHING_MS);
    this.average.forEach((average, index) => {
      this.average[index] = average + weight * ((probabilities?.[index] ?? 0) - average);
    });
    const best = indexOfLargest(this.average);
    this.average.forEach((average, index) => {
      if (average < MIN_RUN_AVERAGE) this.runMs[index] = null;
      else if (index === best) this.runMs[index] ??= timestampMs;
    });
    this.#choose(best, timestampMs);
  }

  /** @param {number} best @param {number} timestampMs */
  #choose(best, timestampMs) {
    const sum = this.average.reduce((total, average) => total + average, 0);
    const isKept = this.#shown === null || this.average[this.#shown] >= KEEP_SHARE * this.minProbability;
    if (sum < MIN_SUM) {
      this.#shown = this.startMs = null;
    } else if (best !== this.#shown && this.average[best] >= this.minProbability) {
      this.#shown = best;
      this.startMs = this.runMs[best] ?? timestampMs;
    } else if (!isKept) {
      this.#shown = this.startMs = null;
    }
  }
}

/** @typedef {SegmentMessage & {num_windows: number}} LoggedSegment */

/** @param {LoggedSegment} segment */
function isLong(segment) {
  return segment.end_ms - segment.start_ms >= MIN_LENGTH_MS;
}

/** What one person does, put together row by row and window by window; ExerciseLog. */
export class ExerciseLog {
  /** The exercise that is done now. @type {LoggedSegment | null} */ current = null;
  /** @type {LoggedSegment[]} */ #segments = [];
  #counter = new RepetitionCounter();

  /** @param {string[]} labels @param {string[]} holds @param {number} minProbability @param {number} person */
  constructor(labels, holds, minProbability, person) {
    this.steady = new SteadyAnswer(labels, minProbability);
    this.labels = labels;
    this.holds = new Set(holds);
    this.person = person;
  }

  /** @param {Float32Array | null} row @param {number} timestampMs */
  pushRow(row, timestampMs) {
    this.#counter.push(row, timestampMs);
  }

  /** @param {number} timestampMs @param {Float32Array | null} probabilities */
  pushAnswer(timestampMs, probabilities) {
    this.steady.push(timestampMs, probabilities);
    const { exercise } = this.steady;
    if (exercise === null || exercise === NO_EXERCISE) {
      this.current = null;
      return;
    }
    if (this.current?.exercise !== exercise) this.current = this.#resumed(exercise) ?? this.#begun(exercise);
    const segment = /** @type {LoggedSegment} */ (this.current);
    if (probabilities !== null) {
      const best = indexOfLargest(probabilities);
      if (this.labels[best] === exercise) {
        segment.end_ms = timestampMs;
        segment.probability += (probabilities[best] - segment.probability) / (segment.num_windows + 1);
        segment.num_windows += 1;
      }
    }
    this.#count(segment);
  }

  /** The last segment, where it is of the same exercise and ended a moment ago. @param {string} exercise */
  #resumed(exercise) {
    const startMs = this.steady.startMs ?? 0;
    for (let position = this.#segments.length - 1; position >= 0; position--) {
      const segment = this.#segments[position];
      if (segment.exercise === exercise && startMs - segment.end_ms <= MAX_PAUSE_MS) {
        this.#segments.length = position + 1;
        return segment;
      }
      if (isLong(segment)) break;
    }
    return null;
  }

  /** @param {string} exercise */
  #begun(exercise) {
    const startMs = this.steady.startMs ?? 0;
    this.#segments = this.#segments.filter(isLong);
    /** @type {LoggedSegment} */
    const segment = {
      person: this.person,
      exercise,
      start_ms: startMs,
      end_ms: startMs,
      probability: 0,
      num_windows: 0,
      repetitions: null,
      held_s: null,
    };
    this.#segments.push(segment);
    return segment;
  }

  /** @param {LoggedSegment} segment */
  #count(segment) {
    if (this.holds.has(segment.exercise)) {
      segment.held_s = Math.round((segment.end_ms - Math.max(0, segment.start_ms - LEAD_MS)) / 100) / 10;
    } else {
      segment.repetitions = this.#counter.count(segment.start_ms - LEAD_MS, segment.end_ms);
    }
  }

  /** All so far, in order of time. */
  segments() {
    return this.#segments.filter(isLong);
  }
}
