// Microphone, camera, and the lists of what there is to choose from.

const SOUND = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const PICTURE = { width: { ideal: 1280 }, height: { ideal: 720 } };

/** Why a device cannot be had, in the state's words: refused, none, busy or insecure. */
export function reasonOf(error) {
  switch (error && error.name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'refused';
    case 'NotFoundError':
    case 'OverconstrainedError':
    case 'DevicesNotFoundError':
      return 'none';
    case 'InsecureError':
      return 'insecure';
    default:
      return 'busy'; // NotReadableError, AbortError: something else has it, or the driver failed
  }
}

/** What keeps a browser from taking part, or '': 'insecure' (no HTTPS) or 'old'. */
export function lacking() {
  if (!window.isSecureContext) return 'insecure';
  const there =
    window.RTCPeerConnection &&
    window.EventSource &&
    window.AudioContext &&
    window.HTMLDialogElement &&
    navigator.mediaDevices &&
    navigator.mediaDevices.getUserMedia &&
    AbortSignal.any &&
    Intl.ListFormat;
  return there ? '' : 'old';
}

/** The user's devices. A device that is gone is replaced by the system's own choice. */
export class Devices {
  constructor() {
    this.microphone = null; // MediaStream
    this.camera = null;
  }

  async openMicrophone(id) {
    this.closeMicrophone();
    this.microphone = await open('audio', SOUND, id);
    return this.microphone;
  }

  async openCamera(id) {
    this.closeCamera();
    this.camera = await open('video', PICTURE, id);
    return this.camera;
  }

  get microphoneTrack() {
    return this.microphone ? this.microphone.getAudioTracks()[0] : null;
  }

  closeMicrophone() {
    stop(this.microphone);
    this.microphone = null;
  }

  closeCamera() {
    stop(this.camera);
    this.camera = null;
  }

  /** {microphones, cameras, speakers}: lists of {id, label}. Labels are there once one device was allowed. */
  async list() {
    const all = await navigator.mediaDevices.enumerateDevices();
    const of = (kind) =>
      all
        .filter((device) => device.kind === kind && device.deviceId)
        .map((device) => ({ id: device.deviceId, label: device.label }));
    return { microphones: of('audioinput'), cameras: of('videoinput'), speakers: of('audiooutput') };
  }
}

async function open(kind, wish, id) {
  const ask = (constraints) => navigator.mediaDevices.getUserMedia({ [kind]: constraints });
  if (!id) return ask(wish);
  try {
    return await ask({ ...wish, deviceId: { exact: id } });
  } catch (error) {
    if (reasonOf(error) !== 'none') throw error;
    return ask(wish);
  }
}

function stop(stream) {
  if (stream) for (const track of stream.getTracks()) track.stop();
}
