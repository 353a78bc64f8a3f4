// What is seen: our camera on its way to the room, the room's picture, and slides both ways.

import { reasonOf } from './media.js';

/** Slides are mostly still: sharp rather than smooth. The bridge takes no larger pictures. */
const SCREEN = {
  video: { frameRate: { max: 15 }, width: { max: 1920 }, height: { max: 1080 } },
  audio: false,
};

/** Streams are here, and what the page shows of them is in the state. `session`: whose call and commands are used. */
export class Pictures {
  constructor({ dispatch, state, devices, session, notify }) {
    this.dispatch = dispatch;
    this.state = state;
    this.devices = devices;
    this.session = session;
    this.notify = notify;
    this.room = null; // MediaStream: the room's picture
    this.slides = null; // slides that others show, when we have them apart
    this.screen = null; // what we show
    this.presents = false; // the room shows it
  }

  /** What a new call begins with. */
  get offered() {
    return { camera: this.camera, slides: this.wishes };
  }

  get camera() {
    const { camera } = this.devices;
    return camera ? camera.getVideoTracks()[0] : null;
  }

  get wishes() {
    return { track: this.screen ? this.screen.getVideoTracks()[0] : null, wanted: this.state().slides.apart };
  }

  /** A track of the room's; it is shown as soon as something comes. */
  arrived(kind, track) {
    this[kind === 'slides' ? 'slides' : 'room'] = new MediaStream([track]);
    const tell = () => this.dispatch({ type: 'pictures', pictures: { [kind]: !track.muted } });
    track.addEventListener('mute', tell);
    track.addEventListener('unmute', tell);
    tell();
  }

  /** The call is over, and another one need not have slides: those of a room that we have left must not stay. */
  ended() {
    this.slides = null;
    this.dispatch({ type: 'pictures', pictures: { slides: false } });
  }

  /** The camera was turned on or off, or is another one. */
  async cameraChanged() {
    const { call } = this.session;
    if (!call) return;
    const { camera } = this;
    this.session.tellCamera(Boolean(camera));
    await call.film(camera);
  }

  // Slides

  /** Shows this computer's screen, a window of it, or a tab: the browser asks which. */
  async share() {
    let screen;
    try {
      screen = await navigator.mediaDevices.getDisplayMedia(SCREEN);
    } catch (error) {
      if (reasonOf(error) !== 'refused') this.notify('slides.impossible', {}, 'problem');
      return; // thought better of
    }
    const track = screen.getVideoTracks()[0];
    track.contentHint = 'detail';
    this.screen = screen;
    track.addEventListener('ended', () => this.screen === screen && this.unshare());
    this.dispatch({ type: 'slides', slides: { sharing: true } });
    await this.toldCall();
    if (!(await this.session.takeFloor())) await this.unshare();
  }

  async unshare() {
    if (!this.screen) return;
    this.drop();
    this.session.releaseFloor();
    await this.toldCall();
  }

  /** Others' slides beside the room's picture instead of in it, or the other way round. */
  async setApart(apart) {
    this.dispatch({ type: 'slides', slides: { apart } });
    if (!apart) this.slides = null;
    await this.toldCall();
  }

  /** Our own entry says whether the room shows our slides: another one may have taken our place, or a host it away. */
  async presented(on) {
    const before = this.presents;
    this.presents = on;
    if (before && !on && this.screen) {
      this.drop();
      await this.toldCall();
    }
  }

  async toldCall() {
    const { call } = this.session;
    if (call) await call.present(this.wishes);
  }

  /** Nothing is seen any more. */
  stop() {
    this.drop();
    this.room = this.slides = null;
    this.dispatch({ type: 'pictures', pictures: { picture: false, slides: false } });
  }

  drop() {
    if (this.screen) for (const track of this.screen.getTracks()) track.stop();
    this.screen = null;
    this.presents = false;
    this.dispatch({ type: 'slides', slides: { sharing: false } });
  }
}
