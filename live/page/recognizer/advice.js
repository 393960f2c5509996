/** @import { Person } from "../types.js" */

/** A port of live/advice.py: what the person should change. */

/** @type {[string, number[]][]} */
const PARTS = [
  ["shoulders", [11, 12]],
  ["hips", [23, 24]],
  ["knees", [25, 26]],
];
const MIN_PRESENCE = 0.5;
const NUM_FRAMES = 15;
const TOO_DARK_BRIGHTNESS = 16;

/** @param {number} brightness */
export function isTooDark(brightness) {
  return brightness < TOO_DARK_BRIGHTNESS;
}

/** Which parts are not in the picture, on neither side. @param {Person} person */
function partsOutOfView({ image, presence }) {
  /** @param {number} index */
  const isMissing = (index) => {
    const [x, y] = [image[3 * index], image[3 * index + 1]];
    return x < 0 || x > 1 || y < 0 || y > 1 || presence[index] < MIN_PRESENCE;
  };
  return PARTS.filter(([, indices]) => indices.every(isMissing)).map(([part]) => part);
}

/** Collects what was wrong with the last second's frames; Advisor. */
export class Advisor {
  /** @type {string[][]} */ #missing = [];

  /**
   * @param {Person | null} person
   * @param {number} brightness
   * @returns {string | null}
   */
  update(person, brightness) {
    if (isTooDark(brightness)) return "too dark: make more light";
    if (!person) {
      this.#missing = [];
      return null;
    }
    this.#missing.push(partsOutOfView(person));
    if (this.#missing.length > NUM_FRAMES) this.#missing.shift();
    const parts = PARTS.map(([part]) => part).filter(
      (part) => 2 * this.#missing.filter((missing) => missing.includes(part)).length > NUM_FRAMES,
    );
    if (parts.length === 0) return null;
    const listed = parts.length > 1 ? `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}` : parts[0];
    return `step back: ${listed} are not in view`;
  }
}
