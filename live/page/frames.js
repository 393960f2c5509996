/** Tells of each new picture that a video element shows, with its media time. */
export class FrameLoop {
  #isOn = false;
  #lastTime = -1;

  /**
   * @param {HTMLVideoElement} video
   * @param {(video: HTMLVideoElement, mediaMs: number) => void} onFrame
   */
  constructor(video, onFrame) {
    this.video = video;
    this.onFrame = onFrame;
  }

  start() {
    if (this.#isOn) return;
    this.#isOn = true;
    this.#next();
  }

  stop() {
    this.#isOn = false;
  }

  #next() {
    if ("requestVideoFrameCallback" in this.video) {
      this.video.requestVideoFrameCallback((_, { mediaTime }) => this.#take(mediaTime));
    } else {
      // Browsers without it tell nothing of single frames: each time that is new is one.
      requestAnimationFrame(() => this.#take(/** @type {HTMLVideoElement} */ (this.video).currentTime));
    }
  }

  /** @param {number} timeS */
  #take(timeS) {
    if (!this.#isOn) return;
    // Asked for first: a frame that fails does not end the loop.
    this.#next();
    if (timeS !== this.#lastTime && this.video.videoWidth > 0) {
      this.#lastTime = timeS;
      this.onFrame(this.video, 1000 * timeS);
    }
  }
}
