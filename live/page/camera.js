/** A camera's failure, in words for the person in front of it. */
export class CameraError extends Error {}

/** @type {Record<string, string>} */
const WORDS = {
  NotAllowedError:
    "The camera is not allowed. Click the camera or lock sign beside the address, allow the camera, and try again. You can also choose a video file.",
  NotFoundError: "No camera was found. Plug one in and try again, or choose a video file.",
  NotReadableError: "The camera does not start. Close other programs that use it, and try again.",
  OverconstrainedError: "This camera is not there any more. Choose another one.",
};

/**
 * Opens a camera.
 * @param {string} deviceId of one camera; empty: the one that looks at the person
 */
export async function openCamera(deviceId) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new CameraError(
      "The browser gives no camera to this page: its address must begin with https:// or be http://localhost. You can choose a video file.",
    );
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: {
        ...(deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" }),
        width: { ideal: 640 },
        height: { ideal: 480 },
        frameRate: { ideal: 30 },
      },
    });
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    throw new CameraError(WORDS[name] ?? `The camera does not start (${error}). Try again, or choose a video file.`);
  }
}

/** The cameras that this page may choose from; their names are known once one was allowed. */
export async function listCameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return devices
    .filter((device) => device.kind === "videoinput")
    .map((device, index) => ({ id: device.deviceId, name: device.label || `Camera ${index + 1}` }));
}
