/** @import { Person, PersonAnswer } from "./types.js" */

/** So far, in shares of the picture, a body may be from where its person was a moment ago. */
const MAX_STEP = 0.2;
const TORSO = [11, 12, 23, 24];
/** Bright enough for dark letters on them, and told apart also by people who do not see all colours. */
const COLOURS = ["#ffb000", "#56b4e9", "#ff8ac4", "#8fd66a", "#f0e442", "#c3a5ff"];

/** @param {number} person 0-based */
export function personColour(person) {
  return COLOURS[person % COLOURS.length];
}

/** @param {Person} person @returns {[number, number]} the middle of shoulders and hips */
export function placeOf({ image }) {
  /** @param {number} axis */
  const middle = (axis) => TORSO.reduce((sum, index) => sum + image[3 * index + axis], 0) / TORSO.length;
  return [middle(0), middle(1)];
}

/** Which body in the picture is which person's: the recogniser tells where each person was, some frames ago. */
export class PeoplePlaces {
  /** @type {Map<number, [number, number]>} */ #places = new Map();

  /** @param {PersonAnswer[]} answers */
  take(answers) {
    this.#places.clear();
    for (const { person, place } of answers) if (person !== null && place) this.#places.set(person, place);
  }

  clear() {
    this.#places.clear();
  }

  /**
   * @param {Person[]} people in a frame
   * @returns {(number | null)[]} each one's number, 0-based; null where it has none yet
   */
  numbers(people) {
    const places = people.map(placeOf);
    const pairs = places.flatMap((place, index) =>
      [...this.#places].map(([person, before]) => ({
        person,
        index,
        step: Math.hypot(place[0] - before[0], place[1] - before[1]),
      })),
    );
    /** @type {(number | null)[]} */
    const numbers = people.map(() => null);
    for (const { person, index, step } of pairs.sort((one, other) => one.step - other.step)) {
      if (step > MAX_STEP || numbers[index] !== null || numbers.includes(person)) continue;
      numbers[index] = person;
      this.#places.set(person, places[index]);
    }
    return numbers;
  }
}
