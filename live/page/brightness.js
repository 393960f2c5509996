const STEP_PX = 16;

/** How bright a picture is: the mean luma of every 16th pixel of every 16th row; beam_jobs/video/frames.py, mean_brightness. */
export class BrightnessMeter {
  #canvas = document.createElement("canvas");
  #context = /** @type {CanvasRenderingContext2D} */ (this.#canvas.getContext("2d", { willReadFrequently: true }));

  /**
   * @param {CanvasImageSource} picture
   * @param {number} widthPx
   * @param {number} heightPx
   * @returns {number} 0 (black) to 255 (white)
   */
  measure(picture, widthPx, heightPx) {
    const width = Math.ceil(widthPx / STEP_PX);
    const height = Math.ceil(heightPx / STEP_PX);
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    this.#context.imageSmoothingEnabled = false;
    // Pixel k of the small picture takes the pixel below its middle: moved so, that is pixel 16 k.
    const shift = (STEP_PX / 2 - 0.5) / STEP_PX;
    this.#context.setTransform(1 / STEP_PX, 0, 0, 1 / STEP_PX, shift, shift);
    this.#context.drawImage(picture, 0, 0, widthPx, heightPx);
    const { data } = this.#context.getImageData(0, 0, width, height);
    let total = 0;
    for (let i = 0; i < data.length; i += 4) total += 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2];
    return total / (data.length / 4);
  }
}
