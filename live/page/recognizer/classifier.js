/** @import { CompiledModel } from "@litertjs/core" */
/** @import { WindowInputs } from "./windows.js" */

const VENDOR = new URL("../../vendor/litert/", import.meta.url).href;

/** The exported bundle's file, run by LiteRT in this browser; model/litert.py. */
export class Classifier {
  /** @type {typeof import("@litertjs/core").Tensor} */ #Tensor;
  /** @type {CompiledModel} */ #model;

  /** @param {typeof import("@litertjs/core").Tensor} Tensor @param {CompiledModel} model */
  constructor(Tensor, model) {
    this.#Tensor = Tensor;
    this.#model = model;
  }

  /** @param {string} address of the .tflite file */
  static async load(address) {
    /** @type {typeof import("@litertjs/core")} */
    const litert = await import(`${VENDOR}index.js`);
    await litert.loadLiteRt(`${VENDOR}litert_wasm_compat_internal.js`);
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(`${address} cannot be had (${answer.status})`);
    const model = await litert.loadAndCompile(new Uint8Array(await answer.arrayBuffer()), { accelerator: "wasm" });
    return new Classifier(litert.Tensor, model);
  }

  /**
   * The probability of each label.
   * @param {WindowInputs} window
   * @returns {Promise<Float32Array>}
   */
  async answer({ rows, timesMs }) {
    const first = timesMs.find((ms) => ms >= 0) ?? 0;
    // The same steps from 0 on, as int32: a camera may run for more milliseconds than that holds.
    const steps = Int32Array.from(timesMs, (ms) => (ms >= 0 ? ms - first : -1));
    const inputs = {
      landmarks: new this.#Tensor(rows, [1, timesMs.length, 33, 3]),
      timestamps_ms: new this.#Tensor(steps, [1, timesMs.length]),
    };
    const outputs = await this.#model.run(inputs);
    const probabilities = /** @type {Float32Array} */ ((await outputs.probabilities.data()).slice());
    for (const tensor of [...Object.values(inputs), ...Object.values(outputs)]) tensor.delete();
    return probabilities;
  }
}
