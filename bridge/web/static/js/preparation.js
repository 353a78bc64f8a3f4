// Everything about devices before and during a call: asking for them, changing them, telling what is wrong with them.

import { showRoom } from './address.js';
import { reasonOf } from './media.js';
import { keepChoices } from './storage.js';

/** Where a camera may be on. */
const FILMED = ['check', 'pin', 'joining', 'waiting', 'room'];

export class Preparation {
  constructor({ dispatch, state, devices, sounds, session }) {
    this.dispatch = dispatch;
    this.state = state;
    this.devices = devices;
    this.sounds = sounds;
    this.session = session;
    this.pin = ''; // from the first page to the request that carries it, in memory only
  }

  /** From the first page to the device check. */
  async check({ room, name, host, pin }) {
    this.pin = pin;
    this.dispatch({ type: 'form-filled', form: { room, name, host } });
    showRoom(room);
    this.sounds.wake();
    this.dispatch({ type: 'check-opened' });
    await this.openMicrophone();
    if (this.state().view === 'check' && this.state().camera.on) await this.openCamera();
  }

  backToStart() {
    this.pin = '';
    this.session.letGo();
    this.dispatch({ type: 'start-opened' });
  }

  /** From the device check into the room, with the PIN if one was given. */
  async join(pin = this.pin) {
    this.pin = '';
    this.sounds.wake();
    const { room, name } = this.state().form;
    await this.session.join({ room, name, pin });
  }

  /** After a reload: the seat is still ours, the microphone is asked for again. */
  async comeBack(seat) {
    this.dispatch({ type: 'form-filled', form: { room: seat.room, name: seat.name, host: seat.host } });
    this.dispatch({ type: 'microphone', microphone: { on: !seat.muted } });
    this.dispatch({ type: 'join-asked' });
    await this.openMicrophone();
    if (seat.seen) await this.openCamera();
    else this.tell('camera', { on: false });
    await this.session.resume(seat);
  }

  /** Once more from the end of a conversation; who has a PIN is asked for it again. */
  async again() {
    const { room, name, host } = this.state().form;
    if (host) this.backToStart();
    else await this.check({ room, name, host: false, pin: '' });
  }

  async openMicrophone() {
    this.tell('microphone', { status: 'asking' });
    try {
      const stream = await this.devices.openMicrophone(this.chosen('microphone'));
      this.tell('microphone', { status: 'ok' });
      stream.getAudioTracks()[0].addEventListener('ended', () => this.microphoneGone(stream));
      this.sounds.listen(stream);
    } catch (error) {
      this.sounds.deafen();
      this.tell('microphone', { status: reasonOf(error) });
    }
    await this.relist();
    await this.session.microphoneChanged();
  }

  async openCamera() {
    this.tell('camera', { status: 'asking', on: true });
    try {
      const stream = await this.devices.openCamera(this.chosen('camera'));
      stream.getVideoTracks()[0].addEventListener('ended', () => this.cameraGone(stream));
      this.tell('camera', { status: 'ok' });
    } catch (error) {
      this.tell('camera', { status: reasonOf(error) });
    }
    // Somebody was quicker than the camera: nobody is to be filmed where there is no conversation.
    if (!FILMED.includes(this.state().view)) this.closeCamera();
    await this.relist();
    await this.session.pictures.cameraChanged();
  }

  async turnCameraOff() {
    this.closeCamera();
    this.tell('camera', { status: 'idle', on: false });
    await this.session.pictures.cameraChanged();
  }

  closeCamera() {
    this.devices.closeCamera();
    this.tell('camera', { status: 'idle' });
  }

  async choose(kind, id) {
    keepChoices({ [kind]: id });
    const chosen = { ...this.state().devices.chosen, [kind]: id };
    this.dispatch({ type: 'devices', devices: { chosen } });
    if (kind === 'microphone') await this.openMicrophone();
    else if (kind === 'camera') await this.openCamera();
    else await this.sounds.choose(id);
  }

  /** Something was plugged in or pulled out. */
  async devicesChanged() {
    await this.relist();
    const { status } = this.state().microphone;
    if (this.state().seat && (status === 'none' || status === 'gone')) await this.openMicrophone();
  }

  async microphoneGone(stream) {
    if (this.devices.microphone !== stream) return;
    this.tell('microphone', { status: 'gone' });
    await this.openMicrophone(); // the system's next choice
  }

  /** It was pulled out, or the permission taken back. */
  cameraGone(stream) {
    return this.devices.camera === stream ? this.turnCameraOff() : undefined;
  }

  async relist() {
    const lists = await this.devices.list().catch(() => ({}));
    this.dispatch({ type: 'devices', devices: lists });
    if (this.chosen('speaker')) await this.sounds.choose(this.chosen('speaker'));
  }

  chosen(kind) {
    return this.state().devices.chosen[kind];
  }

  tell(kind, change) {
    this.dispatch({ type: kind, [kind]: change });
  }
}
