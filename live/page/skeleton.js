/** @import { Person } from "./types.js" */

/** Pairs of landmarks; beam_jobs/landmarks.py, CONNECTIONS without the face's. */
// prettier-ignore
const CONNECTIONS = [
  [11, 12], [11, 13], [13, 15], [15, 17], [15, 19], [15, 21], [17, 19], [12, 14], [14, 16], [16, 18], [16, 20],
  [16, 22], [18, 20], [11, 23], [12, 24], [23, 24], [23, 25], [25, 27], [27, 29], [27, 31], [29, 31], [24, 26],
  [26, 28], [28, 30], [28, 32], [30, 32],
];
const FIRST_OF_BODY = 11;
const MIN_VISIBILITY = 0.5;
const DARK = "rgb(16 20 24 / 0.75)";
const LEFT = "#ffbe50";
const RIGHT = "#5ac8ff";
const MIDDLE = "#ffffff";

/** @param {...number} indices */
function colour(...indices) {
  if (indices.every((index) => index % 2 === 1)) return LEFT;
  return indices.every((index) => index % 2 === 0) ? RIGHT : MIDDLE;
}

/**
 * Draws people's landmarks: the left side in one colour, the right one in another.
 * @param {HTMLCanvasElement} canvas is made as large as the video's picture
 * @param {HTMLVideoElement} video
 * @param {Person[]} people
 */
export function drawSkeletons(canvas, { videoWidth, videoHeight }, people) {
  const context = canvas.getContext("2d");
  if (!context) return;
  if (canvas.width !== videoWidth || canvas.height !== videoHeight) {
    canvas.width = videoWidth;
    canvas.height = videoHeight;
  }
  context.clearRect(0, 0, canvas.width, canvas.height);
  const unit = Math.max(1.5, Math.min(canvas.width, canvas.height) / 140);
  context.lineCap = "round";
  for (const { image, visibility } of people) {
    /** @param {number} index @returns {[number, number]} */
    const at = (index) => [image[3 * index] * canvas.width, image[3 * index + 1] * canvas.height];
    for (const [start, end] of CONNECTIONS) {
      if (visibility[start] < MIN_VISIBILITY || visibility[end] < MIN_VISIBILITY) continue;
      // Dark below bright is seen on any ground.
      for (const [style, width] of /** @type {[string, number][]} */ ([
        [DARK, 2.4 * unit],
        [colour(start, end), 1.2 * unit],
      ])) {
        context.strokeStyle = style;
        context.lineWidth = width;
        context.beginPath();
        context.moveTo(...at(start));
        context.lineTo(...at(end));
        context.stroke();
      }
    }
    for (let index = FIRST_OF_BODY; index < visibility.length; index++) {
      if (visibility[index] < MIN_VISIBILITY) continue;
      context.fillStyle = colour(index);
      context.strokeStyle = DARK;
      context.lineWidth = 0.6 * unit;
      context.beginPath();
      context.arc(...at(index), 1.3 * unit, 0, 2 * Math.PI);
      context.fill();
      context.stroke();
    }
  }
}

/** @param {HTMLCanvasElement} canvas */
export function clear(canvas) {
  canvas.getContext("2d")?.clearRect(0, 0, canvas.width, canvas.height);
}
